"""Every number of the board counts exactly the cases that stand behind it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crm.store import Store
from router.behind import Number, What, find_cases_behind
from router.live import Live
from router.metrics import read_board
from tests.router.records import (
    HandClock,
    a_case,
    a_contact,
    a_department,
    an_employee,
    ids,
    keep,
    minutes_ago,
)


@pytest.fixture
async def filled(store: Store) -> Store:
    begun = minutes_ago(30)
    await keep(store, a_department(), a_department("billing"), an_employee())
    await keep(
        store,
        a_case("1", queued=minutes_ago(20)),
        a_case("2", queued=minutes_ago(10), department_id="billing"),
        a_case("3", state="reserved", assignee_id="anna"),
        a_case(
            "4",
            state="assigned",
            assignee_id="anna",
            queued=begun,
            first_answered_at=begun + timedelta(minutes=9),
        ),
        a_case("5", state="closed", open=False, assignee_id="anna"),
    )
    await keep(
        store,
        a_contact("m1", case_id="1", received_at=minutes_ago(20)),
        a_contact("m2", case_id="1", received_at=minutes_ago(19)),
        a_contact("m3", case_id="4", received_at=minutes_ago(21), direction="outbound"),
        a_contact("c1", channel="chat", case_id="2", received_at=minutes_ago(5)),
        a_contact("m0", case_id="5", received_at=minutes_ago(61)),
    )
    return store


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (Number("waiting"), ["1", "2"]),
        (Number("waiting", department_id="billing"), ["2"]),
        (Number("offered", department_id="front-desk"), ["3"]),
        (Number("in_work"), ["4"]),
        (Number("open", department_id="front-desk"), ["1", "3", "4"]),
        (Number("held", employee_id="anna"), ["3", "4"]),
        (Number("received", channel="email"), ["1"]),
        (Number("received"), ["1", "2"]),
        (Number("sent", channel="email"), ["4"]),
        (Number("answered", channel="email"), ["4"]),
        (Number("answered", channel="chat"), []),
    ],
)
async def test_behind_a_number_stand_its_cases(
    number: Number, expected: list[str], filled: Store, clock: HandClock
) -> None:
    found = await find_cases_behind(filled, number, clock=clock)
    assert (sorted(ids(found.cases)), found.more) == (expected, False)


async def test_the_board_says_as_many_as_stand_behind(filled: Store, live: Live, clock: HandClock) -> None:
    board = await read_board(filled, live, clock)

    async def behind(what: What) -> int:
        return len((await find_cases_behind(filled, Number(what), clock=clock)).cases)

    assert board.waiting == await behind("waiting")
    assert board.open == await behind("open")
    assert board.answers.answered == await behind("answered")


async def test_of_many_the_first_are_shown_and_it_is_said_so(filled: Store, clock: HandClock) -> None:
    found = await find_cases_behind(filled, Number("open"), clock=clock, limit=2)
    assert (len(found.cases), found.more) == (2, True)

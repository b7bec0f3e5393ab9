"""The numbers of the board are what somebody with a pencil would get from the same records."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crm.case import LOW, NORMAL, URGENT, Case
from crm.collections import CASES
from crm.store import Insert, Store
from router.live import Live
from router.metrics import answer_times, find_longest_waiting, nearest_rank, read_board
from tests.router.records import (
    MONDAY_NOON,
    HandClock,
    a_case,
    a_contact,
    a_department,
    an_employee,
    keep,
    minutes_ago,
)


def answered(id: str, *, opened: float, after: float, **fields: Any) -> Case:
    """A case opened so many minutes ago, first answered so many minutes later."""
    begun = minutes_ago(opened)
    return a_case(
        id,
        queued=begun,
        state="assigned",
        assignee_id="anna",
        first_answered_at=begun + timedelta(minutes=after),
        **fields,
    )


async def test_an_empty_house_has_an_empty_board(store: Store, live: Live, clock: HandClock) -> None:
    board = await read_board(store, live, clock)
    assert (board.waiting, board.open, board.longest, board.departments, board.agents) == (0, 0, None, (), ())
    assert board.answers.median is None


async def test_cases_are_counted_by_department_and_state(store: Store, live: Live, clock: HandClock) -> None:
    await keep(store, a_department("front-desk"), a_department("billing"), a_department("old", active=False))
    await keep(
        store,
        a_case("1", queued=minutes_ago(7)),
        a_case("2", queued=minutes_ago(3)),
        a_case("3", state="reserved", assignee_id="anna"),
        a_case("4", state="assigned", assignee_id="anna"),
        a_case("5", state="closed", open=False, assignee_id="anna"),
        a_case("6", department_id="billing", queued=minutes_ago(20)),
    )
    board = await read_board(store, live, clock)
    billing, desk = board.departments
    assert (billing.department_id, billing.waiting, billing.longest_wait) == ("billing", 1, 20 * 60)
    assert (desk.waiting, desk.offered, desk.in_work, desk.open) == (2, 1, 1, 4)
    assert (desk.longest_wait, desk.longest_case_id) == (7 * 60, "1")
    assert (board.waiting, board.open) == (3, 5)
    assert board.longest == billing


async def test_the_longest_wait_is_not_hidden_by_urgent_cases(store: Store) -> None:
    cases = [a_case(f"u{n}", priority=URGENT, queued=minutes_ago(n / 10)) for n in range(450)]
    cases += [a_case("low", priority=LOW, queued=minutes_ago(600))]
    cases += [a_case(f"n{n}", priority=NORMAL, queued=minutes_ago(300 + n / 10)) for n in range(250)]
    await store.commit([Insert(CASES, case) for case in cases])
    oldest = await find_longest_waiting(store, "front-desk")
    assert oldest is not None
    assert oldest.id == "low"


async def test_load_is_what_dispatch_counts_against_capacity(
    store: Store, live: Live, clock: HandClock
) -> None:
    await keep(
        store, an_employee("anna", capacity=3), an_employee("boris"), an_employee("chief", role="admin")
    )
    await keep(store, an_employee("gone", active=False))
    await keep(
        store,
        a_case("1", state="assigned", assignee_id="anna"),
        a_case("2", state="assigned", assignee_id="anna", waiting_since=None),
        a_case("3", state="reserved", assignee_id="anna", waiting_since=None),
        a_case("5", state="reserved", assignee_id="anna"),
        a_case("4", state="closed", open=False, assignee_id="anna"),
    )
    await live.arrive("anna", "page", "ready")
    board = await read_board(store, live, clock)
    anna, boris = board.agents
    assert (anna.employee_id, anna.status, anna.load, anna.open, anna.capacity) == ("anna", "ready", 3, 4, 3)
    assert (boris.employee_id, boris.status, boris.load, boris.since) == ("boris", "offline", 0, None)


async def test_ready_agents_are_counted_for_each_of_their_departments(
    store: Store, live: Live, clock: HandClock
) -> None:
    await keep(store, a_department("front-desk"), a_department("billing"))
    await keep(store, an_employee("anna", department_ids=("front-desk", "billing")), an_employee("boris"))
    await live.arrive("anna", "page", "ready")
    await live.arrive("boris", "page", "away")
    board = await read_board(store, live, clock)
    assert {line.department_id: line.agents_ready for line in board.departments} == {
        "front-desk": 1,
        "billing": 1,
    }


async def test_the_last_hour_is_counted_by_channel(store: Store, live: Live, clock: HandClock) -> None:
    """Mail: answered after 5, 10 and 45 minutes; chat: after 1. An answer 61 minutes ago is history."""
    await keep(
        store,
        answered("1", opened=50, after=5),
        answered("2", opened=30, after=10),
        answered("3", opened=100, after=45),
        answered("4", opened=20, after=1, channel="chat"),
        answered("5", opened=90, after=29),
    )
    sent = {"1": 45, "2": 20, "3": 55, "4": 19, "5": 61}
    await keep(
        store,
        *(
            a_contact(
                f"a{id_}",
                channel="chat" if id_ == "4" else "email",
                direction="outbound",
                case_id=id_,
                received_at=minutes_ago(ago),
            )
            for id_, ago in sent.items()
        ),
        a_contact("again", direction="outbound", case_id="5", received_at=minutes_ago(5)),
        *(a_contact(f"in{n}", received_at=minutes_ago(n)) for n in (1, 2, 59.99, 60, 60.01, 300)),
    )
    board = await read_board(store, live, clock)
    mail, chat = board.channels
    assert (mail.channel, mail.received, mail.sent) == ("email", 4, 4)
    assert (mail.answers.answered, mail.answers.median, mail.answers.p90) == (3, 600, 2700)
    assert mail.answers.average == 1200
    assert (chat.channel, chat.received, chat.sent, chat.answers.median) == ("chat", 0, 1, 60)
    assert (board.answers.answered, board.answers.median, board.answers.p90) == (4, 450, 2700)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.9, 7),
        (list(range(1, 11)), 0.9, 9),
        (list(range(1, 12)), 0.9, 10),
        (list(range(1, 101)), 0.9, 90),
        ([15, 20, 35, 40, 50], 0.3, 20),
        ([15, 20, 35, 40, 50], 1.0, 50),
    ],
)
def test_a_percentile_is_the_nearest_rank(values: list[float], share: float, expected: float) -> None:
    assert nearest_rank(values, share) == expected


def test_a_case_without_an_answer_has_no_time() -> None:
    assert answer_times([a_case(queued=MONDAY_NOON)]).answered == 0

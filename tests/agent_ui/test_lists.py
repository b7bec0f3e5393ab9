"""The lists of the inbox: what they hold, in which order, and a page at a time."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import MultiDict

from agent_ui import lists
from agent_ui.lists import NAMES, Chosen, belongs, count_waiting, place, read_chosen, read_page
from crm.case import Case
from crm.employee import Employee
from crm.errors import BadInput
from crm.store import Store
from storage.sqlite import open_sqlite
from tests.router.house import ANNA, BORIS, OLGA, furnish_house
from tests.router.records import a_case, an_employee, keep, minutes_ago

ROOT = an_employee("root", role="admin", department_ids=())
DEPARTMENTS = ("front-desk", "technical", "billing")
CHANNELS = ("email", "chat", "phone")


def some_cases(seed: int, number: int) -> list[Case]:
    chance = random.Random(seed)
    made = []
    for index in range(number):
        state = chance.choice(("queued", "queued", "reserved", "assigned", "closed"))
        # Few different moments: many cases have the same one, and the id must tell them apart.
        at = minutes_ago(chance.randrange(0, 40))
        made.append(
            a_case(
                str(100_001 + index),
                queued=at,
                state=state,
                open=state != "closed",
                assignee_id="" if state == "queued" else chance.choice(("anna", "boris")),
                department_id=chance.choice(DEPARTMENTS),
                channel=chance.choice(CHANNELS),
                priority=chance.choice((1, 2, 3, 4)),
                waiting_since=chance.choice((at, None)),
                reserved_until=at + timedelta(minutes=1) if state == "reserved" else None,
                updated_at=minutes_ago(chance.randrange(0, 40)),
            )
        )
    return made


async def every_page(store: Store, me: Employee, chosen: Chosen) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        page = await read_page(store, me, chosen, after=after)
        found += [case.id for case in page.cases]
        after = page.more
        if not after:
            return found


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10_000),
    name=st.sampled_from(NAMES),
    me=st.sampled_from((ANNA, BORIS, OLGA, ROOT)),
    channel=st.sampled_from(("", *CHANNELS)),
    department=st.sampled_from(("", "front-desk", "billing")),
    priority=st.sampled_from(("", "1")),
)
async def test_the_pages_of_a_list_are_its_cases_each_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    name: lists.Name,
    me: Employee,
    channel: str,
    department: str,
    priority: str,
) -> None:
    cases = some_cases(seed, 130)
    chosen = Chosen(list=name, channel=channel, department=department, priority=priority)
    async with open_sqlite(tmp_path_factory.mktemp("lists") / "store.sqlite") as store:
        await furnish_house(store)
        await keep(store, *cases)
        found = await every_page(store, me, chosen)
    # What the page's own script does with a row that came by itself must agree with what was read.
    shown = {case.id: place(chosen, case) for case in cases if belongs(me, chosen, case)}
    assert sorted(found) == sorted(shown)
    assert [shown[case_id] for case_id in found] == sorted(shown.values())


async def test_what_is_offered_stands_above_what_waits_and_what_i_wait_for_below(tmp_path: Path) -> None:
    cases = (
        a_case("1", waiting_since=None, state="assigned", assignee_id="anna"),
        a_case("2", queued=minutes_ago(5), state="assigned", assignee_id="anna"),
        a_case("3", queued=minutes_ago(50), state="assigned", assignee_id="anna"),
        a_case("4", queued=minutes_ago(1), priority=1, state="assigned", assignee_id="anna"),
        a_case("5", state="reserved", assignee_id="anna", reserved_until=minutes_ago(0)),
    )
    async with open_sqlite(tmp_path / "store.sqlite") as store:
        await keep(store, *cases)
        assert await every_page(store, ANNA, Chosen()) == ["5", "4", "3", "2", "1"]


async def test_the_numbers_on_the_tabs_count_what_waits_for_me(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "store.sqlite") as store:
        await furnish_house(store)
        await keep(
            store,
            a_case("1"),
            a_case("2", department_id="technical"),
            a_case("3", state="assigned", assignee_id="anna"),
            a_case("4", state="closed", open=False, assignee_id="anna"),
        )
        assert await count_waiting(store, ANNA) == (1, 1)
        assert await count_waiting(store, ROOT) == (0, 2)


async def test_a_page_that_begins_nowhere_is_refused_by_name(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "store.sqlite") as store:
        for cursor in ("nonsense", "|", "2026-01-01T00:00:00|1", "2026-13-45|1"):
            with pytest.raises(BadInput) as refused:
                await read_page(store, ANNA, Chosen(list="all"), after=cursor)
            assert refused.value.field == "after"


@given(
    st.dictionaries(st.sampled_from(("list", "channel", "department", "state", "priority", "x")), st.text())
)
def test_any_address_opens_some_list(query: dict[str, str]) -> None:
    chosen = read_chosen(MultiDict(query))
    assert chosen.list in NAMES
    assert read_chosen(MultiDict(parse_qsl(chosen.query))) == chosen

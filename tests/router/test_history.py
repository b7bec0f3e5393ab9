"""Whoever opens a case sees everything earlier of its customer, on any channel, in order, page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.case import Decision
from crm.collections import CONTACTS, ENTRIES
from crm.contact import Address, AddressKind, Contact
from crm.errors import BadInput, NotFound, OnewindowError
from crm.store import Store, equals
from router.history import (
    Timeline,
    TimelineItem,
    attach_history,
    happened_at,
    read_case_timeline,
    read_timeline,
)
from tests.router.house import OLGA, STAFF, House, an_arrival, open_house
from tests.router.records import a_customer, an_address, keep, minutes_ago

WHO = ("ivan", "maria")
CHANNELS: dict[str, AddressKind] = {
    "email": "email",
    "chat": "visitor",
    "phone": "phone",
    "fax": "fax",
    "desk": "postal",
}


def address_of(who: str, kind: AddressKind) -> Address:
    number = f"+7495123450{WHO.index(who)}"
    values: dict[str, str] = {"email": f"{who}@example.com", "phone": number, "fax": number}
    return Address(kind=kind, value=values.get(kind, f"{who}'s"))


async def furnish(house: House) -> None:
    for who in WHO:
        await keep(house.store, a_customer(who))
        for kind in CHANNELS.values():
            address = address_of(who, kind)
            await keep(house.store, an_address(f"{kind}:{address.value.lower()}", who))


async def whole(store: Store, customer_id: str, *, limit: int = 1000) -> list[TimelineItem]:
    """The customer's timeline, read to its end in pages of that many."""
    return await read_to_the_end(lambda before: read_timeline(store, customer_id, before=before, limit=limit))


async def read_to_the_end(read: Callable[[str], Awaitable[Timeline]]) -> list[TimelineItem]:
    items: list[TimelineItem] = []
    before = ""
    while True:
        page = await read(before)
        items += page.items
        if not page.more:
            return items
        assert page.items, "a page that says there is more brings something"
        before = page.more


class Deed(NamedTuple):
    """Something that happens: by whom, with which of the customers, on which channel, how much later."""

    what: str
    who: int
    channel: str
    by: int
    later: int  # seconds; at 0 it happens in the same instant
    on_time: bool  # or received an hour ago and brought in only now


DEEDS = st.lists(
    st.builds(
        Deed,
        what=st.sampled_from(
            [
                "write",
                "write",
                "answer",
                "decide",
                "close",
                "note",
                "transfer",
                "return",
                "accept",
                "reopen",
                "take",
            ]
        ),
        who=st.integers(0, 1),
        channel=st.sampled_from(sorted(CHANNELS)),
        by=st.integers(0, len(STAFF) - 1),
        later=st.sampled_from([0, 0, 1, 60, 86_400, 20 * 86_400]),
        on_time=st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


@given(DEEDS, st.lists(st.integers(1, 60), min_size=3, max_size=3))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whoever_opens_a_case_sees_everything_earlier_whatever_happened(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[Deed], sizes: list[int]
) -> None:
    async with open_house(tmp_path_factory.mktemp("past")) as house:
        await furnish(house)
        happened: dict[str, list[str]] = {who: [] for who in WHO}
        for number, deed in enumerate(deeds):
            house.clock.pass_by(seconds=deed.later)
            who = WHO[deed.who]
            with suppress(OnewindowError):  # what may not be done now is not done, and leaves nothing
                happened[who] += await do(house, deed, number)
            await check_history(house, who, happened[who], sizes[number % 3])
        for who in WHO:
            await check_all_there_is(house, who, sizes)


async def do(house: House, deed: Deed, number: int) -> list[str]:
    """Ids of the contacts and decisions that this brought."""
    who, by, work = WHO[deed.who], STAFF[deed.by], house.casework
    if deed.what == "write":
        sender = address_of(who, CHANNELS[deed.channel])
        at = house.clock() if deed.on_time else minutes_ago(60)
        receipt = await house.intake.accept(
            an_arrival(f"{number}", f"слова {number}", channel=deed.channel, sender=sender, received_at=at)
        )
        assert receipt.customer_id == who
        return [receipt.contact_id]
    case = next((case for case in reversed(await house.cases()) if case.customer_id == who), None)
    if case is None:
        return []
    if deed.what == "answer":
        to = address_of(who, "email")
        return [(await work.answer(case.id, by, channel="email", to=to, text="Чиним")).id]
    if deed.what in ("decide", "close"):
        before = {entry.id for entry in await house.entries(case.id)}
        await work.decide(case.id, by, code="solved", close=deed.what == "close")
        return [
            entry.id
            for entry in await house.entries(case.id)
            if isinstance(entry, Decision) and entry.id not in before
        ]
    other: dict[str, Callable[[], Awaitable[object]]] = {
        "note": lambda: work.note(case.id, by, "заметка"),
        "transfer": lambda: work.transfer(case.id, by, ("technical", "billing")[number % 2], "причина"),
        "return": lambda: work.return_transfer(case.id, by, "не наше"),
        "accept": lambda: work.accept_transfer(case.id, by),
        "reopen": lambda: work.reopen(case.id, by, "ещё раз"),
        "take": lambda: work.take(case.id, by),
    }
    await other[deed.what]()
    return []


async def check_history(house: House, who: str, happened: list[str], size: int) -> None:
    """What is attached when a case of his is opened now, and what can be turned back to from there."""
    timeline = await whole(house.store, who, limit=size)
    ids = [item.id for item in timeline]
    assert set(happened) <= set(ids)
    assert len(set(ids)) == len(ids)
    moments = [(happened_at(item), item.id) for item in timeline]
    assert moments == sorted(moments, reverse=True)
    history = await attach_history(house.store, who, recent=size)
    assert list(history.recent) == timeline[:size]
    cases = [case for case in await house.cases() if case.customer_id == who]
    assert {case.id for case in history.open_cases} == {case.id for case in cases if case.open}
    assert (history.totals.cases, history.totals.open_cases) == (len(cases), len(history.open_cases))
    assert history.totals.contacts == sum(isinstance(item, Contact) for item in timeline)
    assert len(history.addresses) == len(CHANNELS)


async def check_all_there_is(house: House, who: str, sizes: list[int]) -> None:
    """Every record of his is in the timeline, whatever the page; and each case shows its own part of it."""
    mine = equals("customer_id", who)
    stored = {item.id for item in await house.store.find(CONTACTS, mine, limit=10_000)}
    stored |= {item.id for item in await house.store.find(ENTRIES, mine, limit=10_000)}
    timeline = await whole(house.store, who)
    assert {item.id for item in timeline} == stored
    for size in (1, 2, *sizes):
        assert await whole(house.store, who, limit=size) == timeline
    parts: set[str] = set()
    for case in [case for case in await house.cases() if case.customer_id == who]:

        async def read(before: str, case_id: str = case.id) -> Timeline:
            return await read_case_timeline(house.store, case_id, before=before, limit=sizes[0])

        part = await read_to_the_end(read)
        assert part == [item for item in timeline if item.case_id == case.id]
        parts |= {item.id for item in part}
    assert parts == stored


async def test_a_page_that_was_begun_is_not_disturbed_by_what_comes_meanwhile(house: House) -> None:
    await furnish(house)
    for number in range(10):
        house.clock.pass_by(seconds=1)
        await house.intake.accept(an_arrival(f"{number}", received_at=house.clock()))
    before = [item.id for item in await whole(house.store, "ivan")]
    first = await read_timeline(house.store, "ivan", limit=7)
    house.clock.pass_by(seconds=1)
    await house.intake.accept(an_arrival("new", received_at=house.clock()))
    rest = await read_timeline(house.store, "ivan", before=first.more, limit=100)
    assert [item.id for item in (*first.items, *rest.items)] == before


async def test_the_history_of_nobody_is_not_found(house: House) -> None:
    with pytest.raises(NotFound) as caught:
        await attach_history(house.store, "nobody")
    assert caught.value.field == "customer_id"


async def test_somebody_new_has_a_history_of_nothing(house: House) -> None:
    await keep(house.store, a_customer("new"))
    history = await attach_history(house.store, "new")
    assert (history.recent, history.open_cases, history.totals.contacts) == ((), (), 0)
    assert await read_timeline(house.store, "new") == Timeline(())


@pytest.mark.parametrize(
    "before", ["x", "|", "2026-03-02", "2026-03-02T12:00:00|id", "|id", "2026-03-02T12:00:00+00:00|\ud800"]
)
async def test_a_page_that_begins_nowhere_is_refused_by_its_name(house: House, before: str) -> None:
    with pytest.raises(BadInput) as caught:
        await read_timeline(house.store, "ivan", before=before)
    assert caught.value.field == "before"


@given(
    st.text()
    | st.builds(
        lambda at, item: f"{at.isoformat()}|{item}", st.datetimes(timezones=st.timezones()), st.text()
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_page_breaks_the_timeline(tmp_path_factory: pytest.TempPathFactory, before: str) -> None:
    async with open_house(tmp_path_factory.mktemp("page")) as house:
        with suppress(BadInput):
            await read_timeline(house.store, "ivan", before=before)


async def test_a_supervisor_who_reopens_sees_what_was_decided_before(house: House) -> None:
    await furnish(house)
    receipt = await house.intake.accept(an_arrival("m1"))
    await house.casework.decide(receipt.case_id, OLGA, code="refused", text="нет возможности")
    house.clock.pass_by(days=30)
    await house.intake.accept(an_arrival("m2", channel="phone", sender=address_of("ivan", "phone")))
    history = await attach_history(house.store, "ivan")
    assert "refused" in [item.code for item in history.recent if isinstance(item, Decision)]

"""Accepted means stored: a contact is kept once, whole, and never lost, whatever goes wrong around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.case import Opened
from crm.collections import CONTACTS, DEAD_LETTERS
from crm.contact import Arrival, Receipt, blob_id, contact_id
from crm.errors import AgainLater, OnewindowError, QueueFull
from crm.record import new_id
from crm.store import Replace, Store, Write
from router import intake as module
from router.dead_letters import replay
from router.intake import Intake
from router.live import Event, Live
from router.walk import Walk
from tests.polling import until
from tests.router.house import (
    ANNA,
    BOOK,
    House,
    a_message,
    all_departments,
    an_arrival,
    check_cases,
    open_house,
)


async def accept_all(house: House, *arrivals: Arrival) -> list[Receipt]:
    """All at once, as a burst from many peers: the first waits alone, the rest make batches."""
    return await asyncio.gather(*(house.intake.accept(arrival) for arrival in arrivals))


class Gate:
    """A store whose commits wait until a test lets them through."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.open = asyncio.Event()
        self.knocked = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, writes: Sequence[Write], blobs: Mapping[str, bytes] | None = None) -> None:
        self.knocked.set()
        await self.open.wait()
        await self._store.commit(writes, blobs)


@asynccontextmanager
async def gated(house: House, *, size: int = 2000, batch: int = 64) -> AsyncIterator[tuple[Gate, Intake]]:
    """A second intake of the house, whose commits a test holds up."""
    gate = Gate(house.store)
    store = cast(Store, gate)
    walk = Walk(house.store, BOOK, all_departments, clock=house.clock, new_id=new_id)
    intake = Intake(store, walk, house.live, size=size, batch=batch)
    async with intake.running():
        try:
            yield gate, intake
        finally:
            gate.open.set()


async def test_an_accepted_contact_is_stored_with_its_case_and_its_files(house: House) -> None:
    raw = b"Subject: x\r\n\r\nhello"
    receipt = await house.intake.accept(an_arrival("m1", raw=blob_id(raw), blobs={blob_id(raw): raw}))
    contact = await house.contact("m1")
    case = await house.case(receipt.case_id)
    assert (contact.case_id, contact.customer_id, contact.number) == (case.id, case.customer_id, 1)
    assert (case.contacts, case.state, case.department_id) == (1, "queued", "front-desk")
    assert case.waiting_since == house.clock()
    assert await house.store.read_blob(contact.raw) == raw
    (opened,) = await house.entries(case.id)
    assert isinstance(opened, Opened)
    assert opened.trace == case.trace != ()


async def test_nothing_is_acknowledged_before_it_is_committed(house: House) -> None:
    async with gated(house) as (gate, intake):
        accepting = asyncio.create_task(intake.accept(an_arrival("m1")))
        await gate.knocked.wait()
        assert not accepting.done()
        assert await house.store.get(CONTACTS, "email:m1") is None
        gate.open.set()
        await accepting
        assert await house.store.get(CONTACTS, "email:m1") is not None


async def test_a_source_that_waits_too_long_is_told_to_come_again_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)
    async with gated(house, batch=1) as (gate, intake):
        first = asyncio.create_task(intake.accept(an_arrival("m1")))
        await gate.knocked.wait()
        second = asyncio.create_task(intake.accept(an_arrival("m2")))
        for late in (first, second):
            with pytest.raises(QueueFull):
                await late
        gate.open.set()
        repeated = await accept_again(intake, an_arrival("m1"))
    assert repeated.repeated
    assert (await house.contact("m2")).case_id


async def accept_again(intake: Intake, arrival: Arrival) -> Receipt:
    """As the peer does until it is told that it was received."""
    while True:
        try:
            return await intake.accept(arrival)
        except AgainLater:
            continue


async def test_a_retry_is_accepted_but_not_added_again(house: House) -> None:
    first = await house.intake.accept(an_arrival("m1"))
    again = await house.intake.accept(an_arrival("m1"))
    assert again == first._replace(repeated=True)
    assert len(await house.contacts()) == 1
    assert (await house.case(first.case_id)).contacts == 1


async def test_a_retry_in_the_same_batch_is_not_added_again(house: House) -> None:
    receipts = await accept_all(house, *[an_arrival("m1") for _ in range(40)])
    assert sorted(receipt.repeated for receipt in receipts) == [False] + [True] * 39
    assert {receipt.case_id for receipt in receipts} == {receipts[0].case_id}
    assert len(await house.contacts()) == 1


async def test_a_retry_after_a_restart_is_not_added_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        first = await house.intake.accept(an_arrival("m1"))
    async with open_house(tmp_path) as house:
        assert await house.intake.accept(an_arrival("m1")) == first._replace(repeated=True)
        assert len(await house.contacts()) == 1


async def test_case_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    numbers = []
    for key in ("m1", "m2", "m3"):
        async with open_house(tmp_path) as house:
            numbers.append(int((await house.intake.accept(an_arrival(key))).case_id))
    assert numbers == sorted(set(numbers))


async def test_a_reused_key_with_other_words_is_another_contact(house: House) -> None:
    first = await house.intake.accept(an_arrival("m1", "one", fingerprint="aaaa"))
    other = await house.intake.accept(an_arrival("m1", "two", fingerprint="bbbb"))
    retry = await house.intake.accept(an_arrival("m1", "two", fingerprint="bbbb"))
    third = await house.intake.accept(an_arrival("m1", "three", fingerprint="cccc"))
    assert not other.repeated
    assert retry == other._replace(repeated=True)
    assert len({first.contact_id, other.contact_id, third.contact_id}) == 3
    assert {contact.text for contact in await house.contacts()} == {"one", "two", "three"}


async def test_a_reused_key_with_other_words_in_one_batch_is_another_contact(house: House) -> None:
    words = ["zero", "one", "two", "one", "two", "zero"]
    receipts = await accept_all(
        house, *[an_arrival("m1", said, fingerprint=f"print-{said}") for said in words]
    )
    assert sorted(contact.text for contact in await house.contacts()) == ["one", "two", "zero"]
    assert sum(receipt.repeated for receipt in receipts) == 3
    by_words = {said: receipt.contact_id for said, receipt in zip(words, receipts, strict=True)}
    assert len(set(by_words.values())) == 3


async def test_a_full_queue_refuses_and_takes_again_when_there_is_room(house: House) -> None:
    async with gated(house, size=3, batch=1) as (gate, intake):
        under_way = asyncio.create_task(intake.accept(an_arrival("m0")))
        await gate.knocked.wait()
        waiting = [asyncio.create_task(intake.accept(an_arrival(f"m{n}"))) for n in (1, 2, 3)]
        await until(waiting_in(intake), 3)
        with pytest.raises(QueueFull):
            await intake.accept(an_arrival("m4"))
        gate.open.set()
        await asyncio.gather(under_way, *waiting)
        await intake.accept(an_arrival("m4"))
    assert len(await house.contacts()) == 5


def waiting_in(intake: Intake) -> Any:
    async def look() -> int:
        return intake.waiting

    return look


async def test_closing_routes_what_waits_and_then_refuses(house: House) -> None:
    async with gated(house, batch=2) as (gate, intake):
        accepting = [asyncio.create_task(intake.accept(an_arrival(f"m{n}"))) for n in range(9)]
        await gate.knocked.wait()
    receipts = await asyncio.gather(*accepting)
    assert {receipt.contact_id for receipt in receipts} == {f"email:m{n}" for n in range(9)}
    assert len(await house.contacts()) == 9
    with pytest.raises(AgainLater):
        await intake.accept(an_arrival("late"))


async def test_a_caller_who_gives_up_neither_loses_the_contact_nor_stops_the_others(house: House) -> None:
    async with gated(house) as (gate, intake):
        accepting = [asyncio.create_task(intake.accept(an_arrival(f"m{n}"))) for n in range(10)]
        await gate.knocked.wait()
        for gone in accepting[::2]:
            gone.cancel()
        await asyncio.wait(accepting[::2])
        gate.open.set()
        await asyncio.gather(*accepting[1::2])
    assert len(await house.contacts()) == 10
    assert (await house.intake.accept(an_arrival("m0"))).repeated


async def test_a_contact_that_breaks_routing_is_kept_and_the_others_of_its_batch_go_on(
    tmp_path: Path,
) -> None:
    fault = Fault()
    async with open_house(tmp_path, departments=fault) as house:
        fault.breaks = 2  # the batch as a whole, then the first of it alone
        arrivals = [an_arrival(f"m{n}", sender=f"s{n}@example.com") for n in range(20)]
        receipts = await accept_all(house, *arrivals)
        assert [receipt.contact_id for receipt in receipts if receipt.dead_letter] == ["email:m0"]
        assert {contact.key for contact in await house.contacts()} == {f"m{n}" for n in range(1, 20)}
        assert len(await house.customers()) == 19
        await check_cases(house)


async def test_a_contact_stored_before_the_fault_is_no_dead_letter(house: House) -> None:
    intake = Intake(house.store, house.walk, cast(Live, Mute()))
    async with intake.running():
        receipt = await intake.accept(an_arrival("m1"))
    assert not receipt.dead_letter
    assert receipt.case_id == (await house.contact("m1")).case_id
    assert await house.store.find(DEAD_LETTERS) == []


class Mute:
    """Live state that cannot tell anybody anything."""

    async def publish(self, events: Sequence[Event]) -> None:
        raise KeyError("a bug of ours")


class Fault:
    """Departments that cannot be told while a test says so."""

    def __init__(self) -> None:
        self.breaks = 0

    def __call__(self) -> frozenset[str]:
        if self.breaks:
            self.breaks -= 1
            raise KeyError("a bug of ours")
        return all_departments()


BROKEN = "words \ud800 that no file can hold"
"""Half of a surrogate pair: no encoding takes it."""


async def test_a_contact_that_cannot_be_encoded_is_kept_as_near_as_can_be(house: House) -> None:
    arrivals = [an_arrival(f"m{n}", sender=f"s{n}@example.com") for n in range(20)]
    arrivals[7] = an_arrival("m7", BROKEN, sender="s7@example.com")
    receipts = await accept_all(house, *arrivals)
    assert [receipt.contact_id for receipt in receipts if receipt.dead_letter] == ["email:m7"]
    assert len(await house.contacts()) == 19
    letter = await house.store.get(DEAD_LETTERS, "email:m7")
    assert letter is not None
    assert letter.contact.text == BROKEN.replace("\ud800", "?")
    assert "words" not in letter.reason
    again = await house.intake.accept(arrivals[7])
    assert (again.dead_letter, again.repeated) == (True, True)


async def test_a_dead_letter_is_replayed_once_the_fault_is_mended(tmp_path: Path) -> None:
    fault = Fault()
    raw = b"as it came"
    async with open_house(tmp_path, departments=fault) as house:
        fault.breaks = 1
        receipt = await house.intake.accept(an_arrival("m1", raw=blob_id(raw), blobs={blob_id(raw): raw}))
        assert receipt.dead_letter
        assert await house.contacts() == []
        assert await house.cases() == []
        fault.breaks = 1
        assert (await replay(house.store, house.intake, "email:m1")).dead_letter
        letter = await house.store.get(DEAD_LETTERS, "email:m1")
        assert letter is not None
        assert (letter.state, letter.attempts) == ("waiting", 2)
        assert not (await replay(house.store, house.intake, "email:m1")).dead_letter
        letter = await house.store.get(DEAD_LETTERS, "email:m1")
        assert letter is not None
        assert (letter.state, letter.replayed_at) == ("replayed", house.clock())
        assert await house.store.read_blob((await house.contact("m1")).raw) == raw
        assert (await house.intake.accept(an_arrival("m1"))).repeated
        await check_cases(house)


async def test_two_dead_letters_under_one_key_are_both_kept_and_replayed(tmp_path: Path) -> None:
    fault = Fault()
    async with open_house(tmp_path, departments=fault) as house:
        await house.intake.accept(an_arrival("m1", "zero", fingerprint="zero"))
        for said in ("one", "two"):
            fault.breaks = 1
            arrival = an_arrival("m1", said, fingerprint=said, sender=f"{said}@example.com")
            receipt = await house.intake.accept(arrival)
            assert (receipt.dead_letter, receipt.repeated) == (True, False)
        for letter in await house.store.find(DEAD_LETTERS):
            assert not (await replay(house.store, house.intake, letter.id)).dead_letter
        assert sorted(contact.text for contact in await house.contacts()) == ["one", "two", "zero"]
        assert {letter.state for letter in await house.store.find(DEAD_LETTERS)} == {"replayed"}


async def test_another_contact_under_the_key_of_a_dead_letter_is_routed(tmp_path: Path) -> None:
    fault = Fault()
    async with open_house(tmp_path, departments=fault) as house:
        fault.breaks = 1
        await house.intake.accept(an_arrival("m1", "one", fingerprint="one"))
        receipt = await house.intake.accept(an_arrival("m1", "two", fingerprint="two"))
        assert (receipt.dead_letter, receipt.repeated) == (False, False)
        await replay(house.store, house.intake, "email:m1")
        assert sorted(contact.text for contact in await house.contacts()) == ["one", "two"]


class Quick:
    """A store where, just before a commit, somebody else changes the case that it is about."""

    def __init__(self, house: House, times: int) -> None:
        self._house = house
        self.times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._house.store, name)

    async def commit(self, writes: Sequence[Write], blobs: Mapping[str, bytes] | None = None) -> None:
        touched = [write.record.id for write in writes if isinstance(write, Replace)]
        if touched and self.times:
            self.times -= 1
            await self._house.casework.note(touched[0], ANNA, "a note")
            await self._house.casework.set_priority(touched[0], ANNA, 1 + self.times % 4)
        await self._house.store.commit(writes, blobs)


async def test_a_batch_whose_case_changes_meanwhile_is_planned_anew(house: House) -> None:
    first = await house.intake.accept(a_message("c0"))
    quick = Quick(house, times=5)
    walk = Walk(house.store, BOOK, all_departments, clock=house.clock, new_id=new_id)
    intake = Intake(cast(Store, quick), walk, house.live)
    async with intake.running():
        receipts = await asyncio.gather(*(intake.accept(a_message(f"c{n}")) for n in range(1, 6)))
    assert quick.times == 0
    assert {receipt.case_id for receipt in receipts} == {first.case_id}
    assert (await house.case(first.case_id)).priority == 1, "what the employee did was not undone"
    await check_cases(house)


async def test_a_case_that_changes_without_end_makes_the_peer_come_again(house: House) -> None:
    await house.intake.accept(a_message("c0"))
    quick = Quick(house, times=1000)
    walk = Walk(house.store, BOOK, all_departments, clock=house.clock, new_id=new_id)
    intake = Intake(cast(Store, quick), walk, house.live)
    async with intake.running():
        with pytest.raises(AgainLater):
            await intake.accept(a_message("c1"))
    assert await house.store.get(CONTACTS, contact_id("chat", "c1")) is None


@pytest.mark.slow
async def test_contacts_and_acts_on_the_same_cases_at_once_leave_every_case_whole(house: House) -> None:
    """Six talks: every visitor writes on while employees take, answer, decide, close and reopen his case."""
    cases = [(await house.intake.accept(a_message(f"start-{v}", visitor=f"v{v}"))).case_id for v in range(6)]
    staff = [await house.employee(one) for one in ("anna", "pavel", "olga")]
    refused = 0

    async def act(turn: int) -> None:
        nonlocal refused
        case_id, by = cases[turn % 6], staff[turn % 3]
        work = house.casework
        case = await house.case(case_id)
        try:
            if turn % 5 == 0:
                await work.take(case_id, by)
            elif turn % 5 in (1, 2):
                (way, *_) = await work.ways_to_answer(case)
                await work.answer(case_id, by, channel="chat", to=way.to, text="Чиним", new_id=f"a{turn}")
            elif turn % 5 == 3:
                await work.decide(case_id, by, code="solved")
            else:
                await work.reopen(case_id, by, "ещё раз")
        except OnewindowError:
            refused += 1  # two who do the same at once: one of them is told no

    writing = [house.intake.accept(a_message(f"{n}", visitor=f"v{n % 6}")) for n in range(300)]
    acting = [act(turn) for turn in range(200)]
    results = await asyncio.gather(*[x for pair in zip(writing, acting, strict=False) for x in pair])
    results += await asyncio.gather(*writing[200:])
    receipts = [one for one in results if isinstance(one, Receipt)]
    assert len({receipt.contact_id for receipt in receipts}) == 300
    assert {contact.key for contact in await house.contacts()} >= {f"{n}" for n in range(300)}
    assert refused < 200
    await check_cases(house)


@given(st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_burst_is_stored_once_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    keys = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=60))
    batch = data.draw(st.integers(1, 70))
    async with open_house(tmp_path_factory.mktemp("burst"), batch=batch) as house:
        said = [a_message(f"c{key}", f"text {key}", visitor=f"v{key % 4}") for key in keys]
        receipts = await accept_all(house, *said)
        assert {contact.key for contact in await house.contacts()} == {f"c{key}" for key in keys}
        assert sum(not receipt.repeated for receipt in receipts) == len(set(keys))
        await check_cases(house)
        for visitor in range(4):
            mine = [key for key in dict.fromkeys(keys) if key % 4 == visitor]
            numbers = {contact.key: contact.number for contact in await house.contacts()}
            assert [numbers[f"c{key}"] for key in mine] == list(range(1, len(mine) + 1))
        assert len(await house.cases()) == len({key % 4 for key in keys})

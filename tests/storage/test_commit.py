"""What every store promises about keeping records."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from crm.case import Closed, Note
from crm.collections import CASES, CONTACTS, COUNTERS, ENTRIES, Counter
from crm.contact import blob_id
from crm.errors import Conflict
from crm.store import Insert, Replace, Store
from tests.storage.conftest import Engine
from tests.storage.samples import NOON, THINGS, Thing, a_case, a_contact


async def test_a_record_comes_back_as_it_was_put(store: Store) -> None:
    contact = a_contact(text="Добрый день!\x1f😀", subject="'; DROP TABLE contacts; --")
    await store.commit([Insert(CONTACTS, contact)])
    assert await store.get(CONTACTS, contact.id) == contact
    assert await store.get(CONTACTS, "email:other") is None


async def test_records_outlive_the_program(engine: Engine) -> None:
    contact, case = a_contact(text="Ёлка"), a_case()
    async with engine.open() as store:
        await store.commit([Insert(CONTACTS, contact), Insert(CASES, case)], {"blob": b"\x00\xff"})
    async with engine.open() as store:
        assert await store.get(CONTACTS, contact.id) == contact
        assert await store.get(CASES, case.id) == case
        assert await store.read_blob("blob") == b"\x00\xff"


async def test_many_are_read_at_once_and_the_missing_are_left_out(store: Store) -> None:
    contacts = [a_contact(str(number)) for number in range(500)]
    await store.commit([Insert(CONTACTS, contact) for contact in contacts])
    ids = [contact.id for contact in contacts]
    found = await store.get_many(CONTACTS, ["email:none", *ids, ids[0]])
    assert found == {contact.id: contact for contact in contacts}
    assert await store.get_many(CONTACTS, []) == {}


async def test_the_kinds_of_a_union_come_back_as_themselves(store: Store) -> None:
    note = Note(id="1", at=NOON, case_id="case", customer_id="customer", text="перезвонить")
    closed = Closed(id="2", at=NOON, case_id="case", customer_id="customer", decision_id="d")
    await store.commit([Insert(ENTRIES, note), Insert(ENTRIES, closed)])
    assert await store.get_many(ENTRIES, ["1", "2"]) == {"1": note, "2": closed}


async def test_a_replace_is_kept_with_the_next_version(engine: Engine) -> None:
    case = a_case()
    async with engine.open() as store:
        await store.commit([Insert(CASES, case)])
        await store.commit([Replace(CASES, msgspec.structs.replace(case, contacts=1))])
        changed = await store.get(CASES, case.id)
        assert changed == msgspec.structs.replace(case, contacts=1, version=2)
        await store.commit([Replace(CASES, msgspec.structs.replace(changed, contacts=2))])
    async with engine.open() as store:
        assert await store.get(CASES, case.id) == msgspec.structs.replace(case, contacts=2, version=3)


async def test_an_insert_of_a_known_id_is_a_conflict_that_names_it(store: Store) -> None:
    await store.commit([Insert(CONTACTS, a_contact("1", text="first"))])
    with pytest.raises(Conflict) as caught:
        await store.commit(
            [Insert(CONTACTS, a_contact("2")), Insert(CONTACTS, a_contact("1", text="second"))]
        )
    assert (caught.value.collection, caught.value.id) == ("contacts", "email:1")
    assert await store.get(CONTACTS, "email:1") == a_contact("1", text="first")


@pytest.mark.parametrize("version", [1, 3])
async def test_a_replace_of_another_version_is_a_conflict(store: Store, version: int) -> None:
    case = a_case()
    await store.commit([Insert(CASES, case)])
    await store.commit([Replace(CASES, case)])
    with pytest.raises(Conflict) as caught:
        await store.commit([Replace(CASES, msgspec.structs.replace(case, version=version))])
    assert (caught.value.collection, caught.value.id) == ("cases", case.id)


async def test_a_replace_of_what_never_was_is_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict):
        await store.commit([Replace(CASES, a_case())])
    assert await store.get(CASES, "case") is None


async def test_a_new_record_must_have_version_one(store: Store) -> None:
    with pytest.raises(ValueError, match="version"):
        await store.commit([Insert(CASES, msgspec.structs.replace(a_case(), version=2))])


async def test_nothing_of_a_commit_in_conflict_is_kept(store: Store) -> None:
    await store.commit([Insert(CASES, a_case())])
    with pytest.raises(Conflict):
        await store.commit(
            [
                Insert(CONTACTS, a_contact()),
                Replace(CASES, msgspec.structs.replace(a_case(), contacts=9)),
                Insert(CASES, a_case()),
            ],
            {"blob": b"bytes"},
        )
    assert await store.get(CONTACTS, "email:1") is None
    assert await store.get(CASES, "case") == a_case()
    assert await store.find(CONTACTS) == []
    assert await store.read_blob("blob") is None


async def test_of_commits_that_race_for_an_id_one_wins(store: Store) -> None:
    things = [Thing(id="same", rank=rank) for rank in range(20)]
    outcomes = await asyncio.gather(
        *(
            store.commit([Insert(THINGS, thing), Insert(THINGS, Thing(id=f"of {thing.rank}"))])
            for thing in things
        ),
        return_exceptions=True,
    )
    winners = [thing for thing, outcome in zip(things, outcomes, strict=True) if outcome is None]
    assert len(winners) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 19
    assert await store.find(THINGS) == [Thing(id=f"of {winners[0].rank}"), winners[0]]


async def test_a_conflict_does_not_disturb_commits_made_at_the_same_time(store: Store) -> None:
    await store.commit([Insert(THINGS, Thing(id="taken"))])
    outcomes = await asyncio.gather(
        *(
            store.commit([Insert(THINGS, Thing(id="taken" if number % 3 == 0 else str(number)))])
            for number in range(30)
        ),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Conflict) for outcome in outcomes] == [n % 3 == 0 for n in range(30)]
    kept = {thing.id for thing in await store.find(THINGS)}
    assert kept == {"taken", *(str(number) for number in range(30) if number % 3)}


async def test_a_counter_is_counted_by_many_without_losing_one(store: Store) -> None:
    await store.commit([Insert(COUNTERS, Counter(id="cases", value=0))])

    async def count() -> None:
        while True:
            counter = await store.get(COUNTERS, "cases")
            assert counter is not None
            try:
                await store.commit(
                    [Replace(COUNTERS, msgspec.structs.replace(counter, value=counter.value + 1))]
                )
            except Conflict:
                continue
            return

    await asyncio.gather(*(count() for _ in range(25)))
    assert await store.get(COUNTERS, "cases") == Counter(id="cases", value=25, version=26)


async def test_a_record_may_be_made_and_changed_in_one_commit(store: Store) -> None:
    made = Thing(id="1", rank=1)
    await store.commit([Insert(THINGS, made), Replace(THINGS, msgspec.structs.replace(made, rank=2))])
    assert await store.get(THINGS, "1") == Thing(id="1", rank=2, version=2)
    assert [thing.rank for thing in await store.find(THINGS)] == [2]


async def test_what_is_committed_is_seen_by_the_next_read(store: Store) -> None:
    for number in range(30):
        await store.commit([Insert(THINGS, Thing(id=f"{number:02}", owner="me"))])
        assert len(await store.find(THINGS)) == number + 1
        assert (await store.aggregate(THINGS))[0].records == number + 1


async def test_equal_files_are_kept_once_and_come_back_as_they_were(store: Store) -> None:
    content = bytes(range(256)) * 5000
    await store.commit([], {blob_id(content): content})
    await store.commit([Insert(CONTACTS, a_contact())], {blob_id(content): content, blob_id(b""): b""})
    assert await store.read_blob(blob_id(content)) == content
    assert await store.read_blob(blob_id(b"")) == b""
    assert await store.read_blob("none") is None


async def test_a_commit_of_nothing_is_no_commit(store: Store) -> None:
    await store.commit([])
    assert await store.find(CONTACTS) == []


@pytest.mark.parametrize("id", ["", "a\x00b", "\ud800", "'\"", "я" * 5000])
async def test_an_odd_id_is_just_not_there(store: Store, id: str) -> None:
    assert await store.get(THINGS, id) is None
    assert await store.get_many(THINGS, [id]) == {}
    assert await store.read_blob(id) is None

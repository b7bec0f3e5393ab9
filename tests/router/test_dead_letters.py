"""A dead letter waits until it is routed or laid aside, and is routed once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from crm.collections import CONTACTS, DEAD_LETTERS
from crm.contact import Contact
from crm.dead_letter import DeadLetter
from crm.errors import BadInput, NotFound
from crm.store import Insert, Store
from router.dead_letters import count_dead_letters, drop, list_dead_letters, replay, replay_all
from router.intake import Intake
from router.live import Live
from router.rules import RuleBook
from router.walk import Walk
from tests.router.records import CountedIds, HandClock, a_contact, ids, minutes_ago


@pytest.fixture
async def intake(store: Store, live: Live, clock: HandClock) -> AsyncIterator[Intake]:
    book = RuleBook(default_department="front-desk")
    walk = Walk(store, book, lambda: frozenset({"front-desk"}), clock=clock, new_id=CountedIds())
    intake = Intake(store, walk, live)
    async with intake.running():
        yield intake


def a_letter(key: str, *, ago: float) -> DeadLetter:
    contact = a_contact(key, customer_id="", case_id="")
    return DeadLetter(
        id=contact.id, at=minutes_ago(ago), channel="email", contact=contact, reason="KeyError at walk.py:1"
    )


@pytest.fixture
async def buried(store: Store) -> list[Contact]:
    letters = [a_letter("m1", ago=5), a_letter("m2", ago=3), a_letter("m3", ago=1)]
    await store.commit([Insert(DEAD_LETTERS, letter) for letter in letters])
    return [letter.contact for letter in letters]


async def test_the_latest_are_listed_first(store: Store, buried: list[Contact]) -> None:
    assert ids(await list_dead_letters(store)) == ["email:m3", "email:m2", "email:m1"]
    assert await count_dead_letters(store) == 3


async def test_a_replayed_letter_becomes_a_contact_with_its_case(
    store: Store, intake: Intake, buried: list[Contact]
) -> None:
    receipt = await replay(store, intake, "email:m1")
    stored = await store.get(CONTACTS, "email:m1")
    assert stored is not None
    assert (stored.text, stored.case_id) == (buried[0].text, receipt.case_id)
    assert not receipt.dead_letter
    assert await count_dead_letters(store) == 2


async def test_a_letter_is_replayed_once(store: Store, intake: Intake, buried: list[Contact]) -> None:
    await replay(store, intake, "email:m1")
    with pytest.raises(BadInput, match="no longer waits"):
        await replay(store, intake, "email:m1")


async def test_two_who_replay_at_once_make_one_contact(
    store: Store, intake: Intake, buried: list[Contact]
) -> None:
    receipts = await asyncio.gather(*(replay(store, intake, "email:m1") for _ in range(2)))
    assert len({receipt.case_id for receipt in receipts}) == 1
    assert sorted(receipt.repeated for receipt in receipts) == [False, True]


async def test_all_are_replayed_oldest_first(store: Store, intake: Intake, buried: list[Contact]) -> None:
    replayed = [done.letter.id async for done in replay_all(store, intake)]
    assert replayed == ["email:m1", "email:m2", "email:m3"]
    assert await count_dead_letters(store) == 0


async def test_one_laid_aside_stays_readable_and_is_not_replayed(
    store: Store, live: Live, intake: Intake, buried: list[Contact], clock: HandClock
) -> None:
    await drop(store, live, "email:m2", clock=clock)
    assert ids(await list_dead_letters(store)) == ["email:m3", "email:m1"]
    kept = await store.get(DEAD_LETTERS, "email:m2")
    assert kept is not None
    assert (kept.state, kept.contact) == ("dropped", buried[1])
    with pytest.raises(BadInput):
        await replay(store, intake, "email:m2")


async def test_an_unknown_letter_is_not_found(store: Store, intake: Intake) -> None:
    with pytest.raises(NotFound):
        await replay(store, intake, "email:nobody")

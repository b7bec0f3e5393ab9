"""Fills an empty store with the demo's operator, its past and its present."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from agent_ui.passwords import hash_password
from channels.email.reading import read_email
from crm.collections import (
    ADDRESSES,
    AUDIT,
    CASES,
    CONTACTS,
    COUNTERS,
    CUSTOMERS,
    DEAD_LETTERS,
    DEPARTMENTS,
    EMPLOYEES,
    ENTRIES,
    OFFERINGS,
    SAVED_REPLIES,
    SUBSCRIPTIONS,
)
from crm.contact import Address, Contact
from crm.employee import AuditRecord
from crm.record import Clock, Record
from crm.store import Collection, Insert, Replace, Store, Write
from onewindow.demo import telecom
from onewindow.demo.cast import Cast
from onewindow.demo.letters import Letter, compose
from onewindow.demo.past import plan_hero, plan_past
from onewindow.demo.people import make_people
from onewindow.demo.present import plan_present
from onewindow.demo.world import World
from router.rules import RuleBook, read_rules

SEED = 1
BATCH = 400
"""Records of one commit: few enough for a progress bar, enough to spare the disk."""

BEGUN, DONE = "demo-begun", "demo-done"
"""Ids of the audit records that say when the demo was filled in, and that it was finished."""

Progress = Callable[[int, int], None]

# What refers to something comes after it, and the numbers of cases come last.
_ORDER: tuple[Collection[Any], ...] = (
    DEPARTMENTS,
    EMPLOYEES,
    OFFERINGS,
    SAVED_REPLIES,
    CUSTOMERS,
    ADDRESSES,
    SUBSCRIPTIONS,
    CASES,
    ENTRIES,
    CONTACTS,
    DEAD_LETTERS,
    COUNTERS,
)


class _Row(NamedTuple):
    """A record to be kept, and where."""

    collection: Collection[Any]
    record: Record


async def is_empty(store: Store) -> bool:
    """Whether nobody has used the store yet; the department that every store has does not count."""
    employees = await store.find(EMPLOYEES, limit=1)
    customers = await store.find(CUSTOMERS, limit=1)
    return not (employees or customers or await store.find(CONTACTS, limit=1))


async def seed_when_empty(store: Store, *, clock: Clock, progress: Progress) -> bool:
    """Fill the store if it is empty; whether it did. What was interrupted earlier is finished."""
    if await store.get(AUDIT, DONE):
        return False
    begun = await store.get(AUDIT, BEGUN)
    if begun is None:
        if not await is_empty(store):
            return False
        begun = AuditRecord(id=BEGUN, at=clock().replace(microsecond=0), what="demo.begun")
        await store.commit([Insert(AUDIT, begun)])
    world = await asyncio.to_thread(make_world, begun.at)
    await _keep(store, world, progress)
    await store.commit([Insert(AUDIT, AuditRecord(id=DONE, at=clock(), what="demo.done"))])
    return True


def demo_rules() -> RuleBook:
    """The rules that the demo begins with."""
    return read_rules(files("onewindow.demo").joinpath("rules.toml").read_text(encoding="utf-8"))


def make_world(now: datetime, seed: int = SEED) -> World:
    """Everything up to now, in memory. The same seed and moment give the same."""
    staff = telecom.staff(hash_password(telecom.PASSWORD))
    world = World(demo_rules(), staff, telecom.DEPARTMENTS, seed=seed)
    people = make_people(world.random, now)
    cast = Cast(world, people)
    world.clock.begin(people[0].customer.created_at, world.move_in(people))
    # Who plays in the present is chosen first: then nobody is still in the middle of something else.
    plan_hero(world, cast, people, now)
    plan_present(world, cast, now)
    plan_past(world, cast, now)
    world.clock.begin(now - timedelta(minutes=83), _break_routing(world))
    world.clock.run(now)
    return world


async def _break_routing(world: World) -> None:
    """A contact that routing once failed on, so that there is one to replay."""
    sender = Address(kind="email", value="zhurnal@svyazist-news.example", name="Редакция «Вестника связиста»")
    text = "Добрый день! Просим подтвердить тарифы вашей компании для обзора. Ответ нужен до пятницы.\n"
    letter = Letter(
        key=f"{world.new_id()[:20]}@svyazist-news.example",
        sender=sender,
        subject="Тарифы для обзора",
        text=text,
        at=world.clock(),
    )
    arrival = read_email(compose(letter), received_at=world.clock(), envelope_to=(telecom.MAILBOX,))
    await world.bury(arrival, "TimeoutError at rules.py:118")


async def _keep(store: Store, world: World, progress: Progress) -> None:
    """Write what is not there yet, some hundred records at a time."""
    rows = list(_rows(world))
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        writes: list[Write] = []
        for name, of_one_kind in groupby(some, key=lambda row: row.collection.name):
            writes += await _missing(store, list(of_one_kind), renew=name == DEPARTMENTS.name)
        if writes:
            await store.commit(writes, _blobs(world, writes))
        progress(start + len(some), len(rows))


def _rows(world: World) -> Iterator[_Row]:
    given: Mapping[str, tuple[Record, ...]] = {
        OFFERINGS.name: telecom.OFFERINGS,
        SAVED_REPLIES.name: telecom.SAVED_REPLIES,
    }
    for collection in _ORDER:
        for record in given.get(collection.name) or world.store.all(collection):
            yield _Row(collection, msgspec.structs.replace(record, version=1))


async def _missing(store: Store, rows: list[_Row], *, renew: bool) -> list[Write]:
    """What an interrupted run has not kept already.

    Every store has the department that its rules fall back on, without hours or colleagues: it is renewed.
    """
    collection = rows[0].collection
    there = await store.get_many(collection, [row.record.id for row in rows])
    writes: list[Write] = [Insert(collection, row.record) for row in rows if row.record.id not in there]
    if renew:
        for row in rows:
            if known := there.get(row.record.id):
                renewed = msgspec.structs.replace(row.record, version=known.version)
                writes.append(Replace(collection, renewed))
    return writes


def _blobs(world: World, writes: list[Write]) -> dict[str, bytes]:
    """The files of the contacts among the writes."""
    contacts = [write.record for write in writes if isinstance(write.record, Contact)]
    letters = [write.record.contact for write in writes if write.collection is DEAD_LETTERS]
    wanted: list[str] = []
    for contact in (*contacts, *letters):
        wanted += [contact.raw, contact.html, *(file.blob for file in contact.attachments)]
    return {blob: world.store.blobs[blob] for blob in wanted if blob}

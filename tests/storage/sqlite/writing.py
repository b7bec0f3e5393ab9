"""A program that commits as fast as it can and says what was acknowledged, until it is killed."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from itertools import count
from pathlib import Path

from crm.collections import CONTACTS, COUNTERS, Counter
from crm.contact import Contact, blob_id
from crm.errors import Conflict
from crm.store import Insert, Replace, Store, Write
from storage.sqlite import open_sqlite
from tests.storage.samples import EVERYTHING, THINGS, Thing, a_contact

PARTS = 3
WRITERS = 20


def a_commit(name: str) -> tuple[list[Write], dict[str, bytes]]:
    """A contact, some things and a file that must be kept together or not at all."""
    content = name.encode() * random.choice([1, 100, 5000])
    things: list[Write] = [
        Insert(THINGS, Thing(id=f"{name}:{part}", owner=name, text=f"слово{part}")) for part in range(PARTS)
    ]
    contact = a_contact(name, text=blob_id(content), customer_id=str(random.randrange(50)))
    return [*things, Insert(CONTACTS, contact)], {blob_id(content): content}


async def problems(store: Store, acknowledged: list[str]) -> list[str]:
    """What the store has lost of acknowledged commits, or kept in part of any."""
    found = []
    contacts: dict[str, Contact] = {one.key: one for one in await store.find(CONTACTS, limit=1_000_000)}
    things = await store.find(THINGS, limit=1_000_000)
    parts: dict[str, int] = {}
    for thing in things:
        parts[thing.owner] = parts.get(thing.owner, 0) + 1
    found += [f"{name} was acknowledged and is lost" for name in acknowledged if name not in contacts]
    found += [f"{name} is there in part" for name in {*contacts, *parts} if parts.get(name) != PARTS]
    found += [f"{name} has two contacts or none" for name in parts if name not in contacts]
    for contact in contacts.values():
        content = await store.read_blob(contact.text)
        if content is None or blob_id(content) != contact.text:
            found.append(f"{contact.key} lost its file")
    return found


async def _write(store: Store, names: count[int], prefix: str) -> None:
    while True:
        name = f"{prefix}-{next(names)}"
        await store.commit(*a_commit(name))
        os.write(1, f"{name}\n".encode())


async def _count(store: Store) -> None:
    """A record that everybody changes: conflicts are part of the load."""
    while True:
        counter = await store.get(COUNTERS, "shared")
        write: Write = (
            Replace(COUNTERS, counter) if counter else Insert(COUNTERS, Counter(id="shared", value=0))
        )
        try:
            await store.commit([write])
        except Conflict:
            continue


async def _main(path: Path, prefix: str) -> None:
    names = count()
    async with open_sqlite(path, EVERYTHING) as store, asyncio.TaskGroup() as tasks:
        for _ in range(WRITERS):
            tasks.create_task(_write(store, names, prefix), name="write")
        for _ in range(3):
            tasks.create_task(_count(store), name="count")


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))

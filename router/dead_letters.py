"""Dead letters: contacts that routing could not handle, listed and routed again once the fault is mended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec

from crm.collections import DEAD_LETTERS
from crm.contact import Arrival, Receipt
from crm.dead_letter import DeadLetter
from crm.errors import BadInput, NotFound
from crm.record import Clock, now
from crm.store import After, Order, Replace, Store, equals
from router.intake import Intake
from router.live import Event, Live


class Replayed(NamedTuple):
    """What became of one dead letter of several. `receipt.dead_letter` tells that it failed once more."""

    letter: DeadLetter
    receipt: Receipt


async def list_dead_letters(
    store: Store, *, limit: int = 100, after: After | None = None
) -> list[DeadLetter]:
    """Those that wait, the latest first."""
    order = Order("at", descending=True)
    return await store.find(DEAD_LETTERS, equals("state", "waiting"), order=order, limit=limit, after=after)


async def count_dead_letters(store: Store) -> int:
    """How many wait."""
    groups = await store.aggregate(DEAD_LETTERS, equals("state", "waiting"))
    return groups[0].records if groups else 0


async def replay(store: Store, intake: Intake, id: str) -> Receipt:
    """Route one again. A receipt that says `dead_letter` means it failed once more and still waits.

    Its files were stored when it was buried. Raises `NotFound`, `BadInput` when it no longer waits, or
    `AgainLater`.
    """
    return await _again(store, intake, await _read_waiting(store, id))


async def replay_all(store: Store, intake: Intake) -> AsyncIterator[Replayed]:
    """Route all that wait now, oldest first, one after another; each once. Raises `AgainLater`."""
    begun = await store.find(DEAD_LETTERS, equals("state", "waiting"), order=Order("at"), limit=100_000)
    for letter in begun:
        yield Replayed(letter, await _again(store, intake, letter))


async def drop(store: Store, live: Live, id: str, *, clock: Clock) -> None:
    """Lay one aside for good: it stays readable and is neither listed nor replayed. Raises `NotFound`."""
    letter = await _read_waiting(store, id)
    await store.commit([Replace(DEAD_LETTERS, msgspec.structs.replace(letter, state="dropped"))])
    event = Event(kind="dead_letter", at=clock(), contact_id=letter.id, channel=letter.channel)
    await live.publish([event])


async def _again(store: Store, intake: Intake, letter: DeadLetter) -> Receipt:
    if not letter.unread:
        return await intake.accept(Arrival(letter.contact), replay=True)
    raw = await store.read_blob(letter.contact.raw) or b""
    try:
        receipt = await intake.read_again(letter.contact, raw)
    except BadInput as still:
        failed = msgspec.structs.replace(letter, reason=str(still), attempts=letter.attempts + 1)
        await _change(store, intake, failed)
        return Receipt(letter.id, "", "", 0, repeated=False, dead_letter=True)
    done = now()
    await _change(store, intake, msgspec.structs.replace(letter, state="replayed", replayed_at=done))
    return receipt


async def _change(store: Store, intake: Intake, letter: DeadLetter) -> None:
    await store.commit([Replace(DEAD_LETTERS, letter)])
    at = letter.replayed_at or letter.at
    event = Event(kind="dead_letter", at=at, contact_id=letter.id, channel=letter.channel)
    await intake.live.publish([event])


async def _read_waiting(store: Store, id: str) -> DeadLetter:
    letter = await store.get(DEAD_LETTERS, id)
    if letter is None:
        raise NotFound("There is no dead letter of that id.", field="id")
    if letter.state != "waiting":
        raise BadInput("This dead letter no longer waits.", field="id")
    return letter

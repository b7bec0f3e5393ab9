"""Taking updates in: each becomes a stored contact, a dead letter, or is counted and let go."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import msgspec

from channels.base import Accept, Door
from channels.telegram.albums import Work, join_albums
from channels.telegram.burial import bury, fault
from channels.telegram.fetching import Fetcher
from channels.telegram.keys import Place, place_of
from channels.telegram.knowing import Knowing
from channels.telegram.late import LateFiles
from channels.telegram.line import Line
from channels.telegram.reading import Draft, Ignored, Unreadable, read_update
from channels.telegram.updates import UpdateId
from crm.contact import Arrival
from crm.errors import AgainLater
from crm.record import Clock
from crm.store import Store
from router.live import Live

log = logging.getLogger("onewindow.telegram")

TRIES = 3
"""How often an update that breaks something of ours is tried before it is laid aside as a dead letter."""

REMEMBERED = 1000

_id = msgspec.json.Decoder(UpdateId)


@dataclass
class Taker:
    """Takes the updates of one bot, whichever way they come."""

    line: Line
    accept: Accept
    door: Door
    store: Store
    live: Live
    clock: Clock
    fetcher: Fetcher
    knowing: Knowing
    late: LateFiles
    ignored: Counter[str] = field(default_factory=Counter)
    broke: Counter[str] = field(default_factory=Counter)
    albums: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def take(self, raws: Sequence[bytes]) -> list[bool]:
        """Whether each is dealt with for good; the others must come again.

        Those of one chat are stored in their order; the chats do not wait for each other, and all share
        commits.
        """
        settled = [False] * len(raws)
        chats: dict[Place | None, list[Work]] = {}
        for place, raw in enumerate(raws):
            draft = await self._read(raw)
            if isinstance(draft, Draft):
                where = place_of(draft.contact.amends or draft.contact.key)
                chats.setdefault(where, []).append(Work([place], draft))
            else:
                settled[place] = draft
        if len(raws) > 1:
            chats = {chat: join_albums(works) for chat, works in chats.items()}
        if len(chats) == 1:
            await self._take_chat(next(iter(chats.values())), raws, settled)
        else:
            await asyncio.gather(*(self._take_chat(works, raws, settled) for works in chats.values()))
        return settled

    async def _read(self, raw: bytes) -> Draft | bool:
        """The draft; else whether the update is dealt with already."""
        try:
            read = read_update(raw, self.line.name, received_at=self.clock())
        except Unreadable as error:
            return await self._bury(raw, f"the update could not be read: {error}")
        except Exception as error:  # noqa: BLE001 - a bug of our reader must not stop what comes after
            log.error("telegram %s: reading broke: %s", self.line.settings.name, fault(error))
            return await self._bury(raw, f"reading broke: {fault(error)}")
        if isinstance(read, Ignored):
            self._count(read.kind)
            return True
        return read

    async def _take_chat(self, works: Iterable[Work], raws: Sequence[bytes], settled: list[bool]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for work in works:
                storing = self._take_one(work, [raws[place] for place in work.places], settled)
                if work.draft.files:
                    await storing  # what he wrote next must not come before it
                else:
                    tasks.create_task(storing, name="telegram: storing")

    async def _take_one(self, work: Work, raws: Sequence[bytes], settled: list[bool]) -> None:
        try:
            done = await self._store(work.draft)
        except AgainLater:
            done = False
        except Exception as error:  # noqa: BLE001 - one update's fault must not stop the others, nor the loop
            log.error("telegram %s: an update broke: %s", self.line.settings.name, fault(error))
            done = await self._broke(work.draft, raws, fault(error))
        for place in work.places:
            settled[place] = done

    async def _store(self, draft: Draft) -> bool:
        if not draft.album:
            return await self._store_one(draft)
        # A webhook brings the parts at once, and what one of them is depends on what is stored of the others.
        async with self.albums.setdefault(draft.album, asyncio.Lock()):
            return await self._store_one(draft)

    async def _store_one(self, draft: Draft) -> bool:
        known = await self.knowing.complete(draft)
        if isinstance(known, Ignored):
            self._count(known.kind)
            return True
        async with self.fetcher.fetched(known) as (contact, blobs, missing):
            if missing:
                await self.late.remember(contact, missing)
            if known.raw:
                blobs[contact.raw] = known.raw
            receipt = await self.accept(Arrival(contact, blobs))
        self.broke.pop(contact.key, None)
        if not receipt.repeated:
            self.door.saw_contact()
        return True

    async def _broke(self, draft: Draft, raws: Sequence[bytes], reason: str) -> bool:
        """Once may be bad luck. What breaks us each time is laid aside, so that it stops nobody else."""
        key = draft.contact.key
        self.broke[key] += 1
        if self.broke[key] < TRIES:
            if len(self.broke) > REMEMBERED:
                self.broke.clear()
            return False
        buried = [await self._bury(raw, f"storing broke: {reason}") for raw in raws]
        if all(buried):
            del self.broke[key]
        return all(buried)

    async def _bury(self, raw: bytes, reason: str) -> bool:
        try:
            await bury(self.store, self.live, self.line.name.id, raw, reason=reason, at=self.clock())
        except AgainLater:
            return False
        return True

    def tell_lag(self, raw: bytes) -> None:
        """The oldest update that is not stored yet: how long ago it was written."""
        try:
            read = read_update(raw, self.line.name, received_at=self.clock())
        except Unreadable:
            return
        if isinstance(read, Draft) and read.contact.sent_at:
            self.door.lag((self.clock() - read.contact.sent_at).total_seconds())

    def _count(self, kind: str) -> None:
        self.ignored[kind] += 1
        count = self.ignored[kind]
        if str(count).strip("0") == "1":  # the first, the tenth, the hundredth
            log.info("telegram %s: %d × %s let go: it is no contact", self.line.settings.name, count, kind)


def id_of(raw: bytes) -> int | None:
    """The number by which Telegram forgets an update; None where there is none to read."""
    try:
        return _id.decode(raw).update_id
    except msgspec.DecodeError:
        return None

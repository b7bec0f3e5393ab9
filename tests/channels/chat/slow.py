"""A store and a live state as slow as other machines': what was read may be old, events come in disorder."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from crm.store import After, Collection, Group, Order, R, Store, Where, Write
from router.live import Event, Live, Presence, Status, Subscription, Viewer, Wants, everything


class Hold:
    """One answer held back: `reached` once it was read, on its way only after `release`."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.release = asyncio.Event()


class SlowStore:
    """Answers with what was there some milliseconds ago."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self._store = store
        self._chance = chance
        self._holds: dict[str, Hold] = {}

    def hold(self, collection: str) -> Hold:
        """Hold back the next answer from this collection."""
        return self._holds.setdefault(collection, Hold())

    async def _dawdle(self, collection: str) -> None:
        if hold := self._holds.pop(collection, None):
            hold.reached.set()
            await hold.release.wait()
        await asyncio.sleep(self._chance.uniform(0, 0.02))

    async def get(self, collection: Collection[R], id: str) -> R | None:
        found = await self._store.get(collection, id)
        await self._dawdle(collection.name)
        return found

    async def get_many(self, collection: Collection[R], ids: Iterable[str]) -> dict[str, R]:
        found = await self._store.get_many(collection, ids)
        await self._dawdle(collection.name)
        return found

    async def find(
        self,
        collection: Collection[R],
        *where: Where,
        order: Order | None = None,
        limit: int = 100,
        after: After | None = None,
    ) -> list[R]:
        found = await self._store.find(collection, *where, order=order, limit=limit, after=after)
        await self._dawdle(collection.name)
        return found

    async def aggregate(
        self, collection: Collection[R], *where: Where, by: Sequence[str] = (), sum: str = ""
    ) -> list[Group]:
        return await self._store.aggregate(collection, *where, by=by, sum=sum)

    async def search(self, collection: Collection[R], words: str, *where: Where, limit: int = 50) -> list[R]:
        return await self._store.search(collection, words, *where, limit=limit)

    async def commit(self, writes: Sequence[Write], blobs: Mapping[str, bytes] | None = None) -> None:
        await self._store.commit(writes, blobs)

    async def read_blob(self, id: str) -> bytes | None:
        return await self._store.read_blob(id)


class SlowLive:
    """Events come late, and some before those that happened first."""

    def __init__(self, live: Live, chance: random.Random) -> None:
        self._live = live
        self._chance = chance
        self._late: set[asyncio.Task[None]] = set()

    async def publish(self, events: Sequence[Event]) -> None:
        for event in events:
            task = asyncio.create_task(self._later(event))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def _later(self, event: Event) -> None:
        await asyncio.sleep(self._chance.uniform(0, 0.05))
        await self._live.publish([event])

    def subscribe(
        self, after: str = "", wants: Wants = everything
    ) -> AbstractAsyncContextManager[Subscription]:
        return self._live.subscribe(after, wants)

    async def arrive(self, employee_id: str, page: str, status: Status) -> None:
        await self._live.arrive(employee_id, page, status)

    async def leave(self, employee_id: str, page: str) -> None:
        await self._live.leave(employee_id, page)

    async def present(self) -> dict[str, Presence]:
        return await self._live.present()

    async def look(self, case_id: str, employee_id: str, page: str, *, typing: bool) -> None:
        await self._live.look(case_id, employee_id, page, typing=typing)

    async def look_away(self, case_id: str, employee_id: str, page: str) -> None:
        await self._live.look_away(case_id, employee_id, page)

    async def viewers(self, case_id: str) -> list[Viewer]:
        return await self._live.viewers(case_id)

    async def run_alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        await self._live.run_alone(name, work)

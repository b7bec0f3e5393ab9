"""Numbers of cases: short enough to say over the phone, never given twice."""

from __future__ import annotations

from crm.collections import COUNTERS, Counter
from crm.errors import Conflict
from crm.store import Insert, Replace, Store

FIRST = 100_001
BLOCK = 100
"""Numbers taken from the store at once; those not used when the process ends stay unused."""


class CaseNumbers:
    """Gives out the next number. Processes that share a store take blocks, so none gives another's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = 0
        self._end = 0

    async def prepare(self, needed: int) -> None:
        """Have at least that many numbers at hand, so that `next` need not wait. Raises `StoreDown`."""
        while self._end - self._next < needed:
            await self._take_block(max(BLOCK, needed))

    def next(self) -> str:
        """The next number; `prepare` must have been awaited for it."""
        if self._next >= self._end:
            raise RuntimeError("numbers are prepared before they are given out")
        number, self._next = self._next, self._next + 1
        return str(number)

    async def _take_block(self, size: int) -> None:
        counter = await self._store.get(COUNTERS, "case")
        first = counter.value + 1 if counter else FIRST
        last = first + size - 1
        try:
            if counter:
                taken = Counter(id="case", version=counter.version, value=last)
                await self._store.commit([Replace(COUNTERS, taken)])
            else:
                await self._store.commit([Insert(COUNTERS, Counter(id="case", value=last))])
        except Conflict:
            return  # another process took this block: the loop in `prepare` asks for the next one
        self._next, self._end = first, last + 1

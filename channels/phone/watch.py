"""Watches one log as it grows: reads its lines, tells of its calls, and keeps how far that is stored."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from channels.base import Accept, Door
from channels.phone.book import Book, Entry
from channels.phone.lines import BadLine
from channels.phone.reading import LogReader
from channels.phone.tail import Chunk, Line, Place, Tail
from channels.phone.unreadable import unreadable
from crm.bookmark import Bookmark
from crm.collections import BOOKMARKS
from crm.errors import AgainLater, Conflict
from crm.record import Clock
from crm.store import Insert, Replace, Store
from router.intake import fault

log = logging.getLogger("onewindow.phone")

TOGETHER = 256
"""Calls that are told at once: they share the commits of the router's batches."""

BOOKMARK_EVERY = 1.0
BACK_OFF = (0.2, 0.5, 1, 2, 5, 10)

LAID_OUT_ANEW = 60.0
"""Seconds between two looks at a log that cannot be read."""

ALL_WRONG = 100
"""Lines in a row that cannot be read: then the log is laid out otherwise than the settings say."""


class Watched(NamedTuple):
    """A log and whose it is."""

    path: Path
    reader: LogReader
    exchange: str
    poll: float
    line_limit: int


class _Pending(NamedTuple):
    entry: Entry
    place: Place  # of its first line that is not stored yet
    at: datetime  # of its last line, by the log's clock
    ripe: float  # when it is to be told at the latest, by ours


class Watch:
    """Reads on where it stood: the bookmark is moved only behind lines whose calls are stored.

    A bookmark that is lost or too far back makes lines be read twice; the keys of calls make that harmless.
    """

    def __init__(
        self, watched: Watched, book: Book, *, store: Store, door: Door, clock: Clock, accept: Accept
    ) -> None:
        self._watched = watched
        self._reader = watched.reader
        self._book = book
        self._store = store
        self._door = door
        self._clock = clock
        self._accept = accept
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._bookmark = f"phone {watched.exchange} {watched.reader.name} {watched.path}"
        self._kept: Place | None = None
        self._kept_at = 0.0
        self._log_time: datetime | None = None
        self._wrong_in_a_row = 0
        self._reached: Place | None = None

    async def run(self) -> None:
        """For ever. What goes wrong is told to the door, and tried again."""
        failures = 0
        while True:
            tail = Tail(self._watched.path, await self._read_bookmark(), line_limit=self._watched.line_limit)
            self._pending.clear()
            try:
                while True:
                    await self._step(tail)
                    failures = 0
            except _LaidOutOtherwise as wrong:
                self._door.down(str(wrong))
                await asyncio.sleep(LAID_OUT_ANEW)
            except (OSError, AgainLater) as error:
                self._door.down(_problem(self._watched.path, error))
                await asyncio.sleep(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
                failures += 1
            except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the house: look again
                log.error("watching a log failed: %s", fault(error))
                self._door.down(f"{self._watched.path}: {fault(error)}")
                await asyncio.sleep(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
                failures += 1
            except asyncio.CancelledError:
                self._kept_at = 0.0
                await self._keep_place(self._reached)
                raise
            finally:
                tail.close()

    async def _step(self, tail: Tail) -> None:
        chunk, there = await asyncio.to_thread(lambda: (tail.read(), self._watched.path.exists()))
        if there:
            self._door.up()
        else:
            self._door.down(f"{self._watched.path}: there is no such file")
        await self._take(chunk.lines)
        await self._tell_ripe(caught_up=chunk.caught_up)
        self._reached = chunk.next
        await self._keep_place(chunk.next)
        self._tell_lag(chunk)
        if chunk.caught_up:
            await asyncio.sleep(self._watched.poll)

    async def _take(self, lines: Sequence[Line]) -> None:
        now = asyncio.get_running_loop().time()
        for line in lines:
            if not line.raw.strip():
                continue
            try:
                if line.too_long:
                    raise BadLine(f"expected a line of at most {self._watched.line_limit} bytes")
                noted = self._reader.read(line.raw)
            except BadLine as bad:
                await self._bury(line, str(bad))
                continue
            except Exception as error:  # noqa: BLE001 - one line must not stop the next one
                await self._bury(line, fault(error))
                continue
            self._wrong_in_a_row = 0
            if noted is None:
                continue
            first = self._pending.get(noted.entry.id)
            place = first.place if first else line.place
            ripe = now + self._reader.ripe_after(noted.entry)
            self._pending[noted.entry.id] = _Pending(noted.entry, place, noted.at, ripe)
            if self._log_time is None or noted.at > self._log_time:
                self._log_time = noted.at
            if len(self._pending) >= 4 * TOGETHER:
                await self._tell_ripe(caught_up=False)

    async def _bury(self, line: Line, reason: str) -> None:
        self._wrong_in_a_row += 1
        if self._wrong_in_a_row >= ALL_WRONG:
            raise _LaidOutOtherwise(f"{ALL_WRONG} lines in a row cannot be read: {reason}")
        arrival = unreadable(
            line.raw, reason, log=self._reader.name, exchange=self._watched.exchange, at=self._clock()
        )
        await self._until_stored(partial(self._accept, arrival))

    async def _tell_ripe(self, *, caught_up: bool) -> None:
        now = asyncio.get_running_loop().time()
        ripe = [one for one in self._pending.values() if self._is_ripe(one, now, caught_up=caught_up)]
        for begin in range(0, len(ripe), TOGETHER):
            some = ripe[begin : begin + TOGETHER]
            await self._until_stored(partial(self._tell, [one.entry for one in some]))
            for one in some:
                del self._pending[one.entry.id]

    def _is_ripe(self, one: _Pending, now: float, *, caught_up: bool) -> bool:
        """By our clock once the log is read to its end; before that, by the log's own."""
        if caught_up and now >= one.ripe:
            return True
        if self._log_time is None:
            return False
        return (self._log_time - one.at).total_seconds() > self._reader.ripe_after(one.entry)

    async def _tell(self, entries: Sequence[Entry]) -> None:
        await self._book.recall(entries)
        async with asyncio.TaskGroup() as tasks:
            told = [tasks.create_task(self._book.tell(entry, self._accept)) for entry in entries]
        if any(task.result() for task in told):
            self._door.saw_contact()

    async def _until_stored(self, work: Callable[[], Awaitable[object]]) -> None:
        """Again and again: the log keeps what we could not take, and nothing behind it may go first."""
        failures = 0
        while True:
            try:
                await work()
            except* Exception as errors:  # noqa: BLE001 - a fault of ours must not lose a call: it stays in the log
                if failures in (0, 5):
                    again = errors.subgroup(AgainLater) is not None
                    log.warning("phone log waits: %s", "the store asks to wait" if again else "a fault")
                self._door.lag(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
            else:
                return
            await asyncio.sleep(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
            failures += 1

    def _tell_lag(self, chunk: Chunk) -> None:
        behind = 0.0
        if not chunk.caught_up and self._log_time:
            behind = (self._clock() - self._log_time).total_seconds()
        self._door.lag(max(0.0, behind))

    async def _read_bookmark(self) -> Place | None:
        while True:
            try:
                found = await self._store.get(BOOKMARKS, self._bookmark)
            except AgainLater:
                await asyncio.sleep(1)
                continue
            try:
                self._kept = msgspec.json.decode(found.place, type=Place) if found else None
            except msgspec.ValidationError:
                self._kept = None
            return self._kept

    async def _keep_place(self, reached: Place | None) -> None:
        """Where reading would have to begin anew. Not at each line: it only saves reading twice."""
        loop = asyncio.get_running_loop()
        place = next(iter(one.place for one in self._pending.values()), reached)
        if place is None or place == self._kept or loop.time() - self._kept_at < BOOKMARK_EVERY:
            return
        self._kept_at = loop.time()
        found = await self._store.get(BOOKMARKS, self._bookmark)
        written = msgspec.json.encode(place).decode()
        with suppress(Conflict):  # another process reads it too: its place is as good
            if found:
                await self._store.commit([Replace(BOOKMARKS, msgspec.structs.replace(found, place=written))])
            else:
                await self._store.commit([Insert(BOOKMARKS, Bookmark(id=self._bookmark, place=written))])
            self._kept = place


def _problem(path: Path, error: Exception) -> str:
    reason = (error.strerror or "cannot be read") if isinstance(error, OSError) else "the store is down"
    return f"{path}: {reason}"


class _LaidOutOtherwise(Exception):
    """The log is not what the settings say it is. The message tells what was expected."""

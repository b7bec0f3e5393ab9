"""Commits that wait for the writer: gathered while it works, handed over together when it is free."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from crm.errors import StoreDown
from crm.record import Record
from storage.sqlite.cache import RecordCache
from storage.sqlite.daybook import Change, Entry, Group, Pending
from storage.sqlite.file import MEBIBYTE
from storage.sqlite.giving_way import GivingWay
from storage.sqlite.hand import Done, Hand
from storage.sqlite.indexing import AT_ONCE as INDEXED_AT_ONCE
from storage.sqlite.table import Table
from storage.sqlite.unposted import Unposted
from storage.sqlite.writer import Writer

T = TypeVar("T")
R = TypeVar("R", bound=Record)

log = logging.getLogger(__name__)

MOST_WAITING = 20_000
MOST_WAITING_BYTES = 128 * MEBIBYTE
GROUP_CHANGES = 512
GROUP_BYTES = 4 * MEBIBYTE
LARGE = MEBIBYTE
"""A commit of more bytes goes alone, and small ones go between two such: nobody waits behind many files."""

POST_AT = 2000
POST_BYTES = 4 * MEBIBYTE
"""So many records, or bytes of them, gather in the daybook before they are posted to the tables: the more,
the fewer pages each costs, and the longer posting holds up commits."""

MOST_UNPOSTED = 8 * POST_AT
"""With more records than these in the daybook (posting failed) commits go through to the tables again."""

UPKEEP_EVERY = 5.0
"""Seconds that a record waits at most to be posted, and its words to be indexed."""


class CommitQueue:
    """Lives on the event loop. One job at a time runs in the writer's thread: a group of commits, or upkeep:
    posting the daybook, or a batch of words for the search index, which no acknowledgement waits for.
    """

    def __init__(
        self, writer: Writer, cache: RecordCache, left: Entry, *, patience: float, post_at: int = POST_AT
    ) -> None:
        self._writer = writer
        self._cache = cache
        self._post_at = post_at
        self.unposted = Unposted()
        self.unposted.add(left)
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._hand = Hand("store writer")
        self._small: deque[Pending] = deque()
        self._large: deque[Pending] = deque()
        self._waiting_bytes = 0
        self._busy = False
        self._giving_way = GivingWay(self._loop)
        self._stuck = False
        self._closed = False
        self._roused = False
        self._just_kept_up = False
        self._resting = False  # upkeep failed a moment ago
        self._failing: set[Callable[[], None]] = set()  # upkeep that has not worked since it failed
        self._after_large = False
        self._settling = False  # all upkeep is to be done now
        self._post_due = self._index_due = False  # that of what there was at some moment is to be done
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._later()

    def submit(self, changes: list[Change], blobs: Mapping[str, bytes]) -> asyncio.Future[None]:
        """The future is done when the commit is on disk, or has what stood in its way."""
        if self._closed:
            raise StoreDown("the store is closed")
        if self._stuck:
            raise StoreDown("the disk does not answer")
        if len(self._small) + len(self._large) >= MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES:
            raise StoreDown("too many commits wait for the disk")
        commit = Pending(changes, blobs, self._loop.create_future())
        (self._large if commit.size > LARGE else self._small).append(commit)
        self._waiting_bytes += commit.size
        if not self._busy and not self._roused:
            # What else this turn of the loop brings goes into the same group.
            self._roused = True
            self._idle.clear()
            self._loop.call_soon(self._next)
        return commit.landed

    @property
    def postings(self) -> int:
        """How often records were brought into the tables."""
        return self._writer.postings

    def never_wrote(self, table: Table[R]) -> bool:
        """Whether the table has never had a record."""
        return self._writer.never_wrote(table.name)

    def _next(self) -> None:
        """Give the writer what is most urgent, if it is free."""
        self._roused = False
        if self._busy:
            return
        waiting = bool(self._small or self._large)
        upkeep = self._upkeep()
        if upkeep and not (waiting and self._just_kept_up):
            self._just_kept_up = True
            self._run(upkeep, partial(self._kept_up, upkeep))
        elif waiting:
            self._hand_over()
        else:
            self._settling = self._post_due = self._index_due = False
            self._idle.set()
            if self._writer.unposted or self._writer.unindexed:
                self._later()

    def _upkeep(self) -> Callable[[], None] | None:
        """What is next of all that was put off, if there is enough of it or its time has come."""
        if self._resting:
            return None
        if self._writer.unposted and (self._post_due or self._settling or self._closed or self._must_post()):
            return self._writer.post
        enough = 1 if self._index_due or self._settling else INDEXED_AT_ONCE
        if self._writer.unindexed >= enough and not self._closed:
            return self._writer.index_words
        return None

    def _must_post(self) -> bool:
        return self.unposted.records >= self._post_at or self.unposted.size >= POST_BYTES

    def _run(self, job: Callable[[], T], done: Done[T], group: Group | None = None) -> None:
        self._busy = True
        self.unposted.posting = group is None or group.through
        self._idle.clear()
        self._giving_way.begin()
        patience = self._loop.call_later(self._patience, self._give_up, group)

        def finished(outcome: T | Exception) -> None:
            patience.cancel()
            self._giving_way.end()
            self._busy = self._stuck = self.unposted.posting = False
            if not self._writer.unposted:
                self.unposted.clear()
            done(outcome)
            self._next()

        self._hand.give(job, finished)

    def _hand_over(self) -> None:
        self._just_kept_up = False
        commits = self._gather()
        through = sum(commit.size for commit in commits) > LARGE or self.unposted.records >= MOST_UNPOSTED
        group = Group(commits, through=through)
        self._run(lambda: self._writer.write(group), partial(self._landed, group), group)

    def _gather(self) -> list[Pending]:
        """The next group: one large commit, or as many small ones as fit."""
        commits: list[Pending] = []
        if self._large and not (self._small and self._after_large):
            self._after_large = True
            commits.append(self._large.popleft())
        else:
            self._after_large = False
            changes = size = 0
            while self._small and changes < GROUP_CHANGES and size < GROUP_BYTES:
                commits.append(self._small.popleft())
                changes += len(commits[-1].changes)
                size += commits[-1].size
        self._waiting_bytes -= sum(commit.size for commit in commits)
        # Whoever was cancelled while he waited does not want it any more.
        return [commit for commit in commits if not commit.landed.done()]

    def _landed(self, group: Group, answer: list[Exception | None] | Exception) -> None:
        outcomes = [answer] * len(group.commits) if isinstance(answer, Exception) else answer
        for commit, outcome in zip(group.commits, outcomes, strict=True):
            if outcome is None and not group.through:
                self.unposted.add(commit)
            for change in commit.changes:
                if outcome is not None:
                    self._cache.forget(change.table, change.record.id)
                elif change.replaces or change.table.collection.asked_again:
                    self._cache.put(change.table, change.record, len(change.body))
            _resolve(commit.landed, outcome)

    def _give_up(self, group: Group | None) -> None:
        """The disk hangs: nobody waits for it longer, and the group is dropped unless its fsync has begun."""
        self._stuck = True
        waiting = [*self._small, *self._large]
        if group is not None:
            group.given_up = True
            waiting += group.commits
        self._small.clear()
        self._large.clear()
        self._waiting_bytes = 0
        log.error("the disk does not answer", extra={"commits": len(waiting)})
        for commit in waiting:
            _resolve(commit.landed, StoreDown("the disk did not answer in time"))

    def _later(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(UPKEEP_EVERY, self._is_due)

    def _is_due(self) -> None:
        self._timer = None
        self._resting = False
        self._post_due = self._index_due = True
        self._next()

    def _kept_up(self, upkeep: Callable[[], None], failure: Exception | None) -> None:
        """Upkeep that failed is tried again: questions are answered from what there is meanwhile."""
        if failure is None:
            if upkeep in self._failing:
                log.info("upkeep of the store works again")
            self._failing.discard(upkeep)
        else:
            if upkeep not in self._failing:  # a full disk stays full for a while: once is enough
                log.error("upkeep of the store failed, it is tried again until it works", exc_info=failure)
            self._failing.add(upkeep)
            self._settling, self._resting = False, True
            self._later()
        # Commits go on meanwhile: what they bring waits for the next time.
        self._post_due = self._post_due and self._writer.unposted
        self._index_due = self._index_due and self._writer.unindexed > 0

    async def settle(self) -> None:
        """Finish what is put off while commits come: afterwards tables and search index have every record."""
        self._settling, self._resting = True, False
        self._idle.clear()
        self._next()
        await self._idle.wait()

    async def close(self) -> bool:
        """Let what waits land; then nothing more is taken. False if the disk still holds the writer."""
        self._closed, self._resting = True, False
        if self._timer is not None:
            self._timer.cancel()
        self._idle.clear()
        self._next()
        try:
            async with asyncio.timeout(self._patience):
                await self._idle.wait()
        except TimeoutError:
            log.error("the store closes while the disk does not answer")
        self._hand.rest(wait=not self._busy)
        return not self._busy


def _resolve(future: asyncio.Future[None], outcome: BaseException | None) -> None:
    if future.done():
        return
    if outcome is None:
        future.set_result(None)
    else:
        future.set_exception(outcome)

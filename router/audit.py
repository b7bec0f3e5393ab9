"""The audit: who read and changed what. Written off the request's path, and never dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

from crm.collections import AUDIT
from crm.employee import ApiToken, AuditRecord, Employee
from crm.errors import Conflict, StoreDown
from crm.record import Clock, NewId
from crm.store import After, Insert, Order, Store, Where, at_least, equals, less_than

log = logging.getLogger("onewindow.router")

FLUSH_EVERY = 1.0
"""Seconds that a record waits for others to be written with it."""

MOST_WAITING = 5_000
"""Records that may wait; whoever brings one more waits until there is room."""

AT_ONCE = 500
"""Records of one commit."""

LAST_PATIENCE = 10.0
"""Seconds that a clean stop tries to write what waits while the store does not answer."""


class Audit:
    """Records are kept in memory for a second at most and written together.

    What is lost when the process is killed is that second; a clean stop loses nothing.
    """

    def __init__(self, store: Store, *, clock: Clock, new_id: NewId, size: int = MOST_WAITING) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._size = size
        self._waiting: list[AuditRecord] = []
        self._writing = asyncio.Lock()

    async def record(
        self,
        what: str,
        *,
        by: Employee | None = None,
        token: ApiToken | None = None,
        object_kind: str = "",
        object_id: str = "",
        customer_id: str = "",
        from_ip: str = "",
    ) -> None:
        """Somebody read or changed something. `what` is a code such as `case.read`; no customer's words.

        With the buffer full and the store down this raises `StoreDown`: nothing is read unseen.
        """
        while len(self._waiting) >= self._size:
            await self.flush()
        self._waiting.append(
            AuditRecord(
                id=self._new_id(),
                at=self._clock(),
                employee_id=by.id if by else "",
                token_id=token.id if token else "",
                what=what,
                object_kind=object_kind,
                object_id=object_id,
                customer_id=customer_id,
                from_ip=from_ip,
            )
        )

    async def flush(self) -> None:
        """Write what waits. Raises `StoreDown`; what was not written still waits."""
        async with self._writing:
            while self._waiting:
                batch = self._waiting[:AT_ONCE]
                try:
                    await self._store.commit([Insert(AUDIT, record) for record in batch])
                except Conflict as conflict:
                    # An earlier try was kept although the store could not say so.
                    self._waiting = [record for record in self._waiting if record.id != conflict.id]
                else:
                    del self._waiting[: len(batch)]

    @property
    def waiting(self) -> int:
        """Records that are not written yet."""
        return len(self._waiting)

    async def write_forever(self) -> None:
        """Flush each second; a store that is down is asked again the next second."""
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            try:
                await self.flush()
            except StoreDown:
                log.warning("audit waits for the store, records=%d", len(self._waiting))

    async def finish(self) -> None:
        """The last flush of a clean stop: tried until it succeeds or `LAST_PATIENCE` is over."""
        try:
            async with asyncio.timeout(LAST_PATIENCE):
                while self._waiting:
                    try:
                        await self.flush()
                    except StoreDown:
                        await asyncio.sleep(FLUSH_EVERY / 4)
        except TimeoutError:
            log.error("audit records could not be written before the stop, records=%d", len(self._waiting))


class AuditFilter(NamedTuple):
    """Which records to read; empty means all. `until` is not included."""

    employee_id: str = ""
    customer_id: str = ""
    object_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


async def find_audit(
    store: Store, wanted: AuditFilter, *, after: After | None = None, limit: int = 100
) -> list[AuditRecord]:
    """Records that fit, newest first."""
    where: list[Where] = [
        equals(field, value)
        for field in ("employee_id", "customer_id", "object_id")
        if (value := getattr(wanted, field))
    ]
    if wanted.since:
        where.append(at_least("at", wanted.since))
    if wanted.until:
        where.append(less_than("at", wanted.until))
    return await store.find(AUDIT, *where, order=Order("at", descending=True), limit=limit, after=after)


@asynccontextmanager
async def open_audit(store: Store, *, clock: Clock, new_id: NewId) -> AsyncIterator[Audit]:
    """The audit as long as the context is open; leaving it writes what waits."""
    audit = Audit(store, clock=clock, new_id=new_id)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(audit.write_forever(), name="audit: writing")
        try:
            yield audit
        finally:
            writing.cancel()
            await audit.finish()

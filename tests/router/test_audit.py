"""Audit records are written together, and none is dropped: not when the store fails, not at a clean stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from crm.collections import AUDIT
from crm.employee import ApiToken
from crm.errors import StoreDown
from crm.store import Store, Write
from router.audit import Audit, AuditFilter, find_audit, open_audit
from tests.router.records import MONDAY_NOON, CountedIds, HandClock, an_employee, ids


class Failing:
    """The store, whose next commits fail: before they are kept, or after."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fail_before = 0
        self.fail_after = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, writes: Sequence[Write], blobs: Mapping[str, bytes] | None = None) -> None:
        if self.fail_before:
            self.fail_before -= 1
            raise StoreDown("the disk is full")
        await self._store.commit(writes, blobs)
        if self.fail_after:
            self.fail_after -= 1
            raise StoreDown("the answer was lost")


@pytest.fixture
def failing(store: Store) -> Failing:
    return Failing(store)


def an_audit(store: Any, clock: HandClock, **options: int) -> Audit:
    return Audit(store, clock=clock, new_id=CountedIds(), **options)


async def all_records(store: Store) -> list[str]:
    return [record.id for record in await store.find(AUDIT, limit=10_000)]


async def test_a_clean_stop_writes_what_waits(store: Store, clock: HandClock) -> None:
    async with open_audit(store, clock=clock, new_id=CountedIds()) as audit:
        for _ in range(1200):
            await audit.record("case.read", by=an_employee())
    assert len(await all_records(store)) == 1200


async def test_a_record_says_who_did_what_to_whom(store: Store, clock: HandClock) -> None:
    audit = an_audit(store, clock)
    token = ApiToken(id="t1", name="billing", created_at=MONDAY_NOON)
    where = {"object_kind": "case", "object_id": "100001", "customer_id": "ivan", "from_ip": "10.0.0.7"}
    await audit.record("case.read", by=an_employee(), token=token, **where)
    await audit.flush()
    (record,) = await find_audit(store, AuditFilter())
    assert (record.what, record.employee_id, record.token_id, record.at) == (
        "case.read",
        "anna",
        "t1",
        clock.at,
    )
    assert (record.object_id, record.customer_id, record.from_ip) == ("100001", "ivan", "10.0.0.7")


async def test_a_store_that_was_down_gets_every_record_later(
    store: Store, failing: Failing, clock: HandClock
) -> None:
    audit = an_audit(failing, clock)
    await audit.record("case.read")
    failing.fail_before = 1
    with pytest.raises(StoreDown):
        await audit.flush()
    await audit.record("case.read")
    await audit.finish()
    assert await all_records(store) == ["id-1", "id-2"]


async def test_a_commit_whose_answer_was_lost_is_not_repeated(
    store: Store, failing: Failing, clock: HandClock
) -> None:
    audit = an_audit(failing, clock)
    for _ in range(3):
        await audit.record("case.read")
    failing.fail_after = 1
    with pytest.raises(StoreDown):
        await audit.flush()
    await audit.record("case.read")
    await audit.flush()
    assert (await all_records(store), audit.waiting) == (["id-1", "id-2", "id-3", "id-4"], 0)


async def test_a_full_buffer_refuses_rather_than_drops(
    store: Store, failing: Failing, clock: HandClock
) -> None:
    audit = an_audit(failing, clock, size=2)
    await audit.record("case.read")
    await audit.record("case.read")
    failing.fail_before = 1
    with pytest.raises(StoreDown):
        await audit.record("case.read")
    await audit.record("case.read")
    await audit.finish()
    assert len(await all_records(store)) == 3


async def test_records_are_found_by_employee_customer_object_and_time(store: Store, clock: HandClock) -> None:
    audit = an_audit(store, clock)
    await audit.record("case.read", by=an_employee("anna"), customer_id="ivan", object_id="1")
    clock.pass_by(hours=1)
    await audit.record("case.read", by=an_employee("boris"), customer_id="ivan", object_id="2")
    clock.pass_by(hours=1)
    await audit.record("customer.changed", by=an_employee("anna"), customer_id="mill", object_id="mill")
    await audit.flush()

    async def found(**wanted: Any) -> list[str]:
        return ids(await find_audit(store, AuditFilter(**wanted)))

    assert await found() == ["id-3", "id-2", "id-1"]
    assert await found(employee_id="anna") == ["id-3", "id-1"]
    assert await found(customer_id="ivan") == ["id-2", "id-1"]
    assert await found(customer_id="ivan", employee_id="boris") == ["id-2"]
    assert await found(object_id="mill") == ["id-3"]
    assert await found(since=clock.at, employee_id="anna") == ["id-3"]
    assert await found(until=clock.at) == ["id-2", "id-1"]

"""Builders of records for the tests of the hall: a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crm.case import Assigned, Case, turn
from crm.collections import (
    ADDRESSES,
    CASES,
    CONTACTS,
    CUSTOMERS,
    DEPARTMENTS,
    EMPLOYEES,
    ENTRIES,
)
from crm.contact import Address, Contact, contact_id
from crm.customer import Customer, CustomerAddress
from crm.employee import Department, Employee
from crm.record import Record
from crm.store import Collection, Insert, Store

MONDAY_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

COLLECTIONS: dict[type[Record], Collection[Any]] = {
    Assigned: ENTRIES,
    Case: CASES,
    Contact: CONTACTS,
    Customer: CUSTOMERS,
    CustomerAddress: ADDRESSES,
    Department: DEPARTMENTS,
    Employee: EMPLOYEES,
}


class HandClock:
    """Time that passes when the test says so."""

    def __init__(self, at: datetime = MONDAY_NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **lasting: float) -> None:
        self.at += timedelta(**lasting)


class CountedIds:
    """`id-1`, `id-2` and so on."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> str:
        self.given += 1
        return f"id-{self.given}"


async def keep(store: Store, *records: Record) -> None:
    await store.commit([Insert(COLLECTIONS[type(record)], record) for record in records])


def minutes_ago(minutes: float) -> datetime:
    return MONDAY_NOON - timedelta(minutes=minutes)


def a_department(id: str = "front-desk", **fields: Any) -> Department:
    return Department(**{"id": id, "names": {"en": id, "ru": id}, **fields})


def an_employee(id: str = "anna", **fields: Any) -> Employee:
    given = {"id": id, "login": id, "name": id.title(), "department_ids": ("front-desk",), **fields}
    return Employee(**given)


def a_customer(id: str = "ivan", **fields: Any) -> Customer:
    given = {"id": id, "name": "Иван Петров", "created_at": MONDAY_NOON, "updated_at": MONDAY_NOON, **fields}
    return Customer(**given)


def an_address(id: str, customer_id: str = "ivan", **fields: Any) -> CustomerAddress:
    kind, _, value = id.partition(":")
    given = {"kind": kind, "value": value, "customer_id": customer_id, "created_at": MONDAY_NOON, **fields}
    return CustomerAddress(id=id, **given)


def a_case(id: str = "100001", *, queued: datetime = MONDAY_NOON, **fields: Any) -> Case:
    given = {
        "customer_id": "ivan",
        "channel": "email",
        "department_id": "front-desk",
        "opened_at": queued,
        "updated_at": queued,
        "queued_at": queued,
        "turn_at": turn(fields.get("priority", 3), queued),
        "waiting_since": queued,
        **fields,
    }
    return Case(id=id, **given)


def a_contact(key: str = "m1@example.com", *, channel: str = "email", **fields: Any) -> Contact:
    given = {
        "received_at": MONDAY_NOON,
        "sender": Address(kind="email", value="ivan@example.com"),
        "text": "Не работает интернет",
        "customer_id": "ivan",
        "case_id": "100001",
        **fields,
    }
    return Contact(id=contact_id(channel, key), channel=channel, key=key, **given)


def a_hand_over(
    id: str, at: datetime, *, case_id: str = "100001", by: str = "anna", how: str = "took"
) -> Assigned:
    given: dict[str, Any] = {"employee_id": by, "assignee_id": by, "how": how}
    return Assigned(id=id, at=at, case_id=case_id, customer_id="ivan", **given)


def ids(records: Sequence[Record]) -> list[str]:
    return [record.id for record in records]

"""Records that the store's tests keep: a collection of every kind of field, and builders of the product's."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from crm.case import Case
from crm.collections import ALL
from crm.contact import Address, Contact
from crm.record import Record
from crm.store import Collection, Index, Where

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Thing(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Has a field of every kind that can be indexed, and one that is not."""

    owner: str = ""
    rank: int = 0
    open: bool = True
    due: datetime | None = None
    label: str | None = None
    weight: int = 7
    text: str = ""


THINGS: Collection[Thing] = Collection(
    "things",
    Thing,
    indexes=(
        Index(("owner", "due"), sparse=True),
        Index(("open", "rank")),
        Index(("owner", "open", "label")),
        Index(("due",)),
        Index(("label",)),
    ),
    words=lambda thing: thing.text,
)

EVERYTHING = (*ALL, cast(Collection[Record], THINGS))


def minutes(count: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=count)


def a_contact(
    key: str = "1",
    *,
    text: str = "",
    subject: str = "",
    customer_id: str = "",
    case_id: str = "",
    number: int = 0,
    at: datetime = NOON,
    sender: Address | None = None,
) -> Contact:
    """A letter."""
    return Contact(
        id=f"email:{key}",
        channel="email",
        key=key,
        received_at=at,
        sender=sender or Address(kind="email", value="ivan@example.com", name="Иван Петров"),
        subject=subject,
        text=text,
        customer_id=customer_id,
        case_id=case_id,
        number=number,
    )


def a_case(
    id: str = "case", *, department_id: str = "technical", at: datetime = NOON, subject: str = ""
) -> Case:
    """A case that waits in a queue."""
    return Case(
        id=id,
        customer_id="customer",
        channel="email",
        department_id=department_id,
        opened_at=at,
        updated_at=at,
        queued_at=at,
        turn_at=at,
        subject=subject,
    )


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(thing: Thing, condition: Where) -> bool:
    """Whether a store should find the thing by that condition."""
    value = getattr(thing, condition.field)
    if condition.op == "in":
        assert isinstance(condition.value, tuple)
        return value in condition.value
    if condition.op == "=":
        return bool(value == condition.value)
    return value is not None and COMPARED[condition.op](value, condition.value)

"""What is attached to a contact before it is handed over: the card, open cases, the timeline, totals."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from crm.case import Case, Entry
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, ENTRIES, SUBSCRIPTIONS
from crm.contact import Contact
from crm.customer import Customer, CustomerAddress, Subscription
from crm.errors import BadInput, NotFound
from crm.store import After, Order, Store, Where, equals

MOST_PROVED = 8
"""How often in a row somebody may have proved to be somebody else."""

TimelineItem = Contact | Entry


class Timeline(NamedTuple):
    """A page of what happened, newest first. `more` is where the next, older page begins, if any."""

    items: tuple[TimelineItem, ...]
    more: str = ""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How much there has been with a customer, on all channels."""

    cases: int = 0
    open_cases: int = 0
    contacts: int = 0


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an agent needs before he says a word. `recent` is newest first."""

    customer: Customer
    addresses: tuple[CustomerAddress, ...] = ()
    open_cases: tuple[Case, ...] = ()
    recent: tuple[TimelineItem, ...] = ()
    totals: Totals = Totals()
    subscriptions: tuple[Subscription, ...] = ()


def happened_at(item: TimelineItem) -> datetime:
    """When it came into the timeline."""
    return item.received_at if isinstance(item, Contact) else item.at


async def read_timeline(store: Store, customer_id: str, *, before: str = "", limit: int = 50) -> Timeline:
    """What happened with a customer on all channels and in all cases."""
    return await _read(store, equals("customer_id", customer_id), before=before, limit=limit)


async def read_case_timeline(store: Store, case_id: str, *, before: str = "", limit: int = 200) -> Timeline:
    """What happened in one case."""
    return await _read(store, equals("case_id", case_id), before=before, limit=limit)


async def attach_history(store: Store, customer_id: str, *, recent: int = 50) -> History:
    """The history of a customer as it stands now. Raises `NotFound`."""
    customer = await find_customer(store, customer_id)
    if customer is None:
        raise NotFound("There is no customer of that id.", field="customer_id")
    mine = equals("customer_id", customer.id)
    timeline = await read_timeline(store, customer.id, limit=recent)
    return History(
        customer=customer,
        addresses=tuple(await store.find(ADDRESSES, mine)),
        open_cases=tuple(await find_open_cases(store, customer.id)),
        recent=timeline.items,
        totals=await count_totals(store, customer.id),
        subscriptions=tuple(await store.find(SUBSCRIPTIONS, mine, order=Order("since", descending=True))),
    )


async def find_customer(store: Store, customer_id: str) -> Customer | None:
    """The customer of that id, or the one he proved to be."""
    customer = await store.get(CUSTOMERS, customer_id)
    for _ in range(MOST_PROVED):
        if customer is None or not customer.became:
            return customer
        customer = await store.get(CUSTOMERS, customer.became)
    return customer


async def find_open_cases(store: Store, customer_id: str, *, limit: int = 50) -> list[Case]:
    """The customer's cases that are not closed, the latest opened first."""
    return await store.find(
        CASES,
        equals("customer_id", customer_id),
        equals("open", True),
        order=Order("opened_at", descending=True),
        limit=limit,
    )


async def count_totals(store: Store, customer_id: str) -> Totals:
    """How many cases and contacts a customer has had."""
    groups = await store.aggregate(CASES, equals("customer_id", customer_id), by=("open",), sum="contacts")
    return Totals(
        cases=sum(group.records for group in groups),
        open_cases=sum(group.records for group in groups if group.key[0]),
        contacts=sum(group.total for group in groups),
    )


async def _read(store: Store, whose: Where, *, before: str, limit: int) -> Timeline:
    after = _read_cursor(before) if before else None
    latest, last = Order("received_at", descending=True), Order("at", descending=True)
    contacts = await store.find(CONTACTS, whose, order=latest, limit=limit + 1, after=after)
    entries = await store.find(ENTRIES, whose, order=last, limit=limit + 1, after=after)
    items: list[TimelineItem] = [*contacts, *entries]
    items.sort(key=lambda item: (happened_at(item), item.id), reverse=True)
    page = tuple(items[:limit])
    more = f"{happened_at(page[-1]).isoformat()}|{page[-1].id}" if len(items) > limit else ""
    return Timeline(page, more)


def _read_cursor(cursor: str) -> After:
    at, _, item_id = cursor.partition("|")
    try:
        moment = datetime.fromisoformat(at)
        item_id.encode()  # half of a surrogate pair is no id
    except ValueError as error:
        raise BadInput("A page of the timeline begins at a time and an id.", field="before") from error
    if moment.tzinfo is None:
        raise BadInput("The time a page begins at needs a time zone.", field="before")
    return After(moment, item_id)

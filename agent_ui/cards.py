"""The customer's card: who he is, how he is reached, what he has with us, and what there has been."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agent_ui.names import Names, read_names
from agent_ui.visit import Visit
from crm.case import Case
from crm.collections import ADDRESSES, CASES, OFFERINGS, SUBSCRIPTIONS
from crm.contact import Address, Contact
from crm.customer import Customer, CustomerAddress, Subscription
from crm.store import Order, equals
from router.history import Totals, count_totals, find_open_cases
from router.identity import possible_customers

EARLIER = 12


class Held(NamedTuple):
    """A service that the customer holds, and what it is called."""

    subscription: Subscription
    name: str
    price: int


class Card(NamedTuple):
    """All that the pane beside a case shows."""

    customer: Customer
    names: Names
    addresses: Sequence[CustomerAddress]
    services: Sequence[Held]
    open_cases: Sequence[Case]
    closed_cases: Sequence[Case]
    totals: Totals
    claims: Sequence[Address]
    possible: Sequence[Customer]
    doubt: Contact | None  # the latest letter, where nobody vouches for its sender


async def read_card(visit: Visit, customer: Customer, *, contacts: Sequence[Contact] = ()) -> Card:
    """The card; `contacts` are those of the case: what they claim about him, and who vouches for them."""
    store = visit.rooms.store
    closed = await store.find(
        CASES,
        equals("customer_id", customer.id),
        equals("open", False),
        order=Order("opened_at", descending=True),
        limit=EARLIER,
    )
    open_cases = await find_open_cases(store, customer.id)
    written = [one for one in contacts if one.direction == "inbound" and not one.automatic]
    latest = max(written, key=lambda one: one.received_at, default=None)
    claims = tuple({claim: None for contact in contacts for claim in contact.claims})
    possible = await possible_customers(store, claims, region=visit.rooms.settings.region)
    names = await read_names(
        store,
        visit.speaker,
        customers=[customer.id],
        employees=[customer.owner_id, *(case.assignee_id for case in open_cases)],
    )
    return Card(
        customer=customer,
        names=names,
        addresses=await _addresses(visit, customer),
        services=await _services(visit, customer),
        open_cases=open_cases,
        closed_cases=closed,
        totals=await count_totals(store, customer.id),
        claims=claims,
        possible=[other for other in possible if other.id != customer.id],
        doubt=latest if latest and latest.trust in ("unproven", "forged") else None,
    )


async def _addresses(visit: Visit, customer: Customer) -> list[CustomerAddress]:
    order = ("phone", "email", "telegram", "fax", "postal", "visitor")
    found = await visit.rooms.store.find(ADDRESSES, equals("customer_id", customer.id), limit=200)
    return sorted(found, key=lambda one: (order.index(one.kind) if one.kind in order else 9, one.created_at))


async def _services(visit: Visit, customer: Customer) -> list[Held]:
    store = visit.rooms.store
    latest = Order("since", descending=True)
    held = await store.find(SUBSCRIPTIONS, equals("customer_id", customer.id), order=latest, limit=100)
    offerings = await store.get_many(OFFERINGS, {subscription.offering_id for subscription in held})
    return [
        Held(one, visit.speaker.name(offering.names), offering.price)
        if (offering := offerings.get(one.offering_id))
        else Held(one, one.offering_id, 0)
        for one in held
    ]

"""The card of who calls: on the agent's screen while his telephone rings, before he takes the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from aiohttp import web

from agent_ui.opening import is_of_another_region, note_reading
from agent_ui.rooms import ROOMS
from agent_ui.visit import Visit, get
from crm.case import Case
from crm.collections import ADDRESSES, CONTACTS, CUSTOMERS
from crm.contact import Address, Contact
from crm.customer import Customer
from router.history import attach_history
from router.identity import normalise
from router.ringing import Ring, Ringing

RECENT = 3

RINGING = web.AppKey("RINGING", Ringing)


class Caller(NamedTuple):
    """A call at his telephone, and what we know of who calls. `case_id` is set once the call has a case."""

    ring: Ring
    customer: Customer | None
    shielded: bool  # of another region: opened only with a reason
    open_cases: tuple[Case, ...]
    recent: tuple[Contact, ...]
    case_id: str


async def keep_ringing(app: web.Application) -> AsyncIterator[None]:
    """Telephones are listened to while the application serves."""
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(app[RINGING].listen(app[ROOMS].live), name="pages: ringing")
        yield
        listening.cancel()


async def show_ringing(visit: Visit) -> web.Response:
    """Cards of the calls at his telephone now."""
    rings = visit.request.app[RINGING].at(visit.me.id)
    callers = [await _caller(visit, ring) for ring in rings]
    return visit.fragment("ringing.html", callers=callers)


async def _caller(visit: Visit, ring: Ring) -> Caller:
    store = visit.rooms.store
    contact = await store.get(CONTACTS, ring.contact_id)
    case_id = contact.case_id if contact else ""
    number = Address(kind="phone", value=ring.number)
    address = await store.get(ADDRESSES, normalise(number, region=visit.rooms.settings.region) or "-")
    customer = await store.get(CUSTOMERS, address.customer_id) if address and address.customer_id else None
    if customer is None:
        return Caller(ring, None, shielded=False, open_cases=(), recent=(), case_id=case_id)
    if is_of_another_region(visit.me, customer):
        return Caller(ring, customer, shielded=True, open_cases=(), recent=(), case_id=case_id)
    history = await attach_history(store, customer.id, recent=20)
    recent = [item for item in history.recent if isinstance(item, Contact) and item.id != ring.contact_id]
    await note_reading(visit, "ringing.read", customer, kind="customer", id=customer.id)
    return Caller(
        ring,
        customer,
        shielded=False,
        open_cases=history.open_cases[:RECENT],
        recent=tuple(recent[:RECENT]),
        case_id=case_id,
    )


ROUTES = [get("/fragments/ringing", show_ringing)]

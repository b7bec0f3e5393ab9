"""Customers: found by anything, read with everything that belongs to them."""

from __future__ import annotations

from aiohttp import web

from agent_ui.api import shapes
from agent_ui.api.calls import Call, Operation, Param, answer, opaque, read_opaque
from agent_ui.api.contacts import PAGING
from agent_ui.api.shapes import CustomerCard, Customers, Invitation, TimelinePage
from crm.collections import CUSTOMERS
from crm.errors import NotFound
from crm.store import Order
from router.history import attach_history
from router.history import read_timeline as read_history
from router.search import search_everything


async def list_customers(call: Call) -> web.Response:
    """Found by `q`: a name, an address or number in any spelling, a contract; without it, by name."""
    words = call.asked("q")
    store, region = call.rooms.store, call.rooms.settings.region
    if words:
        found = (await search_everything(store, words, limit=call.limit, region=region)).customers
    else:
        by_name = await store.find(CUSTOMERS, order=Order("name"), limit=call.limit)
        found = [customer for customer in by_name if not customer.became]
    await call.note("api.customers.listed", "customer", "")
    return answer(Customers(items=[shapes.customer_out(customer) for customer in found], next=None))


async def read_customer(call: Call) -> web.Response:
    """The card, addresses, services, open cases and totals."""
    history = await attach_history(call.rooms.store, call.request.match_info["id"], recent=1)
    await call.note("api.customer.read", "customer", history.customer.id, history.customer.id)
    card = CustomerCard(
        **shapes.card_fields(history.customer),
        addresses=tuple(shapes.address_out(address) for address in history.addresses),
        subscriptions=history.subscriptions,
        open_cases=tuple(shapes.case_out(case) for case in history.open_cases),
        totals=history.totals,
    )
    return answer(card)


async def read_timeline(call: Call) -> web.Response:
    """What happened with a customer on all channels, newest first."""
    history = await attach_history(call.rooms.store, call.request.match_info["id"], recent=1)
    customer_id = history.customer.id
    await call.note("api.timeline.read", "customer", customer_id, customer_id)
    before = read_opaque(call.asked("after"))
    page = await read_history(call.rooms.store, customer_id, before=before, limit=call.limit)
    items = [shapes.timeline_out(item) for item in page.items]
    return answer(TimelinePage(items=items, next=opaque(page.more) if page.more else None))


async def invite(call: Call) -> web.Response:
    """A link that makes whoever opens it known as this customer, once."""
    if call.rooms.inviting is None:
        raise NotFound("No messenger is set up.")
    customer_id = call.request.match_info["id"]
    invited = await call.rooms.inviting.invite(customer_id, call.asked("bot"))
    await call.note("api.customer.invited", "customer", customer_id, customer_id)
    return answer(Invitation(url=invited.url, until=invited.until))


ID = Param("id", "The customer's id")

OPERATIONS = (
    Operation(
        "GET",
        "/customers",
        list_customers,
        "Find customers",
        Customers,
        (Param("q", "A name, number, address or contract"), PAGING[1]),
    ),
    Operation("GET", "/customers/{id}", read_customer, "Read a customer", CustomerCard, (ID,)),
    Operation(
        "GET",
        "/customers/{id}/timeline",
        read_timeline,
        "What happened with a customer",
        TimelinePage,
        (ID, *PAGING),
    ),
    Operation(
        "POST",
        "/customers/{id}/invitations",
        invite,
        "Make a link that ties a customer's messenger to him",
        Invitation,
        (ID, Param("bot", "Which bot of ours, by its name in the settings, where there are several")),
        writes=True,
    ),
)

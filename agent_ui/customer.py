"""The customer's own page: the card, the whole history, and changing what is known of him."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from agent_ui.cards import read_card
from agent_ui.drawings import ICONS
from agent_ui.opening import REASONS, ReasonFirst, enter_customer, note_reading
from agent_ui.timeline import show_items
from agent_ui.visit import Form, Visit, get, post, read_form
from agent_ui.words import LANGUAGES, mark
from crm.contact import Address, AddressKind
from crm.customer import Customer
from crm.errors import BadInput
from router.customers import add_address, remove_address, update_customer
from router.history import read_timeline
from router.identity import normalise

PAGE = 50
SEGMENTS = ("resident", "business", "corporate", "vip")
KINDS: tuple[AddressKind, ...] = ("phone", "email", "telegram", "fax", "postal")


async def show_customer(visit: Visit) -> web.Response:
    """The card and everything that ever happened, newest at the bottom."""
    try:
        customer = await enter_customer(visit, visit.request.match_info["customer"])
    except ReasonFirst as first:
        return visit.page("customer.html", reasons=REASONS, customer_id=first.customer_id, case_id="")
    await note_reading(visit, "customer.read", customer, kind="customer", id=customer.id)
    card = await read_card(visit, customer)
    return visit.page("customer.html", card=card, case=None, **await _timeline(visit, customer))


async def send_earlier(visit: Visit) -> web.Response:
    customer = await enter_customer(visit, visit.request.match_info["customer"])
    return visit.fragment("timeline.html", **await _timeline(visit, customer), case=None)


async def send_card(visit: Visit) -> web.Response:
    customer = await enter_customer(visit, visit.request.match_info["customer"])
    return visit.fragment("card.html", card=await read_card(visit, customer), case=None)


async def show_edit(visit: Visit) -> web.Response:
    """The form of the card."""
    customer = await enter_customer(visit, visit.request.match_info["customer"])
    card = await read_card(visit, customer)
    return visit.fragment(
        "sheet_customer.html",
        customer=customer,
        addresses=[one for one in card.addresses if one.kind in KINDS],
        segments=SEGMENTS,
        channels=list(ICONS),
        kinds=KINDS,
        all_languages=LANGUAGES,
    )


async def change(visit: Visit) -> web.Response:
    """The card as the form says it, unless somebody changed it since the form was opened."""
    customer = await enter_customer(visit, visit.request.match_info["customer"])
    form = await read_form(visit.request)
    version = form.text("version")
    rooms = visit.rooms
    await update_customer(
        rooms.store,
        rooms.live,
        customer.id,
        by=visit.me,
        clock=rooms.clock,
        changes=_read_changes(form, customer, rooms.settings.region),
        version=int(version) if version.isdecimal() else None,
    )
    if form.text("address"):
        await add_address(
            rooms.store,
            rooms.live,
            customer.id,
            Address(kind=_read_kind(form.text("address_kind")), value=form.text("address")),
            by=visit.me,
            clock=rooms.clock,
            region=rooms.settings.region,
        )
    await note_reading(visit, "customer.change", customer, kind="customer", id=customer.id)
    return visit.done(f"/customers/{customer.id}")


async def forget_address(visit: Visit) -> web.Response:
    """An address that turned out to be somebody else's."""
    customer = await enter_customer(visit, visit.request.match_info["customer"])
    address_id = (await read_form(visit.request)).text("address_id")
    rooms = visit.rooms
    await remove_address(rooms.store, rooms.live, customer.id, address_id, by=visit.me, clock=rooms.clock)
    await note_reading(visit, "customer.address_removed", customer, kind="customer", id=customer.id)
    return visit.done(f"/customers/{customer.id}")


async def _timeline(visit: Visit, customer: Customer) -> dict[str, object]:
    before = visit.request.query.get("before", "")
    page = await read_timeline(visit.rooms.store, customer.id, before=before, limit=PAGE)
    shown = await show_items(visit, page.items, case=None)
    return {"timeline": shown, "earlier": page.more, "customer": customer}


def _read_changes(form: Form, customer: Customer, region: str) -> dict[str, Any]:
    """The fields of the form as JSON values."""
    return {
        "kind": form.text("kind"),
        "name": form.text("name").strip(),
        "region": form.text("region").strip(),
        "segment": form.text("segment"),
        "contracts": _lines(form.text("contracts")),
        "preferences": {
            "channel": form.text("channel"),
            "language": form.text("language"),
            "quiet_from": form.text("quiet_from"),
            "quiet_until": form.text("quiet_until"),
            "topics": _lines(form.text("topics").replace(",", "\n")),
        },
        "contact_persons": _read_persons(form, region)
        if customer.kind == "company" or form.texts("person")
        else [],
    }


def _read_persons(form: Form, region: str) -> list[dict[str, object]]:
    """Contact persons, a row each; an empty row is nobody."""
    rows = zip(form.texts("person"), form.texts("post"), form.texts("person_addresses"), strict=True)
    return [
        {"name": name.strip(), "post": post_.strip(), "addresses": _read_addresses(addresses, region)}
        for name, post_, addresses in rows
        if name.strip() or post_.strip() or addresses.strip()
    ]


def _read_addresses(text: str, region: str) -> list[str]:
    """Mail addresses and numbers as somebody types them, one after the other."""
    found = []
    for value in _lines(text.replace(",", "\n").replace(";", "\n")):
        kind: AddressKind = "email" if "@" in value else "phone"
        id_ = normalise(Address(kind=kind, value=value), region=region)
        if not id_:
            raise BadInput(mark("This is no address that could be used."), field="person_addresses")
        found.append(id_)
    return found


def _read_kind(value: str) -> AddressKind:
    for kind in KINDS:
        if kind == value:
            return kind
    raise BadInput(mark("Choose what kind of address it is."), field="address_kind")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


ROUTES = [
    get("/customers/{customer}", show_customer),
    get("/customers/{customer}/earlier", send_earlier),
    get("/customers/{customer}/card", send_card),
    get("/customers/{customer}/edit", show_edit),
    post("/customers/{customer}", change),
    post("/customers/{customer}/forget_address", forget_address),
]

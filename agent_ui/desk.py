"""The desk: an employee registers a visit, a letter or a call, and it becomes a contact like any other."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, time
from typing import NamedTuple, cast, get_args

from aiohttp import web

from agent_ui.names import read_names
from agent_ui.opening import is_of_another_region, note_reading
from agent_ui.visit import Form, Visit, get, post, read_form
from agent_ui.words import mark
from crm.case import Case
from crm.collections import ADDRESSES, CASES, CUSTOMERS
from crm.contact import Address
from crm.customer import Customer, CustomerAddress
from crm.desk import DeskChannel, DeskFile, DeskForm
from crm.errors import BadInput, NotFound
from crm.store import one_of
from router.history import find_open_cases
from router.search import search_everything

FOUND = 6
"""Customers that a search at the desk shows: more words find better than a longer list."""

_DURATION = re.compile(r"(\d{1,4})(?::([0-5]?\d))?")


class Candidate(NamedTuple):
    """A customer whom the employee may mean, with what tells him from others."""

    customer: Customer
    addresses: list[CustomerAddress]


async def show_desk(visit: Visit) -> web.Response:
    """The empty form. Its id is made here: the form sent twice is one contact."""
    channel = visit.request.query.get("channel", "")
    return visit.page(
        "desk.html",
        form_id=visit.rooms.new_id(),
        channel=channel if channel in get_args(DeskChannel) else "visit",
        today=visit.speaker.now.astimezone(visit.speaker.zone),
    )


async def find_customers(visit: Visit) -> web.Response:
    """Customers by anything somebody at the desk can say."""
    words = visit.request.query.get("q", "")
    found = await search_everything(visit.rooms.store, words, limit=FOUND, region=visit.rooms.settings.region)
    ids = [customer.id for customer in found.customers] + [case.customer_id for case in found.cases]
    ids = list(dict.fromkeys(ids))[:FOUND]
    known = await visit.rooms.store.get_many(CUSTOMERS, ids)
    addresses = await visit.rooms.store.find(ADDRESSES, one_of("customer_id", known), limit=200)
    candidates = [
        Candidate(
            known[id_], [one for one in addresses if one.customer_id == id_ and one.kind != "visitor"][:3]
        )
        for id_ in ids
        if id_ in known
    ]
    names = await read_names(visit.rooms.store, visit.speaker, customers=known)
    return visit.fragment("desk_found.html", candidates=candidates, names=names, words=words.strip())


async def choose_customer(visit: Visit) -> web.Response:
    """The chosen one, with the open cases that this may be about."""
    customer = await visit.rooms.store.get(CUSTOMERS, visit.request.match_info["customer"])
    if customer is None:
        raise NotFound(mark("There is no such customer."), field="customer_id")
    await note_reading(visit, "desk.chose", customer, kind="customer", id=customer.id)
    cases: list[Case] = []
    if not is_of_another_region(visit.me, customer):
        cases = await find_open_cases(visit.rooms.store, customer.id, limit=10)
    names = await read_names(visit.rooms.store, visit.speaker, customers=[customer.id])
    return visit.fragment("desk_chosen.html", customer=customer, cases=cases, names=names)


async def register(visit: Visit) -> web.Response:
    """Make it a contact, and say which case it came to."""
    fields = await read_form(visit.request)
    form = await _read_desk_form(visit, fields)
    receipt = await visit.rooms.desk.register(form, employee=visit.me, received_at=visit.rooms.clock())
    case = await visit.rooms.store.get(CASES, receipt.case_id)
    customer = await visit.rooms.store.get(CUSTOMERS, receipt.customer_id)
    if customer:
        await note_reading(visit, "desk.registered", customer, kind="contact", id=receipt.contact_id)
    names = await read_names(visit.rooms.store, visit.speaker, customers=[receipt.customer_id])
    values = {"receipt": receipt, "case": case, "names": names, "form": form}
    if visit.wants_fragment:
        return visit.fragment("desk_done.html", **values)
    return visit.page("desk_done_page.html", **values)


async def _read_desk_form(visit: Visit, fields: Form) -> DeskForm:
    channel = fields.text("channel")
    if channel not in get_args(DeskChannel):
        raise BadInput(mark("Choose what it was: a visit, a letter or a call."), field="channel")
    return DeskForm(
        id=fields.text("id"),
        channel=cast(DeskChannel, channel),
        customer_id=await _chosen(visit, fields.text("customer_id")),
        case_id=await _joined(visit, fields),
        sender=_read_sender(channel, fields),
        subject=fields.text("subject"),
        text=fields.text("text"),
        happened_at=_read_moment(visit, fields, channel),
        answered=channel != "phone" or fields.text("answered") != "no",
        duration=_read_duration(fields.text("duration")) if channel != "letter" else 0,
        files=tuple(await _read_files(fields)),
    )


async def _chosen(visit: Visit, customer_id: str) -> str:
    if customer_id and await visit.rooms.store.get(CUSTOMERS, customer_id) is None:
        raise NotFound(mark("There is no such customer."), field="customer_id")
    return customer_id


async def _joined(visit: Visit, fields: Form) -> str:
    """The case it is about, if that is an open one of the customer who was chosen."""
    case_id = fields.text("case_id")
    if not case_id:
        return ""
    case = await visit.rooms.store.get(CASES, case_id)
    if case is None or not case.open or case.customer_id != fields.text("customer_id"):
        raise BadInput(mark("This case is no longer open: choose again."), field="case_id")
    return case_id


def _read_sender(channel: str, fields: Form) -> Address:
    """Who it was, by what the form of this channel asks for."""
    name = " ".join(fields.text("name").split())[:200]
    if channel == "letter":
        postal = " ".join(fields.text("postal").split())[:400]
        return Address(kind="postal" if postal else "unknown", value=postal, name=name)
    reach = fields.text("number" if channel == "phone" else "reach").strip()[:200]
    if not reach:
        return Address(kind="unknown", value="", name=name)
    if "@" in reach and channel == "visit":
        if not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", reach):
            raise BadInput(mark("A mail address is written like name@example.com."), field="reach")
        return Address(kind="email", value=reach, name=name)
    if not 2 <= len(re.sub(r"\D", "", reach)) <= 15:
        field = "number" if channel == "phone" else "reach"
        raise BadInput(mark("A number is written like +7 495 123-45-67."), field=field)
    return Address(kind="phone", value=reach, name=name)


def _read_moment(visit: Visit, fields: Form, channel: str) -> datetime | None:
    """When it happened, by the employee's clock; of a letter, the date that stands on it."""
    said = fields.text("dated" if channel == "letter" else "happened_at")
    if not said:
        return None
    try:
        if channel == "letter":
            local = datetime.combine(date.fromisoformat(said), time(12), visit.speaker.zone)
        else:
            local = datetime.fromisoformat(said).replace(tzinfo=visit.speaker.zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        field = "dated" if channel == "letter" else "happened_at"
        raise BadInput(mark("This is no date."), field=field) from error


def _read_duration(said: str) -> int:
    """Seconds of `5` (minutes) or `5:30`."""
    said = said.strip()
    if not said:
        return 0
    found = _DURATION.fullmatch(said)
    if not found:
        raise BadInput(mark("How long it lasted is written like 5 or 5:30."), field="duration")
    return int(found[1]) * 60 + int(found[2] or 0)


async def _read_files(fields: Form) -> list[DeskFile]:
    return [
        DeskFile(
            name=re.split(r"[/\\]", file.filename)[-1][-200:] or "file",
            mime=file.content_type[:100],
            content=await asyncio.to_thread(file.file.read),
        )
        for file in fields.files("files")
    ]


ROUTES = [
    get("/desk", show_desk),
    get("/desk/customers", find_customers),
    get("/desk/customers/{customer}", choose_customer),
    post("/desk", register),
]

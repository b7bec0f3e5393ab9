"""Contacts: listed, read whole, and posted by other systems."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from urllib.parse import quote

import msgspec
from aiohttp import web

from agent_ui.api.calls import MOST, Call, Operation, Param, answer, cursor
from agent_ui.api.shapes import AddressIn, ContactIn, ContactOut, Contacts, FileIn, contact_out
from crm.collections import CASES, CONTACTS, CUSTOMERS
from crm.contact import Address, AddressKind, Arrival, Attachment, Contact, blob_id, contact_id
from crm.errors import BadInput, NotFound
from crm.store import Order, Where, at_least, equals, less_than
from router.identity import normalise
from router.ways import REACHES

SENDERS: dict[str, AddressKind] = {**REACHES, "phone": "phone"}
"""How each channel of ours knows its senders; another system's channel may know them by anything."""

DIRECTIONS = ["inbound", "outbound"]
BESIDE = 20
"""Contacts kept under the same key with other words that a search by key shows."""


async def list_contacts(call: Call) -> web.Response:
    """By channel, key, customer or case; newest first unless asked otherwise."""
    await call.note("api.contacts.listed", "contact", call.asked("key"), call.asked("customer_id"))
    if call.asked("key"):
        found = await _by_key(call, call.asked("channel"), call.asked("key"))
        return answer(Contacts(items=[contact_out(contact) for contact in found], next=None))
    where: list[Where] = [
        equals(name, call.asked(name))
        for name in ("channel", "customer_id", "case_id", "direction")
        if call.asked(name)
    ]
    if call.asked("direction") not in ("", *DIRECTIONS):
        raise BadInput("direction: expected inbound or outbound.", field="direction")
    descending = _newest_first(call)
    page = await call.rooms.store.find(
        CONTACTS,
        *where,
        order=Order("received_at", descending=descending),
        limit=call.limit + 1,
        after=call.after,
    )
    shown = page[: call.limit]
    more = cursor(shown[-1].received_at, shown[-1].id) if len(page) > call.limit else None
    return answer(Contacts(items=[contact_out(contact) for contact in shown], next=more))


async def read_contact(call: Call) -> web.Response:
    """One contact."""
    contact = await _find(call)
    await call.note("api.contact.read", "contact", contact.id, contact.customer_id)
    return answer(contact_out(contact))


async def read_raw(call: Call) -> web.Response:
    """The whole message as it came."""
    contact = await _find(call)
    await call.note("api.raw.read", "contact", contact.id, contact.customer_id)
    return await _file(call, contact.raw, f"{contact.case_id}-{contact.number}.eml")


async def read_attachment(call: Call) -> web.Response:
    """The bytes of a file."""
    contact = await _find(call)
    number = call.request.match_info["number"]
    if not number.isdecimal() or len(number) > 6 or int(number) >= len(contact.attachments):
        raise NotFound("The contact has no such file.", field="number")
    await call.note("api.file.read", "contact", contact.id, contact.customer_id)
    file = contact.attachments[int(number)]
    return await _file(call, file.blob, file.name)


async def post_contact(call: Call) -> web.Response:
    """A contact of another system enters the queue like any other; 200 when it was there already."""
    body = await call.body(ContactIn)
    if body.customer_id and await call.rooms.store.get(CUSTOMERS, body.customer_id) is None:
        raise BadInput("There is no customer of that id.", field="customer_id")
    if body.case_id and await call.rooms.store.get(CASES, body.case_id) is None:
        raise BadInput("There is no case of that number.", field="case_id")
    if not body.text.strip() and not body.subject.strip() and not body.attachments:
        raise BadInput("A contact needs text, a subject or a file.", field="text")
    _check_sender(body, call.rooms.settings.region)
    receipt = await call.rooms.intake.accept(_arrival(call, body))
    contact = await call.rooms.store.get(CONTACTS, receipt.contact_id)
    await call.note("api.contact.posted", "contact", receipt.contact_id, receipt.customer_id)
    if contact is None:
        raise BadInput("The contact is kept as a dead letter: an administrator can replay it.", field="body")
    return answer(contact_out(contact), status=200 if receipt.repeated else 201)


def _check_sender(body: ContactIn, region: str) -> None:
    """An address that names nobody would make a nameless customer for each contact. Raises `BadInput`."""
    kind = SENDERS.get(body.channel, body.sender.kind)
    if body.sender.kind not in (kind, "unknown"):
        said = f"Expected {kind}, which the channel {body.channel} knows its senders by, or unknown."
        raise BadInput(said, field="sender.kind")
    address = _address(body.sender)
    if address.kind == "unknown":
        return
    local, at, domain = address.value.strip().rpartition("@")
    if not normalise(address, region=region) or (address.kind == "email" and not (local and at and domain)):
        said = f"Expected an address of kind {address.kind}; where there is none, say unknown as the kind."
        raise BadInput(said, field="sender.value")


def _address(given: AddressIn) -> Address:
    return Address(kind=given.kind, value=given.value, name=given.name)


def _arrival(call: Call, body: ContactIn) -> Arrival:
    key = body.key or call.rooms.new_id()
    contact = Contact(
        id=contact_id(body.channel, key),
        channel=body.channel,
        key=key,
        received_at=call.rooms.clock(),
        sender=_address(body.sender),
        recipients=tuple(_address(recipient) for recipient in body.recipients),
        subject=body.subject,
        text=body.text,
        attachments=tuple(attached(file) for file in body.attachments),
        sent_at=_aware(body),
        duration=body.duration,
        thread=body.case_id,
        fingerprint=_fingerprint(body),
        fields={**body.fields, "posted_by": call.token.name},
        customer_id=body.customer_id,
    )
    return Arrival(contact, {blob_id(file.content): file.content for file in body.attachments})


def _fingerprint(body: ContactIn) -> str:
    """Of what was said: the same key with other words is another contact, so that no words are lost."""
    files = [blob_id(file.content) for file in body.attachments]
    said = (body.sender.value, body.subject, body.text, files)
    return sha256(msgspec.json.encode(said)).hexdigest()


def attached(file: FileIn) -> Attachment:
    """The record of a file that was sent."""
    return Attachment(name=file.name, mime=file.mime, size=len(file.content), blob=blob_id(file.content))


def _aware(body: ContactIn) -> datetime | None:
    if body.sent_at is not None and body.sent_at.tzinfo is None:
        raise BadInput("Expected a time with its zone, such as 2026-05-01T10:00:00Z.", field="sent_at")
    return body.sent_at


def _newest_first(call: Call) -> bool:
    order = call.asked("order") or "newest"
    if order not in ("newest", "oldest"):
        raise BadInput("order: expected newest or oldest.", field="order")
    return order == "newest"


async def _by_key(call: Call, channel: str, key: str) -> list[Contact]:
    """The contact of that key, and those that came under it with other words."""
    if not channel:
        raise BadInput("A key is looked for on a channel: say which.", field="channel")
    if channel == "email":
        key = key.strip().removeprefix("<").removesuffix(">")
    exact = contact_id(channel, key)
    contact = await call.rooms.store.get(CONTACTS, exact)
    if contact is None:
        return []
    after, before = at_least("id", f"{exact}~"), less_than("id", f"{exact}~g")
    return [contact, *await call.rooms.store.find(CONTACTS, after, before, limit=BESIDE)]


async def _find(call: Call) -> Contact:
    contact = await call.rooms.store.get(CONTACTS, call.request.match_info["id"])
    if contact is None:
        raise NotFound("There is no contact of that id.", field="id")
    return contact


async def _file(call: Call, blob: str, name: str) -> web.Response:
    content = await call.rooms.store.read_blob(blob) if blob else None
    if content is None:
        raise NotFound("There is no such file.", field="id")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.Response(body=content, content_type="application/octet-stream", headers=headers)


ID = Param("id", "The contact's id, URL-encoded")
PAGING = (
    Param("after", "The `next` of the page before"),
    Param("limit", "Items of a page", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 50}),
)

OPERATIONS = (
    Operation(
        "GET",
        "/contacts",
        list_contacts,
        "List contacts",
        Contacts,
        (
            Param("channel", "Only of this channel"),
            Param("key", "Only of this key on that channel; for email the Message-ID"),
            Param("customer_id", "Only of this customer"),
            Param("case_id", "Only of this case"),
            Param("direction", "Only of this direction", {"enum": DIRECTIONS}),
            Param("order", "Which come first", {"enum": ["newest", "oldest"], "default": "newest"}),
            *PAGING,
        ),
    ),
    Operation("POST", "/contacts", post_contact, "Post a contact", ContactOut, body=ContactIn, writes=True),
    Operation("GET", "/contacts/{id}", read_contact, "Read a contact", ContactOut, (ID,)),
    Operation("GET", "/contacts/{id}/raw", read_raw, "The message as it came", bytes, (ID,)),
    Operation(
        "GET",
        "/contacts/{id}/attachments/{number}",
        read_attachment,
        "A file of a contact",
        bytes,
        (ID, Param("number", "Its place, from 0", {"type": "integer", "minimum": 0})),
    ),
)

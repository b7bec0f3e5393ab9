"""Reads a letter: bytes off the wire become a contact, whatever shape they are in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes, policy
from email.utils import parseaddr
from hashlib import sha256

from crm.contact import Address, Arrival, Contact, blob_id, contact_id


def read_email(
    raw: bytes,
    *,
    received_at: datetime,
    envelope_to: tuple[str, ...] = (),
    envelope_from: str | None = None,
    thread_of: Callable[[str], str] = lambda _: "",
) -> Arrival:
    """The contact that these bytes are."""
    message = message_from_bytes(raw, policy=policy.default)
    name, value = parseaddr(str(message["From"] or ""))
    key = str(message["Message-ID"] or "").strip().strip("<>") or "sha256-" + sha256(raw).hexdigest()
    body = message.get_body(("plain", "html"))
    contact = Contact(
        id=contact_id("email", key),
        channel="email",
        key=key,
        received_at=received_at,
        sender=Address(kind="email", value=value or envelope_from or "", name=name),
        recipients=tuple(Address(kind="email", value=address) for address in envelope_to),
        subject=str(message["Subject"] or ""),
        text=str(body.get_content()) if body else "",
        raw=blob_id(raw),
        thread=next(filter(None, map(thread_of, envelope_to)), ""),
        fingerprint=sha256(raw).hexdigest(),
    )
    return Arrival(contact, {contact.raw: raw})

"""What could not be read: kept as it came, listed with its reason, until somebody has it read again."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Literal

from crm.contact import Address, Arrival, Contact, blob_id, contact_id

Kept = Literal["xferfaxlog", "tray"]
"""What it is: a line of HylaFAX's log, or a file of our own tray."""


def unreadable(raw: bytes, reason: str, *, kept: Kept, at: datetime) -> Arrival:
    """The bytes as a dead letter; the same bytes again are the same one."""
    key = f"unread-{kept}-{sha256(raw).hexdigest()[:32]}"
    contact = Contact(
        id=contact_id("fax", key),
        channel="fax",
        key=key,
        received_at=at,
        sender=Address(kind="unknown", value=""),
        raw=blob_id(raw),
        fields={"kept": kept},
    )
    return Arrival(contact, {contact.raw: raw}, unreadable=f"{kept}: {reason}")

"""Lines that could not be read: kept as they came, with the reason, until somebody has them read again."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from crm.contact import Address, Arrival, Contact, blob_id, contact_id


def unreadable(raw: bytes, reason: str, *, log: str, exchange: str, at: datetime) -> Arrival:
    """The line as a dead letter; the same line again is the same one."""
    key = f"{exchange}/unread-{log}-{sha256(raw).hexdigest()[:32]}"
    contact = Contact(
        id=contact_id("phone", key),
        channel="phone",
        key=key,
        received_at=at,
        sender=Address(kind="unknown", value=""),
        raw=blob_id(raw),
        fields={"log": log, "exchange": exchange},
    )
    return Arrival(contact, {contact.raw: raw}, unreadable=f"{log}: {reason}")

"""A contact that routing could not handle: kept whole, listed, replayable."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from crm.contact import Contact
from crm.record import Record


class DeadLetter(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Its id is the contact's. `reason` names the fault without any of the customer's words."""

    at: datetime
    channel: str
    contact: Contact
    reason: str
    state: Literal["waiting", "replayed", "dropped"] = "waiting"
    replayed_at: datetime | None = None
    attempts: int = 1
    unread: bool = False  # its source could make nothing of it: its raw bytes are to be read again

"""What an employee fills in at the desk when a customer came, called or sent a letter."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from crm.contact import Address

DeskChannel = Literal["visit", "letter", "phone"]

NOBODY = Address(kind="unknown", value="")


class DeskFile(msgspec.Struct, frozen=True, kw_only=True):
    """A scan or a paper that was handed over."""

    name: str
    mime: str
    content: bytes


class DeskForm(msgspec.Struct, frozen=True, kw_only=True):
    """One visit, letter or call. `id` is made with the empty form, so that a second click adds nothing.

    `customer_id` is set where the employee chose the customer himself: whatever the address, it is his
    contact. `happened_at` is when he came or called, or the date on the letter.
    """

    id: str
    channel: DeskChannel
    customer_id: str = ""
    case_id: str = ""  # the open case it belongs to, where he said so
    sender: Address = NOBODY
    subject: str = ""
    text: str = ""
    happened_at: datetime | None = None
    answered: bool = True  # of a call: false when nobody took it
    duration: int = 0  # seconds
    files: tuple[DeskFile, ...] = ()

"""One time a customer and we touched, on any channel, in either direction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec

from crm.record import Record

AddressKind = Literal["email", "phone", "visitor", "telegram", "fax", "postal", "api", "webhook", "unknown"]
Direction = Literal["inbound", "outbound"]
Automatic = Literal["", "reply", "bounce", "list", "notice"]
Delivery = Literal["", "queued", "sent", "delivered", "bounced", "failed"]
Amending = Literal["", "replace", "add"]
Trust = Literal["", "proven", "unproven", "forged"]


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A channel's name for somebody.

    `value` is as the channel gave it; identity normalises it (`+74951234567`, `ivan@example.com`).
    A claimed address was only typed by somebody: it proves nothing and never leads to a history.
    """

    kind: AddressKind
    value: str
    name: str = ""


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A file that came or goes with a contact. `blob` is where its bytes are; `size` is in bytes.

    `added` is the revision of the amendment that added it; 0: it came with the contact itself. `cid` is set
    for an image that an HTML body shows in place (RFC 2392, without `cid:` and brackets).
    """

    name: str
    mime: str
    size: int
    blob: str
    cid: str = ""
    added: int = 0


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a channel reports about an answer we sent earlier (a bounce of RFC 3464, a read receipt).

    `key` is the key of the outbound contact on the same channel; `status` an enhanced code such as `5.1.1`.
    """

    key: str
    outcome: Literal["delivered", "delayed", "bounced", "failed"]
    status: str = ""


class Addition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Words that an amendment added, and its revision."""

    revision: int
    text: str


class Amendments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What came to a contact after it was stored, so that the same again, or late, changes nothing.

    `seen` are digests of the amendments that it holds; `added` the words that additions brought: other words
    instead of the first ones leave them. `original` is false as long as only amendments of it came.
    """

    seen: tuple[str, ...] = ()
    original: bool = True
    added: tuple[Addition, ...] = ()
    fields: int = 0  # revision of the latest addition


class Contact(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One contact. Its id is `channel:key`, so the same key twice is a retry.

    A reader fills what the channel knows (first block); the router adds whose it is (second block);
    an outlet reports what became of an outbound one (third block).
    """

    channel: str
    key: str
    direction: Direction = "inbound"
    received_at: datetime
    sender: Address
    recipients: tuple[Address, ...] = ()
    claims: tuple[Address, ...] = ()  # typed by the sender about himself: shown, never trusted
    subject: str = ""
    text: str = ""  # the new words only
    quoted: str = ""  # what was quoted from earlier letters
    signature: str = ""
    html: str = ""  # blob id of the HTML body as it came
    raw: str = ""  # blob id of the whole message as it came
    attachments: tuple[Attachment, ...] = ()
    sent_at: datetime | None = None  # what the sender's clock said, however wrong
    duration: int = 0  # seconds of a call or a visit
    automatic: Automatic = ""
    thread: str = ""  # id of the case, proven by a token of our own
    references: tuple[str, ...] = ()  # keys on this channel that this contact answers, nearest last
    report: DeliveryReport | None = None
    fingerprint: str = ""  # of what was said, or several: none in common, and a reused key is no retry
    fields: dict[str, str] = {}  # what else the channel knows (page of the visitor, language, …)
    amends: str = ""  # key of an earlier contact on this channel that this one changes
    amending: Amending = ""  # how: other words and files instead of those it had, or more of them
    revision: int = 0  # a later amendment has a higher one: unix time or a sequence of the channel's
    proofs: tuple[Address, ...] = ()  # further addresses that the channel proved to be the sender's
    trust: Trust = ""  # what is known of the sender being who he says he is; empty where nothing is

    customer_id: str = ""
    case_id: str = ""
    amendments: Amendments | None = None  # None: nothing came to it later
    number: int = 0  # place within its case, from 1, in the order of commits
    employee_id: str = ""  # who wrote it (outbound) or registered it (desk)

    delivery: Delivery = ""
    tries: int = 0
    next_try_at: datetime | None = None
    problem: str = ""  # why delivery is late or failed, for the agent


class Arrival(NamedTuple):
    """A contact as a source read it, with the bytes it refers to by blob id.

    One that is `unreadable`, and why, is kept as a dead letter: its raw bytes are all there is of it.
    """

    contact: Contact
    blobs: Mapping[str, bytes] = {}
    unreadable: str = ""


class Receipt(NamedTuple):
    """What a source may tell its peer once the contact is stored."""

    contact_id: str
    customer_id: str
    case_id: str
    number: int
    repeated: bool  # the key was known: nothing was added
    dead_letter: bool = False  # stored, but waits for somebody to mend and replay it


def contact_id(channel: str, key: str) -> str:
    """The id of the contact that has this key on this channel."""
    return f"{channel}:{key}"


def other_side(contact: Contact) -> Address:
    """The customer's address: who wrote or called, or whom we called."""
    if contact.direction == "outbound" and contact.recipients:
        return contact.recipients[0]
    return contact.sender


def blob_id(content: bytes) -> str:
    """Where these bytes are stored: their own SHA-256, so equal files are kept once."""
    return sha256(content).hexdigest()

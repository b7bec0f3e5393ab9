"""What goes over the wire: the records as other systems see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from crm.case import Case, Entry
from crm.contact import Address, AddressKind, Contact
from crm.customer import ContactPerson, Customer, CustomerAddress, Preferences, Subscription
from router.history import Totals, happened_at
from router.plan import PREVIEW

Text = Annotated[str, msgspec.Meta(max_length=200_000)]
Name = Annotated[str, msgspec.Meta(max_length=400)]
Plain = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=998)]  # no control characters
FileName = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f/\\]+$", max_length=400)]
MediaType = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}$")]
Id = Annotated[str, msgspec.Meta(max_length=1200)]
ChannelName = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,31}$")]


MOST_PARTS = 100
"""Files, recipients or fields of one contact."""

LONGEST = 366 * 24 * 3600
"""Seconds of the longest call or visit."""


class AddressOut(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's name for somebody, as the channel gave it or as it is kept on a card."""

    kind: str
    value: str
    name: str


class StepOut(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the trace: what was asked, whether it matched, and because of what."""

    code: str
    rule: str
    matched: bool
    details: dict[str, str]


class FileOut(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a contact; `size` in bytes. `url` gives its bytes."""

    name: str
    mime: str
    size: int
    url: str


class ContactOut(msgspec.Struct, frozen=True, kw_only=True):
    """One contact. `text` are the new words only; `automatic_kind` is reply, bounce, list or notice.

    `trust` is proven, unproven or forged: whether the sender is who he says, where something is known of it,
    and `trust_because` a code that says why. `revision` is above 0 where the customer changed his words.
    """

    id: str
    channel: str
    key: str
    direction: str
    received_at: datetime
    sent_at: datetime | None
    sender: AddressOut
    recipients: tuple[AddressOut, ...]
    claims: tuple[AddressOut, ...]
    subject: str
    text: str
    quoted: str
    signature: str
    automatic: bool
    automatic_kind: str
    trust: str
    trust_because: str
    revision: int
    attachments: tuple[FileOut, ...]
    raw_url: str | None
    references: tuple[str, ...]
    customer_id: str
    case_id: str
    number: int
    employee_id: str
    delivery: str
    problem: str
    fields: dict[str, str]


class CaseOut(msgspec.Struct, frozen=True, kw_only=True):
    """One case. `department` and `assignee` are ids; priority is 1 (urgent) to 4 (low)."""

    id: str
    subject: str
    customer_id: str
    channel: str
    department: str
    assignee: str | None
    state: str
    priority: int
    opened_at: datetime
    updated_at: datetime
    waiting_since: datetime | None
    first_answered_at: datetime | None
    closed_at: datetime | None
    contacts: int
    reopened: int
    decision: str | None
    preview: str
    trace: tuple[StepOut, ...]


class CustomerOut(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's card."""

    id: str
    kind: str
    name: str
    region: str
    segment: str
    contracts: tuple[str, ...]
    preferences: Preferences
    contact_persons: tuple[ContactPerson, ...]
    characteristics: dict[str, str]
    created_at: datetime
    updated_at: datetime


class CustomerCard(CustomerOut, frozen=True, kw_only=True):
    """The card with what belongs to it."""

    addresses: tuple[AddressOut, ...]
    subscriptions: tuple[Subscription, ...]
    open_cases: tuple[CaseOut, ...]
    totals: Totals


class TimelineOut(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. Of kind `contact` the contact is given whole; else `details` say the rest."""

    kind: str
    id: str
    at: datetime
    case_id: str
    employee_id: str
    contact: ContactOut | None = None
    details: dict[str, Any] = {}


class Contacts(msgspec.Struct, frozen=True, kw_only=True):
    """A page of contacts; `next` is the `after` of the page that follows, null at the end."""

    items: list[ContactOut]
    next: str | None


class Cases(msgspec.Struct, frozen=True, kw_only=True):
    """A page of cases."""

    items: list[CaseOut]
    next: str | None


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A link for the customer, good once and until then."""

    url: str
    until: datetime


class Customers(msgspec.Struct, frozen=True, kw_only=True):
    """Customers found."""

    items: list[CustomerOut]
    next: str | None


class TimelinePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a timeline, newest first."""

    items: list[TimelineOut]
    next: str | None


class FileIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that comes with a contact or goes with an answer; `content` in base64."""

    name: FileName
    content: bytes
    mime: MediaType = "application/octet-stream"


class AddressIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody, by what a channel calls him. Of kind `unknown` where it could not tell."""

    kind: AddressKind
    value: Plain = ""
    name: Plain = ""


Files = Annotated[tuple[FileIn, ...], msgspec.Meta(max_length=MOST_PARTS)]


class ContactIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A contact that another system took. The same channel and key again is the same contact."""

    sender: AddressIn
    text: Text = ""
    subject: Name = ""
    channel: ChannelName = "api"
    key: Plain = ""
    recipients: Annotated[tuple[AddressIn, ...], msgspec.Meta(max_length=MOST_PARTS)] = ()
    sent_at: datetime | None = None
    duration: Annotated[int, msgspec.Meta(ge=0, le=LONGEST)] = 0
    customer_id: Id = ""
    case_id: Id = ""
    attachments: Files = ()
    fields: Annotated[dict[Name, Name], msgspec.Meta(max_length=MOST_PARTS)] = {}


class AnswerIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer to the customer of a case. Without `channel` and `to` it goes the way he wrote last.

    The same `key` again is the same answer.
    """

    text: Text = ""
    subject: Name = ""
    channel: str = ""
    to: str = ""
    key: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{0,64}$")] = ""
    attachments: Files = ()


def contact_out(contact: Contact) -> ContactOut:
    """The contact as other systems see it."""
    base = f"/api/v1/contacts/{quote(contact.id, safe='')}"
    return ContactOut(
        id=contact.id,
        channel=contact.channel,
        key=contact.key,
        direction=contact.direction,
        received_at=contact.received_at,
        sent_at=contact.sent_at,
        sender=address_out(contact.sender),
        recipients=tuple(address_out(address) for address in contact.recipients),
        claims=tuple(address_out(address) for address in contact.claims),
        subject=contact.subject,
        text=contact.text,
        quoted=contact.quoted,
        signature=contact.signature,
        automatic=contact.automatic != "",
        automatic_kind=contact.automatic,
        trust=contact.trust,
        trust_because=contact.fields.get("trust_because", ""),
        revision=contact.revision,
        attachments=tuple(
            FileOut(name=file.name, mime=file.mime, size=file.size, url=f"{base}/attachments/{number}")
            for number, file in enumerate(contact.attachments)
        ),
        raw_url=f"{base}/raw" if contact.raw else None,
        references=contact.references,
        customer_id=contact.customer_id,
        case_id=contact.case_id,
        number=contact.number,
        employee_id=contact.employee_id,
        delivery=contact.delivery,
        problem=contact.problem,
        fields=contact.fields,
    )


def case_out(case: Case) -> CaseOut:
    """The case as other systems see it."""
    return CaseOut(
        id=case.id,
        subject=case.subject,
        customer_id=case.customer_id,
        channel=case.channel,
        department=case.department_id,
        assignee=case.assignee_id or None,
        state=case.state,
        priority=case.priority,
        opened_at=case.opened_at,
        updated_at=case.updated_at,
        waiting_since=case.waiting_since,
        first_answered_at=case.first_answered_at,
        closed_at=case.closed_at,
        contacts=case.contacts,
        reopened=case.reopened,
        decision=case.decision or None,
        preview=case.preview[:PREVIEW],
        trace=tuple(
            StepOut(code=step.code, rule=step.rule, matched=step.matched, details=step.details)
            for step in case.trace
        ),
    )


def customer_out(customer: Customer) -> CustomerOut:
    """The card without what belongs to it."""
    return CustomerOut(**card_fields(customer))


def card_fields(customer: Customer) -> dict[str, Any]:
    """What a card and a customer in a list have in common."""
    return {name: getattr(customer, name) for name in CustomerOut.__struct_fields__}


def address_out(address: Address | CustomerAddress) -> AddressOut:
    """An address of whoever it is."""
    return AddressOut(kind=address.kind, value=address.value, name=address.name)


_COMMON = frozenset({"kind", "id", "version", "at", "case_id", "customer_id", "employee_id"})


def timeline_out(item: Contact | Entry) -> TimelineOut:
    """One thing that happened."""
    if isinstance(item, Contact):
        return TimelineOut(
            kind="contact",
            id=item.id,
            at=happened_at(item),
            case_id=item.case_id,
            employee_id=item.employee_id,
            contact=contact_out(item),
        )
    told: dict[str, Any] = msgspec.to_builtins(item)
    return TimelineOut(
        kind=told["kind"],
        id=item.id,
        at=item.at,
        case_id=item.case_id,
        employee_id=item.employee_id,
        details={name: value for name, value in told.items() if name not in _COMMON},
    )

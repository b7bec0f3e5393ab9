"""Every collection of the store, what it is found by, and what search sees of it."""

from __future__ import annotations

import re

from crm.bookmark import Bookmark
from crm.case import Amended, Case, Decision, Entry, Note
from crm.contact import Contact
from crm.customer import Customer, CustomerAddress, Offering, Subscription
from crm.dead_letter import DeadLetter
from crm.employee import ApiToken, AuditRecord, Department, Employee, SavedReply, Session
from crm.record import Record
from crm.store import Collection, Index


def _digits_by_tail(value: str) -> str:
    """A number as people remember it: whole, without its country, the last seven and four digits."""
    digits = re.sub(r"\D", "", value)
    tails = (digits, digits[-10:], digits[-7:], digits[-4:])
    return " ".join(dict.fromkeys(tail for tail in tails if len(tail) > 3))


def _contact_words(contact: Contact) -> str:
    sender = contact.sender
    files = " ".join(file.name for file in contact.attachments)
    tails = _digits_by_tail(sender.value) if sender.kind in ("phone", "fax") else ""
    return f"{contact.subject}\n{contact.text}\n{sender.name} {sender.value} {tails}\n{files}"


def _customer_words(customer: Customer) -> str:
    people = " ".join(person.name for person in customer.contact_persons)
    return f"{customer.name} {people} {' '.join(customer.contracts)} {' '.join(customer.preferences.topics)}"


def _address_words(address: CustomerAddress) -> str:
    tails = _digits_by_tail(address.value) if address.kind in ("phone", "fax") else ""
    return f"{address.name} {address.value} {tails}"


def _entry_words(entry: Entry) -> str:
    return entry.text if isinstance(entry, Note | Decision | Amended) else ""


class Counter(Record, frozen=True, kw_only=True):
    """The last number given out in a series, such as the numbers of cases."""

    value: int


CONTACTS: Collection[Contact] = Collection(
    "contacts",
    Contact,
    indexes=(
        Index(("customer_id", "received_at")),
        Index(("case_id", "number")),
        Index(("channel", "received_at")),
        Index(("direction", "received_at")),
        Index(("delivery", "next_try_at"), sparse=True),  # of answers that are to be sent
        Index(("received_at",)),
    ),
    words=_contact_words,
    asked_again=False,
)
CASES: Collection[Case] = Collection(
    "cases",
    Case,
    # A case is replaced at every contact: few of its indexes hold a field that moves each time.
    indexes=(
        Index(("customer_id", "open", "opened_at")),
        Index(("state", "department_id", "turn_at")),
        Index(("assignee_id", "open", "updated_at")),
        Index(("department_id", "open", "updated_at")),
        Index(("open", "updated_at")),
        Index(("open", "waiting_since")),
        Index(("channel", "opened_at")),
    ),
    words=lambda case: f"{case.id} {case.subject}",
)
ENTRIES: Collection[Entry] = Collection(
    "entries",
    Entry,
    indexes=(Index(("customer_id", "at")), Index(("case_id", "at")), Index(("employee_id", "at"))),
    words=_entry_words,
    asked_again=False,
)
CUSTOMERS: Collection[Customer] = Collection(
    "customers",
    Customer,
    indexes=(Index(("name",)), Index(("updated_at",))),
    words=_customer_words,
)
ADDRESSES: Collection[CustomerAddress] = Collection(
    "addresses", CustomerAddress, indexes=(Index(("customer_id", "kind")),), words=_address_words
)
OFFERINGS: Collection[Offering] = Collection("offerings", Offering)
SUBSCRIPTIONS: Collection[Subscription] = Collection(
    "subscriptions", Subscription, indexes=(Index(("customer_id", "since")),)
)
DEPARTMENTS: Collection[Department] = Collection("departments", Department)
EMPLOYEES: Collection[Employee] = Collection(
    "employees", Employee, indexes=(Index(("login",)), Index(("name",)))
)
SAVED_REPLIES: Collection[SavedReply] = Collection("saved_replies", SavedReply, indexes=(Index(("title",)),))
SESSIONS: Collection[Session] = Collection(
    "sessions", Session, indexes=(Index(("employee_id", "seen_at")), Index(("expires_at",)))
)
TOKENS: Collection[ApiToken] = Collection("tokens", ApiToken, indexes=(Index(("created_at",)),))
AUDIT: Collection[AuditRecord] = Collection(
    "audit",
    AuditRecord,
    indexes=(
        Index(("at",)),
        Index(("employee_id", "at")),
        Index(("customer_id", "at")),
        Index(("object_id", "at")),
    ),
    asked_again=False,
)
DEAD_LETTERS: Collection[DeadLetter] = Collection(
    "dead_letters", DeadLetter, indexes=(Index(("state", "at")), Index(("channel", "at")))
)
COUNTERS: Collection[Counter] = Collection("counters", Counter)
BOOKMARKS: Collection[Bookmark] = Collection("bookmarks", Bookmark)

ALL: tuple[Collection[Record], ...] = (
    CONTACTS,
    CASES,
    ENTRIES,
    CUSTOMERS,
    ADDRESSES,
    OFFERINGS,
    SUBSCRIPTIONS,
    DEPARTMENTS,
    EMPLOYEES,
    SAVED_REPLIES,
    SESSIONS,
    TOKENS,
    AUDIT,
    DEAD_LETTERS,
    COUNTERS,
    BOOKMARKS,
)  # type: ignore[assignment]  # Collection is invariant in its record; a list of all kinds is only iterated

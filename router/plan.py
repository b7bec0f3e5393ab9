"""What a batch of contacts comes to: pure bookkeeping over records that were read, ready for one commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from crm.case import Amended, Case, Entry, Identified, Opened, Reopened, Step, turn
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, DEAD_LETTERS, ENTRIES
from crm.contact import Contact, DeliveryReport, Receipt
from crm.customer import Customer, CustomerAddress
from crm.dead_letter import DeadLetter
from crm.record import NewId
from crm.store import Insert, Replace, Write
from router.amending import Changed, Earlier
from router.live import Event
from router.past import as_history, is_past
from router.proofs import Apart

PREVIEW = 160
"""Characters of a contact that a list shows."""

KEPT_STEPS = 60
"""Steps of the trace that stay on a case; the entries keep what is older."""


class Opening(NamedTuple):
    """A new case as the rules want it."""

    department_id: str
    priority: int
    trace: tuple[Step, ...]


class Plan:
    """Records as they will be after the batch. Later contacts of a batch see what earlier ones made."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.customers: dict[str, Customer] = {}
        self.addresses: dict[str, CustomerAddress] = {}
        self.cases: dict[str, Case] = {}
        self.contacts: dict[str, Contact] = {}
        self.blobs: dict[str, bytes] = {}
        self.events: list[Event] = []
        self._new: set[str] = set()
        self._stored: set[str] = set()  # ids of addresses that have a record
        self._moved: dict[str, Customer] = {}  # customers who turned out to be somebody we knew
        self._opened: dict[str, list[str]] = {}
        self._changed: dict[str, Contact] = {}  # contacts that were there before, as they will be
        self._touched: dict[str, None] = {}  # ids of cases that are to be kept, in order
        self._entries: list[Entry] = []
        self._moved_entries: list[Entry] = []
        self._dead: list[Write] = []

    def know(self, addresses: Mapping[str, CustomerAddress], cases: Mapping[str, Case]) -> None:
        """Records that were read before anything was planned."""
        self.addresses.update(addresses)
        self.cases.update(cases)
        self._stored.update(addresses)

    def owner_of(self, address_id: str) -> str:
        """Whose the address is; empty where it is nobody's."""
        address = self.addresses.get(address_id)
        return address.customer_id if address else ""

    def cases_of(self, customer_id: str, known: Mapping[str, Sequence[str]]) -> list[str]:
        """Ids of the customer's cases, those that this plan opens first."""
        return [*self._opened.get(customer_id, ()), *known.get(customer_id, ())]

    def case_of(self, contact_id: str) -> str:
        """The case of a contact that this plan adds; empty for any other."""
        contact = self.contacts.get(contact_id)
        return contact.case_id if contact else ""

    def current(self, contact_id: str) -> Contact | None:
        """A contact that this plan adds or changes, as it will be."""
        return self.contacts.get(contact_id) or self._changed.get(contact_id)

    def add_customer(self, customer: Customer) -> None:
        self.customers[customer.id] = customer

    def add_address(self, address: CustomerAddress) -> None:
        self.addresses[address.id] = address
        self._new.add(address.id)

    def open_case(self, contact: Contact, customer_id: str, case_id: str, opening: Opening) -> Case:
        subject = contact.subject or first_words(contact.text, 80)
        case = Case(
            id=case_id,
            subject=subject[:300],
            customer_id=customer_id,
            channel=contact.channel,
            department_id=opening.department_id,
            priority=opening.priority,
            opened_at=self.at,
            updated_at=self.at,
            queued_at=self.at,
            turn_at=turn(opening.priority, self.at),
            trace=opening.trace[-KEPT_STEPS:],
        )
        self.cases[case_id] = case
        self._new.add(case_id)
        self._opened.setdefault(customer_id, []).insert(0, case_id)
        self._entries.append(
            Opened(
                id=f"{case_id}-opened",
                at=self.at,
                case_id=case_id,
                customer_id=customer_id,
                department_id=opening.department_id,
                trace=opening.trace,
            )
        )
        return case

    def add_contact(self, contact: Contact, case: Case, trace: tuple[Step, ...], new_id: NewId) -> Receipt:
        """The contact as the next of its case; a closed case comes back to life if it asks for something."""
        told = only_tells(contact)
        moved = case if case.open or told else self._reopened(case, new_id())
        number = moved.contacts + 1
        asks = contact.direction == "inbound" and contact.automatic in ("", "bounce") and not told
        told_of = msgspec.structs.replace(
            moved,
            contacts=number,
            updated_at=self.at,
            last_channel=contact.channel,
            last_direction=contact.direction,
            preview=first_words(contact.text or contact.subject, PREVIEW),
            waiting_since=moved.waiting_since or (self.at if asks else None),
            trace=(moved.trace + trace)[-KEPT_STEPS:] if trace else moved.trace,
        )
        history = is_past(contact) and case.id in self._new and number == 1
        self.cases[case.id] = as_history(told_of, contact) if history else told_of
        stored = msgspec.structs.replace(
            contact, customer_id=case.customer_id, case_id=case.id, number=number
        )
        self.contacts[stored.id] = stored
        self._touched[case.id] = None
        if case.id in self._new or moved is not case:
            self.events.append(case_event(self.cases[case.id], self.at, "opened"))
        self.events.append(contact_event(stored, case.department_id, self.at))
        return Receipt(stored.id, case.customer_id, case.id, number, repeated=False)

    def _reopened(self, case: Case, entry_id: str) -> Case:
        entry = Reopened(id=entry_id, at=self.at, case_id=case.id, customer_id=case.customer_id)
        self._entries.append(entry)
        return reopened(case, self.at)

    def report(self, about: Contact, report: DeliveryReport) -> None:
        """What became of an answer of ours, as the channel tells it."""
        if report.outcome == "delayed":
            return
        changed = msgspec.structs.replace(
            self.current(about.id) or about,
            delivery=report.outcome,
            problem=report.status,
            next_try_at=None,
        )
        self._change(changed)
        self.events.append(delivery_event(changed, self.at))

    def amend(self, changed: Changed, case: Case, new_id: NewId) -> Receipt:
        """A contact with other words, or with more; what it said before stays on the timeline."""
        contact, earlier, anew = changed
        self._change(contact)
        if earlier:
            self._entries.append(_earlier(contact, earlier, new_id(), self.at))
        last = contact.number == case.contacts
        words = contact.text or contact.subject
        # Who changes his words after our answer may have asked something else: he waits again.
        asks = anew and case.open and contact.direction == "inbound" and case.last_direction == "outbound"
        changed_case = msgspec.structs.replace(
            case,
            updated_at=self.at,
            preview=first_words(words, PREVIEW) if last else case.preview,
            waiting_since=case.waiting_since or (self.at if asks else None),
        )
        self.change_case(changed_case, why="amended" if asks and not case.waiting_since else "")
        event = contact_event(contact, case.department_id, self.at)
        self.events.append(msgspec.structs.replace(event, data={**event.data, "amended": "yes"}))
        return Receipt(contact.id, contact.customer_id, contact.case_id, contact.number, repeated=False)

    def change_case(self, case: Case, entries: Iterable[Entry] = (), why: str = "") -> None:
        """A case as it will be, and what happened in it; `why` is told to the open pages."""
        self.cases[case.id] = case
        self._touched[case.id] = None
        self._entries += entries
        if why:
            self.events.append(case_event(case, self.at, why))

    def apart(self, customer_id: str, known: Mapping[str, Apart]) -> Apart | None:
        """What is kept of him, and what this batch adds to it."""
        kept = known.get(customer_id)
        if kept is None and customer_id in self.customers:
            kept = Apart(self.customers[customer_id])
        if kept is None:
            return None
        elsewhere = [address for address in kept.addresses if address.id not in self.addresses]
        mine = [address for address in self.addresses.values() if address.customer_id == customer_id]
        return kept._replace(addresses=[*elsewhere, *mine])

    def move(self, apart: Apart, to: str) -> list[str]:
        """All that is kept of a customer becomes another's. The ids of his cases come back."""
        gone = apart.customer.id
        became = msgspec.structs.replace(apart.customer, name="", became=to, updated_at=self.at)
        (self.customers if gone in self.customers else self._moved)[gone] = became
        for address in apart.addresses:
            self.add_address(msgspec.structs.replace(address, customer_id=to))
        cases = [*self._opened.pop(gone, ()), *(case.id for case in apart.cases)]
        for id_ in cases:
            self.change_case(msgspec.structs.replace(self.cases[id_], customer_id=to), why="moved")
        stored = {contact.id: contact for contact in apart.contacts} | self._changed | self.contacts
        for contact in stored.values():
            if contact.customer_id == gone:
                self._change(msgspec.structs.replace(contact, customer_id=to))
        self._moved_entries += [msgspec.structs.replace(entry, customer_id=to) for entry in apart.entries]
        self._entries = [
            msgspec.structs.replace(entry, customer_id=to) if entry.customer_id == gone else entry
            for entry in self._entries
        ]
        self.events += [Event(kind="customer", at=self.at, customer_id=one) for one in (gone, to)]
        return cases

    def tell_identified(self, contact: Contact, case: Case, before: str, id: str) -> None:
        """The entry that says why the history of this customer is longer than it was."""
        self._entries.append(
            Identified(
                id=f"{case.id}-{id}",
                at=self.at,
                case_id=case.id,
                customer_id=case.customer_id,
                contact_id=contact.id,
                channel=contact.channel,
                before_customer_id=before,
            )
        )

    def _kept(self, address: CustomerAddress) -> Write:
        """An address that was nobody's any more, or somebody else's, has a record already."""
        return Replace(ADDRESSES, address) if address.id in self._stored else Insert(ADDRESSES, address)

    def _change(self, contact: Contact) -> None:
        kept = self.contacts if contact.id in self.contacts else self._changed
        kept[contact.id] = contact

    def bury(
        self, contact: Contact, reason: str, earlier: DeadLetter | None, *, unread: bool = False
    ) -> Receipt:
        """A contact that broke routing, or could not be read: kept whole, acknowledged, replayable."""
        if earlier:
            again = msgspec.structs.replace(
                earlier, reason=reason, attempts=earlier.attempts + 1, state="waiting", at=self.at
            )
            self._dead.append(Replace(DEAD_LETTERS, again))
        else:
            letter = DeadLetter(
                id=contact.id,
                at=self.at,
                channel=contact.channel,
                contact=contact,
                reason=reason,
                unread=unread,
            )
            self._dead.append(Insert(DEAD_LETTERS, letter))
        self.events.append(
            Event(kind="dead_letter", at=self.at, contact_id=contact.id, channel=contact.channel)
        )
        return Receipt(contact.id, "", "", 0, repeated=False, dead_letter=True)

    def dig_up(self, letter: DeadLetter) -> None:
        """A dead letter that went through this time."""
        done = msgspec.structs.replace(letter, state="replayed", replayed_at=self.at)
        self._dead.append(Replace(DEAD_LETTERS, done))
        self.events.append(
            Event(kind="dead_letter", at=self.at, contact_id=letter.id, channel=letter.channel)
        )

    def touched_cases(self) -> list[Case]:
        """Cases that got a contact in this batch, or whose contacts changed."""
        return [self.cases[case_id] for case_id in self._touched]

    def writes(self) -> list[Write]:
        """Everything for one commit. The contact goes last: its being there proves the rest is."""
        new = self._new
        writes: list[Write] = [Insert(CUSTOMERS, customer) for customer in self.customers.values()]
        writes += [self._kept(address) for address in self.addresses.values() if address.id in new]
        writes += [Replace(CUSTOMERS, customer) for customer in self._moved.values()]
        for case in self.touched_cases():
            writes.append(Insert(CASES, case) if case.id in new else Replace(CASES, case))
        writes += [Insert(ENTRIES, entry) for entry in self._entries]
        writes += [Replace(ENTRIES, entry) for entry in self._moved_entries]
        writes += [Replace(CONTACTS, contact) for contact in self._changed.values()]
        writes += self._dead
        writes += [Insert(CONTACTS, contact) for contact in self.contacts.values()]
        return writes


def _earlier(contact: Contact, earlier: Earlier, id: str, at: datetime) -> Entry:
    return Amended(
        id=f"{contact.case_id}-{id}",
        at=at,
        case_id=contact.case_id,
        customer_id=contact.customer_id,
        contact_id=contact.id,
        revision=earlier.revision,
        subject=earlier.subject,
        text=earlier.text,
        attachments=earlier.attachments,
    )


def only_tells(contact: Contact) -> bool:
    """Whether it only says how an answer of ours fares, or that its reader is away: nothing is to be done.

    Letters of lists and of other systems are not among them: a person may be writing through those.
    """
    if contact.report:
        return contact.report.outcome in ("delivered", "delayed")
    return contact.automatic == "reply"


def reopened(case: Case, at: datetime) -> Case:
    """A closed case back in the queue it was in; its last decision no longer closes it."""
    return msgspec.structs.replace(
        case,
        state="queued",
        open=True,
        assignee_id="",
        queued_at=at,
        turn_at=turn(case.priority, at),
        closed_at=None,
        decision="",
        reopened=case.reopened + 1,
        passed_by=(),
    )


def first_words(text: str, limit: int) -> str:
    """The beginning of a text on one line, cut at a word."""
    line = " ".join(text.lstrip()[: 4 * limit].split())
    if len(line) <= limit:
        return line
    return line[:limit].rsplit(" ", 1)[0] + "…"


def contact_event(contact: Contact, department_id: str, at: datetime) -> Event:
    """A contact was stored. `data` tells the direction and, for an answer, the address value it goes to."""
    data: dict[str, str] = {"direction": contact.direction}
    if contact.direction == "outbound" and contact.recipients:
        data["to"] = contact.recipients[0].value
    return Event(
        kind="contact",
        at=at,
        contact_id=contact.id,
        case_id=contact.case_id,
        customer_id=contact.customer_id,
        department_id=department_id,
        channel=contact.channel,
        data=data,
    )


def case_event(case: Case, at: datetime, why: str) -> Event:
    """A case changed; `why` is a code such as `opened`, `reserved`, `accepted`, `transferred`, `closed`."""
    return Event(
        kind="case",
        at=at,
        case_id=case.id,
        customer_id=case.customer_id,
        department_id=case.department_id,
        employee_id=case.assignee_id,
        channel=case.channel,
        data={"state": case.state, "assignee_id": case.assignee_id, "why": why},
    )


def delivery_event(contact: Contact, at: datetime) -> Event:
    """What became of an answer changed."""
    return Event(
        kind="delivery",
        at=at,
        contact_id=contact.id,
        case_id=contact.case_id,
        customer_id=contact.customer_id,
        channel=contact.channel,
        data={"delivery": contact.delivery},
    )

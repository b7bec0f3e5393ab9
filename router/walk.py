"""The walk of a batch of contacts: known keys, whose each is, which case, which department."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from crm.case import Case, Step
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, DEAD_LETTERS, EMPLOYEES
from crm.contact import Arrival, Contact, Receipt, contact_id, other_side
from crm.customer import Customer, CustomerAddress, Preferences
from crm.dead_letter import DeadLetter
from crm.employee import Employee
from crm.record import Clock, NewId
from crm.store import Order, Store, equals
from router.amending import alone, amend, amended_id, as_contact, lacks_original, on_its_own
from router.calls import after_answered, is_answered
from router.identity import normalise
from router.joining import CONVERSATIONS, Found, join, may_join_without_reference
from router.keys import encodable, named, possible_ids
from router.numbers import CaseNumbers
from router.plan import Opening, Plan
from router.rules import Facts, RuleBook, decide

RECENT_CASES = 20
"""How many of a customer's latest cases are looked at for one to join."""

RECENTLY_CLOSED = 5
"""Closed ones among them: somebody may write on into a talk that was closed a moment ago."""

REMEMBERED_TALKS = 50_000
"""Talks that go on whose case is remembered."""


class _Known(NamedTuple):
    """What was read for a batch, by id."""

    contacts: dict[str, Contact]
    dead_letters: dict[str, DeadLetter]
    customers: dict[str, Customer]
    cases_of: dict[str, list[str]]
    employees: dict[str, Employee]


class Walk:
    """Turns arrivals into a plan. It writes nothing: `Intake` commits the plan."""

    def __init__(
        self,
        store: Store,
        book: RuleBook,
        departments: Callable[[], frozenset[str]],
        *,
        clock: Clock,
        new_id: NewId,
        region: str = "RU",
    ) -> None:
        self._store = store
        self._book = book
        self._departments = departments
        self._clock = clock
        self._new_id = new_id
        self._region = region
        self._numbers = CaseNumbers(store)
        self._talks: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._asks_for_cases = any(rule.when.open_cases is not None for rule in book.rule)

    async def plan(
        self, arrivals: Sequence[Arrival], replays: Collection[str] = ()
    ) -> tuple[Plan, list[Receipt]]:
        """What the batch comes to, and what each source may say once that is committed.

        `replays` are ids of dead letters that are tried again. Raises `StoreDown`; any other exception
        is a fault of routing, to be answered by trying the contacts one by one.
        """
        plan = Plan(self._clock())
        arrivals = [arrival._replace(contact=on_its_own(arrival.contact)) for arrival in arrivals]
        address_ids = [normalise(other_side(arrival.contact), region=self._region) for arrival in arrivals]
        known = await self._read(plan, [arrival.contact for arrival in arrivals], address_ids)
        await self._numbers.prepare(len(arrivals))
        receipts: dict[str, Receipt] = {}
        answers = []
        for arrival, address_id in zip(arrivals, address_ids, strict=True):
            contact = self._named(plan, known, arrival.contact)
            receipt = receipts.get(contact.id) or _known_already(contact.id, known, replays)
            if receipt and not _is_late(plan, known, contact):
                answers.append(receipt._replace(repeated=True))
                continue
            receipts[contact.id] = self._take(plan, known, contact, address_id)
            if letter := known.dead_letters.get(contact.id):
                plan.dig_up(letter)
            plan.blobs.update(arrival.blobs)
            answers.append(receipts[contact.id])
        return plan, answers

    def _take(self, plan: Plan, known: _Known, contact: Contact, address_id: str) -> Receipt:
        """A contact of its own, or a change of one that is there already."""
        target = amended_id(contact) if contact.amends else contact.id
        stored = plan.current(target) or known.contacts.get(target)
        if stored is None:
            return self._route(plan, known, as_contact(contact) if contact.amends else contact, address_id)
        if stored.delivery:  # an answer of ours: nobody else changes what we said
            return self._route(plan, known, alone(contact), address_id)
        changed = amend(stored, contact)
        if changed is None:
            return Receipt(stored.id, stored.customer_id, stored.case_id, stored.number, repeated=True)
        receipt = plan.amend(changed, plan.cases[stored.case_id], self._new_id)
        self._answered_call(plan, known, changed.contact, stored)
        return receipt

    async def bury(self, arrival: Arrival, reason: str) -> tuple[Plan, Receipt]:
        """The plan for a contact that routing could not handle: a dead letter.

        One that is stored all the same (the fault came after the commit) needs none.
        """
        plan = Plan(self._clock())
        contact = on_its_own(encodable(arrival.contact))
        ids = possible_ids(contact)
        stored = await self._store.get_many(CONTACTS, ids)
        dead = await self._store.get_many(DEAD_LETTERS, ids)
        known = _Known(stored, dead, customers={}, cases_of={}, employees={})
        contact = self._named(plan, known, contact)
        if contact.id in stored and (receipt := _known_already(contact.id, known, ())):
            return plan, receipt
        letter = dead.get(contact.id)
        if arrival.unreadable and letter:
            return plan, Receipt(letter.id, "", "", 0, repeated=True, dead_letter=True)
        plan.blobs.update(arrival.blobs)
        return plan, plan.bury(contact, reason, letter, unread=bool(arrival.unreadable))

    @staticmethod
    def _named(plan: Plan, known: _Known, contact: Contact) -> Contact:
        if contact.amends:
            return contact  # it was given a key of its own
        letter = known.dead_letters.get(contact.id)
        stored, planned = known.contacts.get(contact.id), plan.contacts.get(contact.id)
        return named(contact, (stored, planned, letter.contact if letter else None))

    async def _read(self, plan: Plan, contacts: Sequence[Contact], address_ids: Sequence[str]) -> _Known:
        """Everything the batch needs, with as few questions to the store as there are kinds."""
        ids = {contact.id for contact in contacts}
        about = {other for contact in contacts for other in _mentioned_ids(contact)}
        found = await self._store.get_many(CONTACTS, ids | about)
        dead = await self._store.get_many(DEAD_LETTERS, ids)
        if found or dead:  # only a key that is taken may have led to a second one
            second = {
                possible
                for contact in contacts
                if contact.id in found or contact.id in dead
                for possible in possible_ids(contact)
            }
            found |= await self._store.get_many(CONTACTS, second - ids)
            dead |= await self._store.get_many(DEAD_LETTERS, second - ids)
        addresses = await self._store.get_many(ADDRESSES, set(filter(None, address_ids)))
        named = {contact.thread for contact in contacts if contact.thread}
        named |= {found[other].case_id for other in about if other in found}
        named |= {found[id_].case_id for id_ in ids if id_ in found and lacks_original(found[id_])}
        owner_of = {address_id: address.customer_id for address_id, address in addresses.items()}
        owners = {*owner_of.values(), *(contact.customer_id for contact in contacts if contact.customer_id)}
        owned = [
            (contact.customer_id or owner_of.get(address_id, ""), contact)
            for contact, address_id in zip(contacts, address_ids, strict=True)
        ]
        plan.know(addresses, (await self._store.get_many(CASES, named)).values())
        cases_of = await self._cases_of(plan, owned)
        customers = await self._store.get_many(CUSTOMERS, owners)
        took = {contact.employee_id for contact in contacts if is_answered(contact)}
        employees = await self._store.get_many(EMPLOYEES, took) if took else {}
        return _Known(found, dead, customers, cases_of, employees)

    async def _cases_of(self, plan: Plan, owned: Sequence[tuple[str, Contact]]) -> dict[str, list[str]]:
        """Ids of the cases that these contacts may join by talk or subject, by customer."""
        cases_of: dict[str, list[str]] = {}
        read: set[str] = set()
        talks = await self._talks_of(owned)
        for owner, contact in owned:
            if not owner or owner in read:
                continue
            talk = talks.get((contact.channel, owner))
            if talk:
                cases = [talk]
            elif self._asks_for_cases or may_join_without_reference(contact):
                cases = await self._recent_cases(owner)
                read.add(owner)
            else:
                continue
            plan.know({}, cases)
            cases_of[owner] = list(dict.fromkeys([*cases_of.get(owner, ()), *(case.id for case in cases)]))
        return cases_of

    async def _talks_of(self, owned: Sequence[tuple[str, Contact]]) -> dict[tuple[str, str], Case]:
        """The cases of talks that go on, as remembered, by channel and customer: most messages of a talk
        follow one another, and to ask for a customer's cases each time costs more than all the rest."""
        wanted = {(contact.channel, owner) for owner, contact in owned}
        known = {talk: self._talks[talk] for talk in wanted if talk in self._talks}
        cases = await self._store.get_many(CASES, known.values())
        return {
            talk: case
            for talk, id_ in known.items()
            if (case := cases.get(id_)) and case.open and (case.channel, case.customer_id) == talk
        }

    async def _recent_cases(self, customer_id: str) -> list[Case]:
        mine, order = equals("customer_id", customer_id), Order("opened_at", descending=True)
        going_on = await self._store.find(CASES, mine, equals("open", True), order=order, limit=RECENT_CASES)
        closed = await self._store.find(
            CASES, mine, equals("open", False), order=order, limit=RECENTLY_CLOSED
        )
        return [*going_on, *closed]

    def _route(self, plan: Plan, known: _Known, contact: Contact, address_id: str) -> Receipt:
        about = self._reported(known, contact)
        owner = self._owner(plan, known, contact, address_id)
        candidates = Found(
            by_token=plan.cases.get(contact.thread),
            by_report=plan.cases.get(about.case_id) if about else None,
            by_reference=_referenced(plan, known, contact),
            of_customer=[plan.cases[id_] for id_ in plan.cases_of(owner, known.cases_of)],
        )
        case, trace = join(contact, owner, candidates, plan.at)
        if case is None:
            met = Step(code="known_customer" if owner else "new_customer")
            owner = owner or self._new_customer(plan, contact, address_id).id
            case = self._open(plan, known, contact, owner=owner, trace=(met, *trace))
            trace = ()
        elif case.customer_id != owner:
            trace = (Step(code="from_other_address"), *trace)
        elif contact.channel in CONVERSATIONS and case.open:
            trace = ()  # the talk goes on: to say so at every message would only bury the rest
        if contact.channel in CONVERSATIONS:
            self._remember_talk(contact.channel, case)
        if about and contact.report:
            plan.report(about, contact.report)
        receipt = plan.add_contact(contact, case, trace, self._new_id)
        self._answered_call(plan, known, plan.contacts[contact.id], None)
        return receipt

    def _answered_call(self, plan: Plan, known: _Known, call: Contact, before: Contact | None) -> None:
        """Once: what comes later to the call must not take the case out of other hands."""
        if not is_answered(call):
            return
        if before and is_answered(before) and before.employee_id == call.employee_id:
            return
        agent = known.employees.get(call.employee_id)
        change = after_answered(plan.cases[call.case_id], agent, self._new_id)
        if change:
            plan.change_case(change.case, change.entries, change.why)

    def _remember_talk(self, channel: str, case: Case) -> None:
        self._talks[channel, case.customer_id] = case.id
        if len(self._talks) > REMEMBERED_TALKS:
            self._talks.popitem(last=False)

    def _open(
        self, plan: Plan, known: _Known, contact: Contact, *, owner: str, trace: tuple[Step, ...]
    ) -> Case:
        customer = known.customers.get(owner) or plan.customers[owner]
        open_cases = sum(plan.cases[id_].open for id_ in plan.cases_of(owner, known.cases_of))
        facts = Facts(contact, customer, known=owner in known.customers, open_cases=open_cases)
        verdict = decide(facts, self._book, self._departments())
        opening = Opening(verdict.department_id, verdict.priority, trace + verdict.trace)
        return plan.open_case(contact, owner, self._numbers.next(), opening)

    def _owner(self, plan: Plan, known: _Known, contact: Contact, address_id: str) -> str:
        """Whose the contact is; empty when nobody is known by that address.

        A source that knows the customer himself (the desk, another system) says so in `customer_id`;
        an address that was nobody's then becomes his.
        """
        address = plan.addresses.get(address_id)
        if contact.customer_id in known.customers:
            if address_id and not (address and address.customer_id):
                plan.add_address(self._address(plan, contact, address_id, contact.customer_id))
            return contact.customer_id
        return address.customer_id if address else ""

    def _new_customer(self, plan: Plan, contact: Contact, address_id: str) -> Customer:
        sender = other_side(contact)
        customer = Customer(
            id=self._new_id(),
            name=sender.name[:200],
            preferences=Preferences(language=contact.fields.get("language", "")),
            created_at=plan.at,
            updated_at=plan.at,
        )
        plan.add_customer(customer)
        if address_id:
            plan.add_address(self._address(plan, contact, address_id, customer.id))
        return customer

    @staticmethod
    def _address(plan: Plan, contact: Contact, address_id: str, customer_id: str) -> CustomerAddress:
        nobodys = plan.addresses.get(address_id)  # it was somebody's, and was taken off his card
        return CustomerAddress(
            id=address_id,
            version=nobodys.version if nobodys else 1,
            kind=other_side(contact).kind,
            value=address_id.partition(":")[2],
            name=other_side(contact).name[:200],
            customer_id=customer_id,
            created_at=plan.at,
        )

    def _reported(self, known: _Known, contact: Contact) -> Contact | None:
        """The answer of ours that a delivery report is about."""
        if not contact.report:
            return None
        about = known.contacts.get(contact_id(contact.channel, contact.report.key))
        return about if about and about.direction == "outbound" else None


def _mentioned_ids(contact: Contact) -> list[str]:
    keys = [*contact.references, contact.report.key] if contact.report else [*contact.references]
    if contact.amends:
        keys.append(contact.amends)
    return [contact_id(contact.channel, key) for key in keys]


def _is_late(plan: Plan, known: _Known, contact: Contact) -> bool:
    """Whether the contact comes after its own amendments: its key is known, and what it says is not."""
    stored = plan.current(contact.id) or known.contacts.get(contact.id)
    return stored is not None and not contact.amends and lacks_original(stored)


def _known_already(id_: str, known: _Known, replays: Collection[str]) -> Receipt | None:
    if stored := known.contacts.get(id_):
        return Receipt(stored.id, stored.customer_id, stored.case_id, stored.number, repeated=True)
    letter = known.dead_letters.get(id_)
    if letter and letter.state == "waiting" and id_ not in replays:
        return Receipt(id_, "", "", 0, repeated=True, dead_letter=True)
    return None


def _referenced(plan: Plan, known: _Known, contact: Contact) -> list[Case]:
    """Cases of the contacts that this one answers, nearest first, each once."""
    cases: dict[str, Case] = {}
    for key in reversed(contact.references):
        answered = contact_id(contact.channel, key)
        case_id = plan.case_of(answered)
        if not case_id and answered in known.contacts:
            case_id = known.contacts[answered].case_id
        if case_id in plan.cases:
            cases[case_id] = plan.cases[case_id]
    return list(cases.values())

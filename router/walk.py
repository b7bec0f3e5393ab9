"""The walk of a batch of contacts: known keys, whose each is, which case, which department."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from crm.case import Case, Step
from crm.contact import Address, Arrival, Contact, Receipt, contact_id, other_side
from crm.customer import Customer, CustomerAddress, Preferences
from crm.record import Clock, NewId
from crm.store import Store
from router.amending import alone, amend, amended_id, as_contact, lacks_original, on_its_own
from router.calls import after_answered, is_answered
from router.identity import normalise
from router.joining import CONVERSATIONS, Found, join, of_other_address
from router.keys import encodable, named
from router.known import Known, Reader
from router.numbers import CaseNumbers
from router.plan import Opening, Plan
from router.proofs import Proof, Verdict, judge, read_proofs
from router.rules import Facts, RuleBook, decide


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
        self._book = book
        self._departments = departments
        self._clock = clock
        self._new_id = new_id
        self._region = region
        self._numbers = CaseNumbers(store)
        asks = any(rule.when.open_cases is not None for rule in book.rule)
        self._reader = Reader(store, region=region, asks_for_cases=asks)

    async def plan(
        self, arrivals: Sequence[Arrival], replays: Collection[str] = ()
    ) -> tuple[Plan, list[Receipt]]:
        """What the batch comes to, and what each source may say once that is committed.

        `replays` are ids of dead letters that are tried again. Raises `StoreDown`; any other exception
        is a fault of routing, to be answered by trying the contacts one by one.
        """
        plan = Plan(self._clock())
        arrivals = [_on_its_own(arrival) for arrival in arrivals]
        address_ids = [normalise(other_side(arrival.contact), region=self._region) for arrival in arrivals]
        known = await self._reader.read([arrival.contact for arrival in arrivals], address_ids)
        plan.know(known.addresses, known.cases)
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

    def _take(self, plan: Plan, known: Known, contact: Contact, address_id: str) -> Receipt:
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
        known = await self._reader.read_kept(contact)
        contact = self._named(plan, known, contact)
        if contact.id in known.contacts and (receipt := _known_already(contact.id, known, ())):
            return plan, receipt
        letter = known.dead_letters.get(contact.id)
        if arrival.unreadable and letter:
            return plan, Receipt(letter.id, "", "", 0, repeated=True, dead_letter=True)
        plan.blobs.update(arrival.blobs)
        return plan, plan.bury(contact, reason, letter, unread=bool(arrival.unreadable))

    @staticmethod
    def _named(plan: Plan, known: Known, contact: Contact) -> Contact:
        if contact.amends:
            return contact  # it was given a key of its own
        letter = known.dead_letters.get(contact.id)
        stored, planned = known.contacts.get(contact.id), plan.contacts.get(contact.id)
        return named(contact, (stored, planned, letter.contact if letter else None))

    def _route(self, plan: Plan, known: Known, contact: Contact, address_id: str) -> Receipt:
        about = self._reported(known, contact)
        verdict = self._owner(plan, known, contact, address_id)
        owner = verdict.owner
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
            case = self._open(plan, known, contact, owner=owner, trace=(met, *verdict.trace, *trace))
            trace = ()
        elif case.customer_id != owner:
            contact = of_other_address(contact)
            trace = (Step(code="from_other_address"), *verdict.trace, *trace)
        elif contact.channel in CONVERSATIONS and case.open:
            trace = verdict.trace  # to say at every message that the talk goes on would only bury the rest
        if contact.channel in CONVERSATIONS:
            self._reader.remember_talk(contact.channel, case)
        if about and contact.report:
            plan.report(about, contact.report)
        self._tie(plan, Proof(address_id, other_side(contact)), verdict.tied, owner)
        if verdict.moves:
            plan.tell_identified(contact, case, verdict.moves, self._new_id())
        receipt = plan.add_contact(contact, case, trace, self._new_id)
        self._answered_call(plan, known, plan.contacts[contact.id], None)
        return receipt

    def _answered_call(self, plan: Plan, known: Known, call: Contact, before: Contact | None) -> None:
        """Once: what comes later to the call must not take the case out of other hands."""
        if not is_answered(call):
            return
        if before and is_answered(before) and before.employee_id == call.employee_id:
            return
        agent = known.employees.get(call.employee_id)
        change = after_answered(plan.cases[call.case_id], agent, self._new_id)
        if change:
            plan.change_case(change.case, change.entries, change.why)

    def _open(
        self, plan: Plan, known: Known, contact: Contact, *, owner: str, trace: tuple[Step, ...]
    ) -> Case:
        customer = known.customers.get(owner) or plan.customers[owner]
        open_cases = sum(plan.cases[id_].open for id_ in plan.cases_of(owner, known.cases_of))
        facts = Facts(contact, customer, known=owner in known.customers, open_cases=open_cases)
        verdict = decide(facts, self._book, self._departments())
        opening = Opening(verdict.department_id, verdict.priority, trace + verdict.trace)
        return plan.open_case(contact, owner, self._numbers.next(), opening)

    def _owner(self, plan: Plan, known: Known, contact: Contact, address_id: str) -> Verdict:
        """Whose the contact is, and why; of nobody when nobody is known by what is known of the sender.

        A source that knows the customer himself (the desk, another system) says so in `customer_id`.
        """
        told = contact.customer_id if contact.customer_id in known.customers else ""
        sender = told or plan.owner_of(address_id)
        proofs = read_proofs(contact, region=self._region)
        if not proofs:
            return Verdict(sender)
        owners = {proof.id: plan.owner_of(proof.id) for proof in proofs}
        apart = None if told else plan.apart(sender, known.apart)
        verdict = judge(sender, proofs, owners, apart)
        if verdict.moves and apart:
            moved = plan.move(apart, verdict.owner)
            known.cases_of[verdict.owner] = [*moved, *known.cases_of.get(verdict.owner, ())]
        return verdict

    @staticmethod
    def _tie(plan: Plan, sender: Proof, tied: Sequence[Proof], owner: str) -> None:
        """Addresses that were nobody's become the customer's: the sender's own, and what was proved his."""
        if not owner:
            return
        nobodys = sender.id and not plan.owner_of(sender.id)
        for proof in (*((sender,) if nobodys else ()), *tied):
            plan.add_address(_address(plan, proof.address, proof.id, owner))

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
            plan.add_address(_address(plan, sender, address_id, customer.id))
        return customer

    def _reported(self, known: Known, contact: Contact) -> Contact | None:
        """The answer of ours that a delivery report is about."""
        if not contact.report:
            return None
        about = known.contacts.get(contact_id(contact.channel, contact.report.key))
        return about if about and about.direction == "outbound" else None


def _address(plan: Plan, address: Address, address_id: str, customer_id: str) -> CustomerAddress:
    nobodys = plan.addresses.get(address_id)  # it was somebody's, and was taken off his card
    return CustomerAddress(
        id=address_id,
        version=nobodys.version if nobodys else 1,
        kind=address.kind,
        value=address_id.partition(":")[2],
        name=address.name[:200],
        customer_id=customer_id,
        created_at=plan.at,
    )


def _on_its_own(arrival: Arrival) -> Arrival:
    contact = on_its_own(arrival.contact)
    return arrival if contact is arrival.contact else arrival._replace(contact=contact)


def _is_late(plan: Plan, known: Known, contact: Contact) -> bool:
    """Whether the contact comes after its own amendments: its key is known, and what it says is not."""
    stored = plan.current(contact.id) or known.contacts.get(contact.id)
    return stored is not None and not contact.amends and lacks_original(stored)


def _known_already(id_: str, known: Known, replays: Collection[str]) -> Receipt | None:
    if stored := known.contacts.get(id_):
        return Receipt(stored.id, stored.customer_id, stored.case_id, stored.number, repeated=True)
    letter = known.dead_letters.get(id_)
    if letter and letter.state == "waiting" and id_ not in replays:
        return Receipt(id_, "", "", 0, repeated=True, dead_letter=True)
    return None


def _referenced(plan: Plan, known: Known, contact: Contact) -> list[Case]:
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

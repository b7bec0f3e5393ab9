"""What a batch of contacts needs to know, read with as few questions to the store as there are kinds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from crm.case import Case
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, DEAD_LETTERS, EMPLOYEES
from crm.contact import Contact, contact_id
from crm.customer import Customer, CustomerAddress
from crm.dead_letter import DeadLetter
from crm.employee import Employee
from crm.store import Order, Store, equals
from router.amending import lacks_original
from router.calls import is_answered
from router.joining import may_join_without_reference
from router.keys import possible_ids
from router.proofs import Apart, Proof, read_apart, read_proofs

RECENT_CASES = 20
"""How many of a customer's latest cases are looked at for one to join."""

RECENTLY_CLOSED = 5
"""Closed ones among them: somebody may write on into a talk that was closed a moment ago."""

REMEMBERED_TALKS = 50_000
"""Talks that go on whose case is remembered."""


class Known(NamedTuple):
    """What was read for a batch, by id."""

    contacts: dict[str, Contact] = {}
    dead_letters: dict[str, DeadLetter] = {}
    customers: dict[str, Customer] = {}
    addresses: dict[str, CustomerAddress] = {}
    cases: dict[str, Case] = {}
    cases_of: dict[str, list[str]] = {}
    employees: dict[str, Employee] = {}
    apart: dict[str, Apart] = {}


class _Whose(NamedTuple):
    """A contact, whose its sender's address is, and whose the addresses are that were proved his."""

    contact: Contact
    owner: str
    proved: tuple[str, ...]


class Reader:
    """Reads for batches, and remembers which case each talk that goes on is in."""

    def __init__(self, store: Store, *, region: str, asks_for_cases: bool) -> None:
        self._store = store
        self._region = region
        self._asks_for_cases = asks_for_cases  # a rule of the book wants the number of open cases
        self._talks: OrderedDict[tuple[str, str], str] = OrderedDict()

    def remember_talk(self, channel: str, case: Case) -> None:
        """The case that the talk of this customer on this channel is in now."""
        self._talks[channel, case.customer_id] = case.id
        if len(self._talks) > REMEMBERED_TALKS:
            self._talks.popitem(last=False)

    async def read_kept(self, contact: Contact) -> Known:
        """Only what is kept or buried under the contact's own key."""
        ids = possible_ids(contact)
        stored = await self._store.get_many(CONTACTS, ids)
        return Known(stored, await self._store.get_many(DEAD_LETTERS, ids))

    async def read(self, contacts: Sequence[Contact], address_ids: Sequence[str]) -> Known:
        """Everything that routing these contacts, of senders with these ids, may ask for."""
        ids = {contact.id for contact in contacts}
        about = {other for contact in contacts for other in _mentioned_ids(contact)}
        found, dead = await self._read_kept(contacts, ids, about)
        proofs = {
            contact.id: read_proofs(contact, region=self._region) for contact in contacts if contact.proofs
        }
        proved = {proof.id for some in proofs.values() for proof in some}
        addresses = await self._store.get_many(ADDRESSES, {*filter(None, address_ids), *proved})
        whose = [
            _whose(contact, address_id, proofs.get(contact.id, ()), addresses)
            for contact, address_id in zip(contacts, address_ids, strict=True)
        ]
        owners = {owner for one in whose for owner in (one.owner, *one.proved) if owner}
        named = {contact.thread for contact in contacts if contact.thread}
        named |= {found[other].case_id for other in about if other in found}
        named |= {found[id_].case_id for id_ in ids if id_ in found and lacks_original(found[id_])}
        cases = await self._store.get_many(CASES, named)
        took = {contact.employee_id for contact in contacts if is_answered(contact)}
        return Known(
            contacts=found,
            dead_letters=dead,
            customers=await self._store.get_many(CUSTOMERS, owners),
            addresses=addresses,
            cases=cases,
            cases_of=await self._cases_of(whose, cases),
            employees=await self._store.get_many(EMPLOYEES, took) if took else {},
            apart=await self._apart(whose, cases),
        )

    async def _read_kept(
        self, contacts: Sequence[Contact], ids: set[str], about: set[str]
    ) -> tuple[dict[str, Contact], dict[str, DeadLetter]]:
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
        return found, dead

    async def _cases_of(self, whose: Sequence[_Whose], cases: dict[str, Case]) -> dict[str, list[str]]:
        """Ids of the cases that these contacts may join by talk or subject, by customer; they are added to
        `cases`."""
        cases_of: dict[str, list[str]] = {}
        read: set[str] = set()
        talks = await self._talks_of(whose)
        for contact, owner, proved in whose:
            for customer_id in filter(None, (owner, *proved)):
                talk = talks.get((contact.channel, customer_id))
                if customer_id in read:
                    continue
                if talk and not proved:
                    some = [talk]
                elif self._asks_for_cases or may_join_without_reference(contact):
                    some = await self._recent_cases(customer_id)
                    read.add(customer_id)
                else:
                    continue
                cases.update((case.id, case) for case in some)
                before = cases_of.get(customer_id, ())
                cases_of[customer_id] = list(dict.fromkeys([*before, *(case.id for case in some)]))
        return cases_of

    async def _talks_of(self, whose: Sequence[_Whose]) -> dict[tuple[str, str], Case]:
        """The cases of talks that go on, as remembered, by channel and customer: most messages of a talk
        follow one another, and to ask for a customer's cases each time costs more than all the rest."""
        wanted = {(one.contact.channel, one.owner) for one in whose}
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

    async def _apart(self, whose: Sequence[_Whose], cases: dict[str, Case]) -> dict[str, Apart]:
        """What is kept of senders who may turn out to be somebody we know."""
        apart: dict[str, Apart] = {}
        for _, owner, proved in whose:
            if owner and owner not in apart and set(proved) - {owner}:
                kept = await read_apart(self._store, owner)
                if kept:
                    apart[owner] = kept
                    cases.update((case.id, case) for case in kept.cases)
        return apart


def _whose(
    contact: Contact, address_id: str, proofs: Sequence[Proof], addresses: Mapping[str, CustomerAddress]
) -> _Whose:
    def owner(id_: str) -> str:
        return addresses[id_].customer_id if id_ in addresses else ""

    return _Whose(
        contact, contact.customer_id or owner(address_id), tuple(owner(proof.id) for proof in proofs)
    )


def _mentioned_ids(contact: Contact) -> list[str]:
    keys = [*contact.references, contact.report.key] if contact.report else [*contact.references]
    if contact.amends:
        keys.append(contact.amends)
    return [contact_id(contact.channel, key) for key in keys]

"""Proofs: what a channel proved of a sender ties him to the customer we know, and all that is his."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from crm.case import Case, Entry, Step
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, ENTRIES, SUBSCRIPTIONS
from crm.contact import Address, Contact
from crm.customer import Customer, CustomerAddress, Preferences, Subscription
from crm.record import Record
from crm.store import Collection, Store, equals
from router.identity import normalise

MOVED_AT_MOST = 300
"""Records of one kind that move in one commit; whoever has more is no passer-by, and is left to an agent."""

R = TypeVar("R", bound=Record)


class Proof(NamedTuple):
    """An address that the channel proved, under the id it has."""

    id: str
    address: Address


class Apart(NamedTuple):
    """Everything that is kept of a customer whom only one address made."""

    customer: Customer
    addresses: Sequence[CustomerAddress] = ()
    subscriptions: Sequence[Subscription] = ()
    cases: Sequence[Case] = ()
    contacts: Sequence[Contact] = ()
    entries: Sequence[Entry] = ()


class Verdict(NamedTuple):
    """Whose the contact is (empty: nobody we know), which proved addresses become his, and why.

    `moves` is the customer whose all becomes the owner's; empty where nothing moves.
    """

    owner: str
    tied: tuple[Proof, ...] = ()
    moves: str = ""
    trace: tuple[Step, ...] = ()


def read_proofs(contact: Contact, *, region: str) -> tuple[Proof, ...]:
    """The proved addresses that name somebody."""
    if not contact.proofs:
        return ()
    each = {normalise(address, region=region): address for address in contact.proofs}
    return tuple(Proof(id_, address) for id_, address in each.items() if id_)


def judge(sender: str, proofs: Sequence[Proof], owners: Mapping[str, str], apart: Apart | None) -> Verdict:
    """What the proofs come to. `sender` is whose the sender's own address is, `owners` whose the proved ones
    are, `apart` what is kept of the sender.

    Two customers whom people here know of are never made one: that is for an agent to look at.
    """
    owner, moves, tied, steps = sender, "", [], list[Step]()
    for proof in proofs:
        other = owners.get(proof.id, "")
        details = {"address": proof.id.partition(":")[2]}
        if not other:
            tied.append(proof)
            steps.append(Step(code="tied_by_proof", details=details))
        elif not owner:
            owner = other
            steps.append(Step(code="known_by_proof", details=details))
        elif other != owner and not moves and is_apart(apart, owner):
            owner, moves = other, owner
            steps.append(Step(code="moved_by_proof", details=details))
        elif other != owner:
            steps.append(Step(code="proof_of_another_customer", matched=False, details=details))
    return Verdict(owner, tuple(tied), moves, tuple(steps))


def is_apart(known: Apart | None, sender: str) -> bool:
    """Whether he is known by one address alone, and nobody here ever entered anything about him."""
    if known is None or known.customer.id != sender or known.customer.became:
        return False
    customer = known.customer
    made_by_us = Customer(
        id=customer.id,
        name=customer.name,
        preferences=Preferences(language=customer.preferences.language),
        created_at=customer.created_at,
        updated_at=customer.created_at,
    )
    few = all(len(some) <= MOVED_AT_MOST for some in (known.cases, known.contacts, known.entries))
    one_address = len(known.addresses) == 1 and customer.name in ("", known.addresses[0].name)
    return customer == made_by_us and one_address and not known.subscriptions and few


async def read_apart(store: Store, customer_id: str) -> Apart | None:
    """What is kept of him, or a little more than may move."""
    customer = await store.get(CUSTOMERS, customer_id)
    if customer is None:
        return None

    async def his(collection: Collection[R]) -> list[R]:
        return await store.find(collection, equals("customer_id", customer_id), limit=MOVED_AT_MOST + 1)

    return Apart(
        customer,
        await his(ADDRESSES),
        await his(SUBSCRIPTIONS),
        await his(CASES),
        await his(CONTACTS),
        await his(ENTRIES),
    )

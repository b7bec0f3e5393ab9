"""What a visitor may read back: his own conversation, out of all the cases of the customer he is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from channels.chat.contacts import concerns
from channels.chat.protocol import Place
from crm.case import Case
from crm.collections import ADDRESSES, CASES, CONTACTS
from crm.contact import Address, Contact
from crm.store import After, Order, Store, Where, equals
from router.identity import normalise

PAGE = 200
"""Contacts read at once; also how much of an old conversation a new page shows, and each step back."""

STEP = 1_000
"""Contacts of all channels that one step back looks through: a customer may have letters by the thousand."""

CASES_LOOKED_AT = 100
"""The latest cases of a customer in which his conversation is looked for."""


class Conversation(NamedTuple):
    """Contacts that a page lacks, in order, and where it stands in each case once it has them."""

    contacts: list[Contact]
    told: dict[str, int]
    more: list[str]  # cases of which there is still more to read
    case: Case | None  # the latest one in which the visitor speaks
    earlier: Contact | None = None  # of a page that has seen nothing: before it there is more


class Past(NamedTuple):
    """An earlier part of the conversation, in order. Before `before` there is more; None: there is not."""

    contacts: list[Contact]
    before: Contact | None


async def read_conversation(store: Store, visitor: str, seen: dict[str, int]) -> Conversation:
    """What came after `seen` (numbers by case id); of a page that has seen nothing, the latest part."""
    customer = await _customer_of(store, visitor)
    cases = await _cases_of(store, customer)
    if not seen:
        return await _read_latest(store, visitor, customer, cases)
    contacts: list[Contact] = []
    told: dict[str, int] = {}
    more: list[str] = []
    current: Case | None = None
    for case in cases:
        mark = min(seen.get(case.id, 0), case.contacts)  # a page may remember more than a restored store has
        new = await read_after(store, case.id, mark) if mark < case.contacts else []
        told[case.id] = new[-1].number if new else mark
        if len(new) == PAGE:
            more.append(case.id)
        his = [contact for contact in new if concerns(contact, visitor)]
        contacts += his
        if current is None and (his or mark):
            current = case
    return Conversation(_in_order(contacts), told, more, current)


async def read_past(store: Store, visitor: str, place: Place) -> Past | None:
    """What was said before the contact that stands there; None where there is no such contact of his."""
    customer = await _customer_of(store, visitor)
    where = (equals("case_id", place.case_id), equals("number", place.number))
    found = await store.find(CONTACTS, *where, limit=1)
    if not customer or not found or found[0].customer_id != customer:
        return None
    return await _read_before(store, visitor, customer, After(found[0].received_at, found[0].id))


async def _read_latest(store: Store, visitor: str, customer: str, cases: list[Case]) -> Conversation:
    past = await _read_before(store, visitor, customer, None) if customer else Past([], None)
    told = {case.id: case.contacts for case in cases}
    for contact in past.contacts:  # the cases were read first: some contacts may be newer than they knew
        told[contact.case_id] = max(contact.number, told.get(contact.case_id, 0))
    speaks_in = {contact.case_id for contact in past.contacts}
    current = next((case for case in cases if case.id in speaks_in), None)
    return Conversation(past.contacts, told, [], current, past.before)


async def _read_before(store: Store, visitor: str, customer: str, after: After | None) -> Past:
    """Up to a page of his, looking through so many contacts at most."""
    his: list[Contact] = []
    last: Contact | None = None
    order = Order("received_at", descending=True)
    for _ in range(STEP // PAGE):
        where = equals("customer_id", customer)
        found = await store.find(CONTACTS, where, order=order, limit=PAGE, after=after)
        for contact in found:
            last = contact if contact.case_id else last
            if concerns(contact, visitor):
                his.append(contact)
            if len(his) > PAGE:
                return Past(_in_order(his[:PAGE]), his[PAGE - 1])
        if len(found) < PAGE:
            return Past(_in_order(his), None)
        after = After(found[-1].received_at, found[-1].id)
    return Past(_in_order(his), last)


def _in_order(contacts: list[Contact]) -> list[Contact]:
    return sorted(contacts, key=lambda contact: (contact.received_at, int(contact.case_id), contact.number))


async def read_all(store: Store, visitor: str) -> AsyncIterator[Contact]:
    """The whole conversation, a case after the other."""
    cases = await _cases_of(store, await _customer_of(store, visitor))
    for case in sorted(cases, key=lambda case: int(case.id)):
        number = 0
        while contacts := await read_after(store, case.id, number):
            for contact in contacts:
                if concerns(contact, visitor):
                    yield contact
            number = contacts[-1].number


async def read_after(store: Store, case_id: str, number: int) -> list[Contact]:
    """The next contacts of a case, whoever's they are."""
    where = (equals("case_id", case_id), Where("number", ">", number))
    return await store.find(CONTACTS, *where, order=Order("number"), limit=PAGE)


async def _customer_of(store: Store, visitor: str) -> str:
    address = await store.get(ADDRESSES, normalise(Address(kind="visitor", value=visitor)))
    return address.customer_id if address else ""


async def _cases_of(store: Store, customer_id: str) -> list[Case]:
    if not customer_id:
        return []
    order = Order("updated_at", descending=True)
    return await store.find(CASES, equals("customer_id", customer_id), order=order, limit=CASES_LOOKED_AT)

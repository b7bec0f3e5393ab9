"""What a visitor may read back: his own conversation, out of all the cases of the customer he is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from channels.chat.contacts import concerns
from crm.case import Case
from crm.collections import ADDRESSES, CASES, CONTACTS
from crm.contact import Address, Contact
from crm.store import Order, Store, Where, equals
from router.identity import normalise

PAGE = 200
"""Contacts read at once; also how much of an old conversation a new page shows."""

CASES_LOOKED_AT = 100
"""The latest cases of a customer in which his conversation is looked for."""


class Conversation(NamedTuple):
    """Contacts that a page lacks, in order, and where it stands in each case once it has them."""

    contacts: list[Contact]
    told: dict[str, int]
    more: list[str]  # cases of which there is still more to read
    case: Case | None  # the latest one in which the visitor speaks


async def read_conversation(store: Store, visitor: str, seen: dict[str, int]) -> Conversation:
    """What came after `seen` (numbers by case id); of a page that has seen nothing, the latest part."""
    contacts: list[Contact] = []
    told: dict[str, int] = {}
    more: list[str] = []
    current: Case | None = None
    for case in await _cases_of(store, visitor):
        mark = min(seen.get(case.id, 0), case.contacts)  # a page may remember more than a restored store has
        new: list[Contact] = []
        if seen and mark < case.contacts:
            new = await read_after(store, case.id, mark)
        elif not seen and len(contacts) < PAGE:
            new = await _latest(store, case.id)
        told[case.id] = new[-1].number if new else mark if seen else case.contacts
        if seen and len(new) == PAGE:
            more.append(case.id)
        his = [contact for contact in new if concerns(contact, visitor)]
        contacts += his
        if current is None and (his or mark):
            current = case
    contacts.sort(key=lambda contact: (contact.received_at, int(contact.case_id), contact.number))
    return Conversation(contacts, told, more, current)


async def read_all(store: Store, visitor: str) -> AsyncIterator[Contact]:
    """The whole conversation, a case after the other."""
    for case in sorted(await _cases_of(store, visitor), key=lambda case: int(case.id)):
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


async def _latest(store: Store, case_id: str) -> list[Contact]:
    order = Order("number", descending=True)
    return (await store.find(CONTACTS, equals("case_id", case_id), order=order, limit=PAGE))[::-1]


async def _cases_of(store: Store, visitor: str) -> list[Case]:
    address = await store.get(ADDRESSES, normalise(Address(kind="visitor", value=visitor)))
    if address is None:
        return []
    order = Order("updated_at", descending=True)
    return await store.find(
        CASES, equals("customer_id", address.customer_id), order=order, limit=CASES_LOOKED_AT
    )

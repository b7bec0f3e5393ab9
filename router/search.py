"""Search by anything: a case number, a phone however written, an address, a name, words, a contract."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from crm.case import Case, Entry
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, ENTRIES
from crm.contact import Address, Contact
from crm.customer import Customer, CustomerAddress
from crm.record import Record
from crm.store import Order, Store, equals
from router.history import find_customer
from router.identity import normalise

LONGEST = 400
"""Characters of a search that count; somebody pasted a letter."""

CASES_OF_SOMEBODY = 5
"""Latest cases shown of a customer whose very address was searched for."""

_CASE_NUMBER = re.compile(r"(?:#|№|no\.?|n)?\s*(\d{1,12})", re.IGNORECASE)
_PHONE = re.compile(r"\+?[\d\s().\-]{5,24}")
_MAIL = re.compile(r"[^\s<>@]+@[^\s<>@]+")

R = TypeVar("R", bound=Record)


class Found(NamedTuple):
    """What a search found, each list with the surest first: exact ids, then the best words."""

    customers: list[Customer]
    cases: list[Case]
    contacts: list[Contact]
    entries: list[Entry]

    def __bool__(self) -> bool:
        return any((self.customers, self.cases, self.contacts, self.entries))


async def search_everything(store: Store, words: str, *, limit: int = 20, region: str = "RU") -> Found:
    """Find by anything somebody may type; at most `limit` of each kind."""
    words = words.strip()[:LONGEST]
    if not words:
        return Found([], [], [], [])
    exactly, customers, addresses, cases, contacts, entries = await asyncio.gather(
        _find_exactly(store, words, region=region),
        store.search(CUSTOMERS, words, limit=limit),
        store.search(ADDRESSES, words, limit=limit),
        store.search(CASES, words, limit=limit),
        store.search(CONTACTS, words, limit=limit),
        store.search(ENTRIES, words, limit=limit),
    )
    owners = await _owners(store, addresses)
    return Found(
        _first_of_each((*exactly.customers, *customers, *owners), limit),
        _first_of_each((*exactly.cases, *cases), limit),
        _first_of_each((*exactly.contacts, *contacts), limit),
        _first_of_each(entries, limit),
    )


async def _find_exactly(store: Store, words: str, *, region: str) -> Found:
    """Records whose very id, number or address was typed."""
    number = _CASE_NUMBER.fullmatch(words)
    mail_key = words.strip("<>")
    case, customer, contacts, addresses = await asyncio.gather(
        store.get(CASES, number[1] if number else words),
        find_customer(store, words),
        store.get_many(CONTACTS, (words, f"email:{mail_key}")),
        store.get_many(ADDRESSES, _address_ids(words, region=region)),
    )
    owners = await _owners(store, addresses.values())
    newest = Order("opened_at", descending=True)
    theirs = [
        one
        for owner in owners
        for one in await store.find(
            CASES, equals("customer_id", owner.id), order=newest, limit=CASES_OF_SOMEBODY
        )
    ]
    return Found(
        [*([customer] if customer else []), *owners],
        [*([case] if case else []), *theirs],
        list(contacts.values()),
        [],
    )


def _address_ids(words: str, *, region: str) -> list[str]:
    """The ids of the addresses that the words may spell."""
    possible: list[Address] = []
    if _PHONE.fullmatch(words):
        possible += (Address(kind="phone", value=words), Address(kind="fax", value=words))
    elif mail := _MAIL.fullmatch(words.strip("<>")):
        possible.append(Address(kind="email", value=mail[0]))
    else:
        possible += (Address(kind="telegram", value=words), Address(kind="postal", value=words))
    return [id_ for address in possible if (id_ := normalise(address, region=region))]


async def _owners(store: Store, addresses: Iterable[CustomerAddress]) -> list[Customer]:
    """Whose the addresses are, in their order."""
    ids = list(dict.fromkeys(address.customer_id for address in addresses if address.customer_id))
    customers = await store.get_many(CUSTOMERS, ids)
    return [customers[id_] for id_ in ids if id_ in customers]


def _first_of_each(records: Iterable[R], limit: int) -> list[R]:
    """Each record once, where it stood first."""
    first: dict[str, R] = {}
    for record in records:
        first.setdefault(record.id, record)
    return list(first.values())[:limit]

"""Stores of any size for measuring: customers with the same habits, only more or fewer of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from crm.case import Case, Decision, Opened, turn
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, ENTRIES
from crm.contact import Address, Contact, contact_id
from crm.customer import Customer, CustomerAddress
from crm.store import Insert, Store, Write
from tests.bench.mail import WORDS

CONTACTS_OF_EACH = 20
CONTACTS_OF_A_CASE = 4
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
TOGETHER = 4000


async def fill(store: Store, contacts: int, *, words: int = 40) -> list[str]:
    """Customers with 20 contacts in five cases each, until there are that many contacts; their ids."""
    chance = random.Random(contacts)
    ids = [f"customer{number:07d}" for number in range(contacts // CONTACTS_OF_EACH)]
    writes = (write for id_ in ids for write in _customer(id_, chance, words))
    for some in _batched(writes, TOGETHER):
        await store.commit(some)
    return ids


def _batched(writes: Iterator[Write], size: int) -> Iterator[list[Write]]:
    batch: list[Write] = []
    for write in writes:
        batch.append(write)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _customer(id_: str, chance: random.Random, words: int) -> Iterator[Write]:
    value = f"{id_}@example.org"
    yield Insert(CUSTOMERS, Customer(id=id_, name=f"Клиент {id_}", created_at=BEGAN, updated_at=BEGAN))
    yield Insert(
        ADDRESSES,
        CustomerAddress(id=f"email:{value}", kind="email", value=value, customer_id=id_, created_at=BEGAN),
    )
    for number in range(CONTACTS_OF_EACH // CONTACTS_OF_A_CASE):
        yield from _case(id_, f"{int(id_[8:]) * 10 + number + 100_000}", chance, words)


def _case(customer_id: str, case_id: str, chance: random.Random, words: int) -> Iterator[Write]:
    at = BEGAN + timedelta(minutes=chance.randrange(1_000_000))
    is_open = chance.random() < 0.1
    shared: dict[str, Any] = {"case_id": case_id, "customer_id": customer_id}
    for number in range(1, CONTACTS_OF_A_CASE + 1):
        key = f"{case_id}-{number}@example.org"
        yield Insert(
            CONTACTS,
            Contact(
                id=contact_id("email", key),
                channel="email",
                key=key,
                direction="inbound" if number % 2 else "outbound",
                received_at=at + timedelta(hours=number),
                sender=Address(kind="email", value=f"{customer_id}@example.org"),
                subject=" ".join(chance.choices(WORDS, k=5)),
                text=" ".join(chance.choices(WORDS, k=words)),
                number=number,
                **shared,
            ),
        )
    yield Insert(ENTRIES, Opened(id=f"{case_id}-opened", at=at, department_id="front-desk", **shared))
    if not is_open:
        decided = at + timedelta(hours=6)
        yield Insert(ENTRIES, Decision(id=f"{case_id}-decided", at=decided, code="solved", **shared))
    yield Insert(
        CASES,
        Case(
            id=case_id,
            subject=" ".join(chance.choices(WORDS, k=5)),
            customer_id=customer_id,
            channel="email",
            department_id=chance.choice(("front-desk", "technical", "billing")),
            state="queued" if is_open else "closed",
            open=is_open,
            opened_at=at,
            updated_at=at + timedelta(hours=6),
            queued_at=at,
            turn_at=turn(3, at),
            waiting_since=at if is_open else None,
            contacts=CONTACTS_OF_A_CASE,
            preview=" ".join(chance.choices(WORDS, k=12)),
        ),
    )

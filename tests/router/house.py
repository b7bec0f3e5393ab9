"""The hall with everything that moves in it: store on disk, live state, intake, casework, dispatch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from crm.case import Case, Entry
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, DEPARTMENTS, EMPLOYEES, ENTRIES
from crm.contact import Address, Arrival, Contact, contact_id
from crm.customer import Customer
from crm.employee import Employee
from crm.record import new_id
from crm.store import Insert, Order, Store, equals
from router.casework import Casework
from router.dispatch import Dispatch
from router.intake import Intake
from router.live import Live
from router.past import PAST
from router.rules import RuleBook, read_rules
from router.walk import Walk
from storage.live import MemoryLive
from storage.sqlite import SqliteStore, open_sqlite
from tests.router.records import HandClock, a_department, an_employee

BOOK = read_rules(
    """
    default_department = "front-desk"

    [[rule]]
    name = "outage"
    when = { words = ["не работает"] }
    then = { department = "technical", priority = "high" }
    """
)
DEPARTMENT_IDS = ("billing", "front-desk", "technical")

Departments = Callable[[], frozenset[str]]


def all_departments() -> frozenset[str]:
    return frozenset(DEPARTMENT_IDS)


@dataclass
class House:
    """What a test works with. Anna, Boris and Vera answer in one department each; Olga supervises."""

    store: SqliteStore
    live: Live
    walk: Walk
    intake: Intake
    casework: Casework
    dispatch: Dispatch
    clock: HandClock
    ticks: HandClock  # by which leases of open pages run out

    async def case(self, case_id: str) -> Case:
        case = await self.store.get(CASES, case_id)
        assert case is not None
        return case

    async def contact(self, key: str, channel: str = "email") -> Contact:
        contact = await self.store.get(CONTACTS, contact_id(channel, key))
        assert contact is not None
        return contact

    async def employee(self, id: str) -> Employee:
        employee = await self.store.get(EMPLOYEES, id)
        assert employee is not None
        return employee

    async def cases(self) -> list[Case]:
        return await self.store.find(CASES, limit=100_000)

    async def contacts(self) -> list[Contact]:
        return await self.store.find(CONTACTS, limit=100_000)

    async def customers(self) -> list[Customer]:
        return await self.store.find(CUSTOMERS, limit=100_000)

    async def addresses(self) -> dict[str, str]:
        """Whose each address is."""
        return {one.id: one.customer_id for one in await self.store.find(ADDRESSES, limit=100_000)}

    async def entries(self, case_id: str) -> list[Entry]:
        """What happened in the case, oldest first."""
        return await self.store.find(ENTRIES, equals("case_id", case_id), order=Order("at"), limit=100_000)


ANNA = an_employee("anna", department_ids=("front-desk",))
BORIS = an_employee("boris", department_ids=("technical",))
VERA = an_employee("vera", department_ids=("billing",))
OLGA = an_employee("olga", department_ids=(), role="supervisor")
PAVEL = an_employee("pavel", department_ids=("front-desk",))
STAFF = (ANNA, BORIS, VERA, OLGA, PAVEL)

KEYS: dict[str, Callable[[str], str]] = {
    "email": lambda new: f"{new}@help.example.com",
    "chat": lambda new: new,
}


@asynccontextmanager
async def open_house(
    directory: Path,
    *,
    book: RuleBook = BOOK,
    departments: Departments = all_departments,
    size: int = 2000,
    batch: int = 64,
    furnish: bool = True,
) -> AsyncIterator[House]:
    """The hall, as long as the context is open; the same directory again is a restart."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_sqlite(directory / "onewindow.sqlite"))
        clock = HandClock()
        ticks = HandClock()
        live = MemoryLive(clock, ticks=lambda: ticks().timestamp())
        if furnish and await store.get(EMPLOYEES, ANNA.id) is None:
            await furnish_house(store)
        walk = Walk(store, book, departments, clock=clock, new_id=new_id)
        intake = Intake(store, walk, live, size=size, batch=batch)
        await stack.enter_async_context(intake.running())
        casework = Casework(store, live, clock=clock, new_id=new_id, keys=KEYS)
        dispatch = Dispatch(
            store,
            live,
            clock=clock,
            new_id=new_id,
            accept_within=timedelta(seconds=45),
            absent_after=timedelta(hours=4),
        )
        yield House(store, live, walk, intake, casework, dispatch, clock, ticks)


async def furnish_house(store: Store, staff: Iterable[Employee] = STAFF) -> None:
    """The departments and who works in them."""
    await store.commit([Insert(DEPARTMENTS, a_department(one)) for one in DEPARTMENT_IDS])
    await store.commit([Insert(EMPLOYEES, employee) for employee in staff])


def an_arrival(key: str = "m1@example.com", text: str = "Здравствуйте", **fields: Any) -> Arrival:
    """A letter of Ivan's as a source would hand it over."""
    blobs = fields.pop("blobs", {})
    channel = fields.pop("channel", "email")
    sender = fields.pop("sender", "ivan@example.com")
    if isinstance(sender, str):
        sender = Address(kind="email", value=sender)
    given = {"received_at": HandClock().at, "sender": sender, "text": text, **fields}
    return Arrival(Contact(id=contact_id(channel, key), channel=channel, key=key, **given), blobs)


def a_message(key: str, text: str = "Здравствуйте", *, visitor: str = "v1", **fields: Any) -> Arrival:
    """A chat message of a visitor."""
    return an_arrival(key, text, channel="chat", sender=Address(kind="visitor", value=visitor), **fields)


async def check_cases(house: House) -> None:
    """What must hold of every case, whatever happened: its contacts are 1..n, and its state has one owner."""
    by_case: dict[str, list[int]] = {}
    for contact in await house.contacts():
        by_case.setdefault(contact.case_id, []).append(contact.number)
    for case in await house.cases():
        assert sorted(by_case.pop(case.id, [])) == list(range(1, case.contacts + 1)), case.id
        assert case.open == (case.state != "closed")
        assert (case.state == "queued" or case.decision == PAST) == (not case.assignee_id)
        assert (case.state == "reserved") == (case.reserved_until is not None)
        assert (case.state == "closed") == (case.closed_at is not None)
        assert case.state != "closed" or case.decision
        assert case.transfer is None or case.transfer.to_department_id == case.department_id
    assert by_case == {}, "contacts without a case"

"""What people and departments are called on the pages, also somebody who has not said his name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from agent_ui.speaker import Speaker
from crm.case import Case
from crm.collections import ADDRESSES, CUSTOMERS, DEPARTMENTS, EMPLOYEES
from crm.customer import Customer, CustomerAddress
from crm.employee import Department, Employee
from crm.store import Store, one_of

SPEAKING = ("email", "phone", "telegram", "fax", "postal")
"""Kinds of addresses that tell a person something; a visitor's id does not."""


class Names(NamedTuple):
    """Names by id. What is not there is shown as unknown, never as an error."""

    speaker: Speaker
    customers: dict[str, Customer]
    addresses: dict[str, str]
    employees: dict[str, Employee]
    departments: dict[str, Department]

    def customer(self, id: str) -> str:
        customer = self.customers.get(id)
        if customer and customer.name:
            return customer.name
        return self.addresses.get(id) or self.speaker.say("Unknown customer")

    def is_company(self, id: str) -> bool:
        return id in self.customers and self.customers[id].kind == "company"

    def is_vip(self, id: str) -> bool:
        return id in self.customers and self.customers[id].segment == "vip"

    def employee(self, id: str) -> str:
        if not id:
            return self.speaker.say("The router")
        return self.employees[id].name if id in self.employees else self.speaker.say("Unknown employee")

    def department(self, id: str) -> str:
        return self.speaker.name(self.departments[id].names) if id in self.departments else id


async def read_names(
    store: Store,
    speaker: Speaker,
    *,
    customers: Iterable[str] = (),
    employees: Iterable[str] = (),
) -> Names:
    """The names of these, and of every department: they are few."""
    found, people, departments = await asyncio.gather(
        store.get_many(CUSTOMERS, set(customers) - {""}),
        store.get_many(EMPLOYEES, set(employees) - {""}),
        store.find(DEPARTMENTS, limit=1000),
    )
    nameless = [customer.id for customer in found.values() if not customer.name]
    addresses = await store.find(ADDRESSES, one_of("customer_id", nameless), limit=500) if nameless else []
    return Names(
        speaker,
        found,
        {one: _telling(address for address in addresses if address.customer_id == one) for one in nameless},
        people,
        {department.id: department for department in departments},
    )


async def names_in_cases(store: Store, speaker: Speaker, cases: Iterable[Case]) -> Names:
    """The names that a list of cases shows."""
    cases = list(cases)
    return await read_names(
        store,
        speaker,
        customers=(case.customer_id for case in cases),
        employees=(case.assignee_id for case in cases),
    )


def _telling(addresses: Iterable[CustomerAddress]) -> str:
    known = {address.kind: address.name or address.value for address in addresses}
    return next((known[kind] for kind in SPEAKING if kind in known), "")

"""Opening a case or a customer: who may, who must first say why, and the trace it leaves in the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from agent_ui.sight import is_his
from agent_ui.visit import Visit
from agent_ui.words import mark
from crm.case import Case
from crm.collections import AUDIT, CASES, CONTACTS
from crm.contact import Contact
from crm.customer import Customer
from crm.employee import Employee
from crm.errors import NotAllowed, NotFound
from crm.store import Order, at_least, equals
from router.history import find_customer

REASONS = {
    "customer_asked": mark("The customer asked me"),
    "colleague_asked": mark("A colleague asked me"),
    "same_matter": mark("His matter concerns a case of mine"),
    "complaint": mark("I look into a complaint"),
}
"""Why an agent opens a customer of another region: a closed list, so that it can be counted and checked."""

GOOD_FOR = timedelta(hours=12)
"""How long a reason once given holds."""


class ReasonFirst(NotAllowed):
    """The customer belongs to another region: the agent must say why he opens him."""

    def __init__(self, customer_id: str) -> None:
        super().__init__(mark("Say first why you open a customer of another region."), field="reason")
        self.customer_id = customer_id


class OpenCase(NamedTuple):
    """A case with whose it is."""

    case: Case
    customer: Customer


async def enter_case(visit: Visit, case_id: str) -> OpenCase:
    """The case, if the employee may see it now. Raises `NotFound` or `ReasonFirst`."""
    store = visit.rooms.store
    case = await store.get(CASES, case_id)
    if case is None:
        raise NotFound(mark("There is no such case."), field="case_id")
    customer = await _find_customer(visit, case.customer_id)
    if not is_his(visit.me, case):
        await _require_reason(visit, customer)
    return OpenCase(case, customer)


async def enter_customer(visit: Visit, customer_id: str) -> Customer:
    """The customer, if the employee may see him now. Raises `NotFound` or `ReasonFirst`."""
    customer = await _find_customer(visit, customer_id)
    await _require_reason(visit, customer)
    return customer


async def enter_contact(visit: Visit, contact_id: str) -> Contact:
    """A contact of a case that the employee may see. Raises `NotFound` or `ReasonFirst`."""
    contact = await visit.rooms.store.get(CONTACTS, contact_id)
    if contact is None or not contact.case_id:
        raise NotFound(mark("There is no such contact."), field="id")
    await enter_case(visit, contact.case_id)
    return contact


async def give_reason(visit: Visit, customer_id: str, reason: str) -> None:
    """Recorded before anything is shown."""
    if reason not in REASONS:
        raise NotAllowed(mark("Choose one of the reasons."), field="reason")
    customer = await _find_customer(visit, customer_id)
    await note_reading(visit, f"reason.{reason}", customer, kind="customer", id=customer.id)
    await visit.rooms.audit.flush()


async def note_reading(visit: Visit, what: str, customer: Customer, *, kind: str, id: str) -> None:
    """One line of the audit: who opened what, from where."""
    await visit.rooms.audit.record(
        what, by=visit.me, object_kind=kind, object_id=id, customer_id=customer.id, from_ip=visit.ip
    )


def is_of_another_region(employee: Employee, customer: Customer) -> bool:
    return (
        employee.role == "agent"
        and bool(employee.region and customer.region)
        and employee.region != customer.region
    )


async def _require_reason(visit: Visit, customer: Customer) -> None:
    if not is_of_another_region(visit.me, customer):
        return
    given = await visit.rooms.store.find(
        AUDIT,
        equals("object_id", customer.id),
        at_least("at", visit.rooms.clock() - GOOD_FOR),
        order=Order("at", descending=True),
        limit=200,
    )
    if not any(line.employee_id == visit.me.id and line.what.startswith("reason.") for line in given):
        raise ReasonFirst(customer.id)


async def _find_customer(visit: Visit, customer_id: str) -> Customer:
    customer = await find_customer(visit.rooms.store, customer_id)
    if customer is None:
        raise NotFound(mark("There is no such customer."), field="customer_id")
    return customer

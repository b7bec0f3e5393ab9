"""What an employee may see, and of which events his page hears."""

from __future__ import annotations

from collections.abc import Collection

from crm.case import Case
from crm.employee import Employee
from router.live import Event


def is_his(employee: Employee, case: Case) -> bool:
    """The case is his business: he holds it, his department has it, or he supervises."""
    return (
        employee.role != "agent"
        or case.assignee_id == employee.id
        or case.department_id in employee.department_ids
        or (case.transfer is not None and case.transfer.from_department_id in employee.department_ids)
    )


def hears(employee: Employee, watched: Collection[str], event: Event) -> bool:
    """Whether his page is told. `watched` are the case and the customer that it shows."""
    if employee.role != "agent" or event.kind in ("presence", "channel"):
        return event.kind != "viewing" or event.case_id in watched
    if event.kind == "dead_letter":
        return False
    return (
        event.case_id in watched
        or event.customer_id in watched
        or event.department_id in employee.department_ids
        or employee.id in (event.employee_id, event.data.get("assignee_id"))
    )

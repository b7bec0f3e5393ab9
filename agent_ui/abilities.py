"""Which acts a case offers an employee now: buttons that would be refused are not shown."""

from __future__ import annotations

from crm.case import Case
from crm.employee import Employee


def abilities(me: Employee, case: Case) -> frozenset[str]:
    """Names of acts. Only a help for the eye: the acts themselves refuse what is not allowed."""
    supervises = me.role != "agent"
    serves = supervises or case.department_id in me.department_ids
    mine = case.assignee_id == me.id
    waits_for_me = case.state == "queued" and serves
    works = mine or supervises or waits_for_me
    can = {
        "note": True,
        "accept": case.state == "reserved" and mine,
        "take": serves and not mine and case.transfer is None,
        "release": case.assignee_id != "" and (mine or supervises),
        "answer": works,
        "transfer": works and case.transfer is None,
        "decide": works,
        "close": works and case.decision != "",
        "priority": serves or mine,
        "give": supervises,
        "accept_transfer": case.transfer is not None and serves,
        "return_transfer": case.transfer is not None and serves,
    }
    if not case.open:
        return frozenset(("note", "reopen"))
    return frozenset(name for name, may in can.items() if may)

"""A call that was answered: its case is in the hands of the agent who took it, and nobody waits any more."""

from __future__ import annotations

import msgspec

from crm.case import Case, Step
from crm.contact import Contact
from crm.employee import Employee
from crm.record import NewId
from router.acts import Act, Change, into_hands
from router.past import is_past


def is_answered(call: Contact) -> bool:
    """Whether somebody of ours spoke with the customer, as the exchange tells it.

    A call that an employee registers at the desk is routed by the rules: whoever is to deal with it need
    not be who took it down. The desk says whether it was answered in a field of its own.
    """
    if call.channel != "phone" or "answered" in call.fields or is_past(call):
        return False
    if call.direction == "outbound":
        return call.fields.get("outcome") == "answered"
    return bool(call.employee_id) or call.fields.get("outcome") == "answered"


def after_answered(case: Case, agent: Employee | None, new_id: NewId) -> Change | None:
    """What an answered call makes of its case; None where it changes nothing any more.

    An agent whom nobody knows, or who works here no longer, gets no case: it waits in its queue.
    """
    if not case.open:
        return None
    at = case.updated_at
    heard = msgspec.structs.replace(case, waiting_since=None, first_answered_at=case.first_answered_at or at)
    if agent is None or not agent.active or case.state == "assigned":
        return Change(heard, "answered") if heard != case else None
    took = into_hands(heard, Act(agent, at, new_id), agent.id, "took")
    step = Step(code="took_the_call")
    return took._replace(case=msgspec.structs.replace(took.case, trace=(*took.case.trace, step)))

"""A call of long ago, read from an old log: it belongs to the history, and to no queue."""

from __future__ import annotations

import msgspec

from crm.case import Case, Step
from crm.contact import Contact

PAST = "past"
"""The decision of a case that a call of long ago opened: nobody made one."""


def is_past(call: Contact) -> bool:
    """Whether it was over for days when its exchange told of it."""
    return call.channel == "phone" and call.fields.get("past") == "yes"


def as_history(case: Case, call: Contact) -> Case:
    """The case that such a call opened, closed as of the call: it waits for nobody, and is on no board."""
    at = call.received_at
    return msgspec.structs.replace(
        case,
        state="closed",
        open=False,
        opened_at=at,
        updated_at=at,
        queued_at=at,
        closed_at=at,
        waiting_since=None,
        decision=PAST,
        trace=(*case.trace, Step(code="past_call")),
    )

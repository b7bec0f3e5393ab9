"""One matter of a customer: its contacts, its decisions, its way through departments (обращение)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from crm.contact import Attachment
from crm.record import Record

CaseState = Literal["queued", "reserved", "assigned", "closed"]

URGENT, HIGH, NORMAL, LOW = 1, 2, 3, 4
"""Priorities: a smaller number is served sooner."""

HEAD_START = {
    URGENT: timedelta(days=1),
    HIGH: timedelta(hours=4),
    NORMAL: timedelta(0),
    LOW: -timedelta(days=1),
}
"""How much longer a case counts as having waited: the urgent go first, and nobody waits for ever."""


def turn(priority: int, queued_at: datetime) -> datetime:
    """By which moment the turn of a case in its queue is counted: the earliest is next."""
    return queued_at - HEAD_START[priority]


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One step of the trace: what was asked, whether it matched, and because of what.

    `code` is one of a closed list (translated on the page); `rule` is the rule's own name;
    `details` are the values that decided, safe to show to any employee.
    """

    code: str
    rule: str = ""
    matched: bool = True
    details: dict[str, str] = {}


class PendingTransfer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A transfer that the other department has neither accepted nor returned yet."""

    entry_id: str
    from_department_id: str
    to_department_id: str
    by_employee_id: str
    reason: str
    at: datetime


class Case(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A case waits in a department's queue, is reserved for an agent, is in his hands, or is closed.

    `waiting_since` is set while the customer waits for us and empty while we wait for him.
    """

    subject: str = ""
    customer_id: str
    channel: str  # of its first contact
    department_id: str
    state: CaseState = "queued"
    open: bool = True  # false exactly when the state is "closed"
    assignee_id: str = ""  # whose hands it is in, or for whom it is reserved
    priority: int = NORMAL
    opened_at: datetime
    updated_at: datetime
    queued_at: datetime  # when it came into the queue it waits in, or last waited in
    turn_at: datetime  # its turn there, see `turn`
    waiting_since: datetime | None = None
    reserved_until: datetime | None = None
    first_answered_at: datetime | None = None
    closed_at: datetime | None = None
    contacts: int = 0
    reopened: int = 0
    last_channel: str = ""
    last_direction: str = ""
    preview: str = ""  # the first words of the latest contact
    trace: tuple[Step, ...] = ()
    transfer: PendingTransfer | None = None
    decision: str = ""  # code of the latest decision
    passed_by: tuple[str, ...] = ()  # agents who let its reservation run out or returned it
    passed_at: datetime | None = None  # when the last of them did


class _Entry(Record, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What happened in a case besides its contacts: it stands in the timeline between them."""

    at: datetime
    case_id: str
    customer_id: str
    employee_id: str = ""  # who did it; empty where the router did


class Note(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="note"):
    """Words for colleagues that the customer never sees."""

    text: str


class Decision(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="decision"):
    """What an employee decided; `code` is one of `DECISIONS`, `text` says it in his words."""

    code: str
    text: str = ""


class Opened(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="opened"):
    """The case began; the trace says why it went where it went."""

    department_id: str
    trace: tuple[Step, ...] = ()


class Assigned(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="assigned"):
    """The case came into an agent's hands or left them (`released`, `expired`)."""

    assignee_id: str
    how: Literal["reserved", "accepted", "took", "given", "released", "expired"]
    trace: tuple[Step, ...] = ()


class Transferred(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="transferred"):
    """Somebody asks another department to take the case over, with his reason."""

    from_department_id: str
    to_department_id: str
    reason: str


class TransferAnswered(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="transfer_answered"):
    """The other department accepted the case or returned it with a reason."""

    transfer_id: str
    department_id: str
    accepted: bool
    reason: str = ""


class Closed(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="closed"):
    """The case was closed on the strength of a decision."""

    decision_id: str


class Reopened(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="reopened"):
    """The case came back to life: the customer wrote again or an employee reopened it."""

    reason: str = ""


class Amended(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="amended"):
    """A contact has other words now: those it had before. `at` is when they gave way."""

    contact_id: str
    revision: int = 0  # of these words; 0: the first ones
    subject: str = ""
    text: str = ""
    attachments: tuple[Attachment, ...] = ()


class Identified(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="identified"):
    """Somebody proved by this contact who he is: what was his alone belongs to the customer we knew."""

    contact_id: str
    channel: str
    before_customer_id: str


Entry = (
    Note
    | Decision
    | Opened
    | Assigned
    | Transferred
    | TransferAnswered
    | Closed
    | Reopened
    | Amended
    | Identified
)

DECISIONS = (
    "solved",
    "informed",
    "promised",
    "compensated",
    "order_taken",
    "visit_arranged",
    "refused",
    "withdrawn",
    "duplicate",
    "not_ours",
    "spam",
)
"""Codes of decisions: a closed list, so that reports can count them."""

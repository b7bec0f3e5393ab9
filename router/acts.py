"""What each act of an employee makes of a case: pure functions of the case, who acts and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, TypedDict

import msgspec

from crm.case import (
    DECISIONS,
    HEAD_START,
    Assigned,
    Case,
    Closed,
    Decision,
    Entry,
    Note,
    PendingTransfer,
    Reopened,
    TransferAnswered,
    Transferred,
    turn,
)
from crm.contact import Contact
from crm.employee import Employee
from crm.errors import BadInput, NotAllowed
from crm.record import NewId
from router.plan import PREVIEW, first_words, reopened

How = Literal["reserved", "accepted", "took", "given", "released", "expired"]

MAX_TEXT = 200_000
"""Characters of an answer, a note or a reason."""


class Change(NamedTuple):
    """What one act makes of a case. `why` is the code that the live event carries."""

    case: Case
    why: str
    entries: tuple[Entry, ...] = ()
    contacts: tuple[Contact, ...] = ()
    blobs: Mapping[str, bytes] = {}


class Act(NamedTuple):
    """Who acts, when, and where new ids come from."""

    by: Employee
    at: datetime
    new_id: NewId


def take(case: Case, act: Act) -> Change:
    """Out of the queue, or over from a colleague of a department he serves."""
    must_be_open(case)
    _must_serve(case, act.by)
    if case.state == "assigned" and case.assignee_id == act.by.id:
        return Change(case, "")
    return into_hands(case, act, act.by.id, "took")


def accept(case: Case, act: Act) -> Change:
    """What was reserved for him becomes his."""
    if case.assignee_id != act.by.id or not case.open:
        raise NotAllowed("The case is no longer reserved for you.")
    if case.state == "assigned":
        return Change(case, "")
    return into_hands(case, act, act.by.id, "accepted")


def release(case: Case, act: Act, reason: str) -> Change:
    """Back into the queue of its department, for somebody else; for him again when nobody else is there."""
    must_be_open(case)
    must_hold(case, act.by)
    if case.state == "queued":
        raise BadInput("The case waits in the queue already.", field="case_id")
    entries: tuple[Entry, ...] = (assigned(case, act, case.assignee_id, "released"),)
    if reason.strip():
        entries += (note(case, act, reason),)
    return Change(back_to_queue(case, act.at, passed_by=case.assignee_id), "released", entries)


def give(case: Case, act: Act, to: Employee) -> Change:
    """Into an agent's hands, by a supervisor."""
    if act.by.role == "agent":
        raise NotAllowed("Only a supervisor may give a case to somebody else.")
    if not to.active:
        raise BadInput("This employee no longer works here.", field="to")
    must_be_open(case)
    return into_hands(case, act, to.id, "given")


def transfer(case: Case, act: Act, to_department_id: str, reason: str) -> Change:
    """Into the queue of another department, where it waits to be accepted or returned."""
    must_be_open(case)
    must_hold(case, act.by, or_take=True)
    if to_department_id == case.department_id:
        raise BadInput("The case is in that department already.", field="to_department_id")
    entry = Transferred(
        **_of(case, act),
        from_department_id=case.department_id,
        to_department_id=to_department_id,
        reason=reason,
    )
    pending = PendingTransfer(
        entry_id=entry.id,
        from_department_id=case.department_id,
        to_department_id=to_department_id,
        by_employee_id=act.by.id,
        reason=reason,
        at=act.at,
    )
    moved = msgspec.structs.replace(
        back_to_queue(case, act.at), department_id=to_department_id, transfer=pending, passed_by=()
    )
    return Change(moved, "transferred", (*_transfer_accepted(case, act), entry))


def accept_transfer(case: Case, act: Act) -> Change:
    """The other department takes over: into the hands of the one who accepts."""
    _must_be_transferred(case, act.by)
    return into_hands(case, act, act.by.id, "accepted")


def return_transfer(case: Case, act: Act, reason: str) -> Change:
    """Back to the department it came from."""
    pending = _must_be_transferred(case, act.by)
    answer = _transfer_answered(case, act, pending, accepted=False, reason=reason)
    back = msgspec.structs.replace(
        back_to_queue(case, act.at), department_id=pending.from_department_id, transfer=None, passed_by=()
    )
    return Change(back, "returned", (answer,))


def answer(
    case: Case, act: Act, contact: Contact, blobs: Mapping[str, bytes], *, take: bool = True
) -> Change:
    """One more contact, outbound. Answering a case that waits in the queue takes it, if asked."""
    must_be_open(case)
    must_hold(case, act.by, or_take=True)
    entries: tuple[Entry, ...] = ()
    held = case
    if take and case.state != "assigned":
        taken = into_hands(case, act, act.by.id, "took")
        held, entries = taken.case, taken.entries
    written = msgspec.structs.replace(
        contact, customer_id=case.customer_id, case_id=case.id, number=case.contacts + 1
    )
    answered = msgspec.structs.replace(
        held,
        contacts=written.number,
        updated_at=act.at,
        last_channel=written.channel,
        last_direction="outbound",
        preview=first_words(written.text or written.subject, PREVIEW),
        waiting_since=None,
        first_answered_at=case.first_answered_at or act.at,
    )
    return Change(answered, "answered", entries, (written,), blobs)


def decide(case: Case, act: Act, *, code: str, text: str, close: bool) -> Change:
    """A decision recorded; the case closed on the strength of it, if asked."""
    if code not in DECISIONS:
        raise BadInput(f"A decision is one of: {', '.join(DECISIONS)}.", field="code")
    must_be_open(case)
    must_hold(case, act.by, or_take=True)
    decision = Decision(**_of(case, act), code=code, text=text)
    decided = msgspec.structs.replace(case, decision=code, updated_at=act.at)
    if not close:
        return Change(decided, "decided", (decision,))
    closed = Closed(**_of(case, act), decision_id=decision.id)
    return Change(_closed(decided, act), "closed", (*_transfer_accepted(case, act), decision, closed))


def close(case: Case, act: Act, decided: Decision | None) -> Change:
    """The case closed on the strength of the latest decision since it was opened or reopened."""
    must_be_open(case)
    must_hold(case, act.by, or_take=True)
    if not case.decision or decided is None:
        raise BadInput("A case cannot close without a decision.", field="code")
    closed = Closed(**_of(case, act), decision_id=decided.id)
    return Change(_closed(case, act), "closed", (*_transfer_accepted(case, act), closed))


def reopen(case: Case, act: Act, reason: str) -> Change:
    """A closed case back to life, in the hands of the one who asks."""
    if case.open:
        raise BadInput("The case is open already.", field="case_id")
    entry = Reopened(**_of(case, act), reason=reason)
    taken = into_hands(reopened(case, act.at), act, act.by.id, "took")
    return Change(taken.case, "reopened", (entry, *taken.entries))


def prioritise(case: Case, act: Act, priority: int) -> Change:
    """Its turn sooner or later."""
    if priority not in HEAD_START:
        raise BadInput("A priority is 1 (urgent), 2 (high), 3 (normal) or 4 (low).", field="priority")
    must_be_open(case)
    _must_serve(case, act.by)
    turn_at = turn(priority, case.queued_at)
    changed = msgspec.structs.replace(case, priority=priority, turn_at=turn_at, updated_at=act.at)
    return Change(changed, "priority")


def note(case: Case, act: Act, text: str) -> Note:
    """Words for colleagues."""
    return Note(**_of(case, act), text=text)


def into_hands(case: Case, act: Act, assignee_id: str, how: How) -> Change:
    """The case in somebody's hands. Whoever takes a case that was transferred accepts the transfer."""
    entries = (*_transfer_accepted(case, act), assigned(case, act, assignee_id, how))
    held = msgspec.structs.replace(
        case,
        state="assigned",
        assignee_id=assignee_id,
        reserved_until=None,
        transfer=None,
        passed_by=(),
        updated_at=act.at,
    )
    return Change(held, how, entries)


def assigned(case: Case, act: Act, assignee_id: str, how: How) -> Assigned:
    """The entry that tells into or out of whose hands the case went."""
    return Assigned(**_of(case, act), assignee_id=assignee_id, how=how)


def back_to_queue(case: Case, at: datetime, *, passed_by: str = "") -> Case:
    """The case waits again; it keeps its turn by the time it came into the queue first."""
    passed = (*case.passed_by, passed_by) if passed_by and passed_by not in case.passed_by else case.passed_by
    return msgspec.structs.replace(
        case,
        state="queued",
        assignee_id="",
        reserved_until=None,
        passed_by=passed,
        passed_at=at if passed_by else case.passed_at,
        updated_at=at,
    )


def must_be_open(case: Case) -> None:
    """Raise `BadInput` for a closed case."""
    if not case.open:
        raise BadInput("The case is closed: reopen it first.", field="case_id")


def must_hold(case: Case, by: Employee, *, or_take: bool = False) -> None:
    """Raise `NotAllowed` unless he holds the case, or supervises, or it waits and he may take it."""
    if case.assignee_id == by.id or by.role != "agent":
        return
    if or_take and case.state == "queued" and case.department_id in by.department_ids:
        return
    if case.assignee_id:
        raise NotAllowed("A colleague holds this case: take it over first.")
    raise NotAllowed("This case waits for another department.")


def must_fit(text: str, field: str) -> None:
    """Raise `BadInput` for a text beyond all measure, or one that no encoding takes."""
    if len(text) > MAX_TEXT:
        raise BadInput(f"The text is longer than {MAX_TEXT} characters.", field=field)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("The text holds half of a character: type it anew.", field=field) from error


def _must_serve(case: Case, by: Employee) -> None:
    if by.role == "agent" and case.assignee_id != by.id and case.department_id not in by.department_ids:
        raise NotAllowed("This case is in another department.")


def _must_be_transferred(case: Case, by: Employee) -> PendingTransfer:
    if case.transfer is None or not case.open:
        raise BadInput("No transfer of this case waits for an answer.", field="case_id")
    if by.role == "agent" and case.transfer.to_department_id not in by.department_ids:
        raise NotAllowed("Only the department it was transferred to can answer.")
    return case.transfer


def _transfer_accepted(case: Case, act: Act) -> tuple[Entry, ...]:
    """Whoever disposes of a case that was transferred has accepted it, whatever he does with it next."""
    return (_transfer_answered(case, act, case.transfer, accepted=True),) if case.transfer else ()


def _transfer_answered(
    case: Case, act: Act, pending: PendingTransfer, *, accepted: bool, reason: str = ""
) -> TransferAnswered:
    return TransferAnswered(
        **_of(case, act),
        transfer_id=pending.entry_id,
        department_id=pending.to_department_id,
        accepted=accepted,
        reason=reason,
    )


def _closed(case: Case, act: Act) -> Case:
    return msgspec.structs.replace(
        case,
        state="closed",
        open=False,
        assignee_id=case.assignee_id if case.state == "assigned" else act.by.id,
        reserved_until=None,
        transfer=None,
        waiting_since=None,
        closed_at=act.at,
        updated_at=act.at,
    )


class _Common(TypedDict):
    """What every entry has."""

    id: str
    at: datetime
    case_id: str
    customer_id: str
    employee_id: str


def _of(case: Case, act: Act) -> _Common:
    return {
        "id": act.new_id(),
        "at": act.at,
        "case_id": case.id,
        "customer_id": case.customer_id,
        "employee_id": act.by.id,
    }

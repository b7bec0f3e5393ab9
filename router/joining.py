"""Which case a contact belongs to, and why: our own token first, then what it answers, then the talk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from crm.case import Case, Step
from crm.contact import Contact
from router.past import is_past

CONVERSATIONS = frozenset({"chat", "telegram"})
"""Channels on which one talk goes on: what is said belongs to the case that is open on it."""

REOPEN_WITHIN = timedelta(days=14)
"""An answer to a case closed longer ago opens a new one."""

TALK_RESUMES_WITHIN = timedelta(hours=1)
"""Somebody who writes on into a talk closed that recently means the same matter."""

_ANSWER_PREFIX = re.compile(r"^\s*((re|aw|sv|fwd?|ha|отв|на|пересл|ответ)(\[\d+\])?\s*:\s*)+", re.IGNORECASE)


class Found(NamedTuple):
    """What the store knows that may be the contact's case."""

    by_token: Case | None = None
    by_reference: Sequence[Case] = ()  # nearest reference first, whoever's they are
    by_report: Case | None = None
    of_customer: Sequence[Case] = ()  # open ones and those closed lately, latest first


class Joined(NamedTuple):
    """The case to join (None: open a new one) and the steps that led there."""

    case: Case | None
    trace: tuple[Step, ...]


def join(contact: Contact, customer_id: str, found: Found, at: datetime) -> Joined:
    """Choose the case. A reference to a case of somebody else never joins it, nor does a forged sender's.

    Our own tag does: whoever has it was written to by us, or was given the letter by whom we wrote to.
    """
    steps: list[Step] = []
    for code, case in _candidates(contact, customer_id, found, steps):
        within = TALK_RESUMES_WITHIN if code == "joined_conversation" else REOPEN_WITHIN
        if not case.open and case.closed_at and at - case.closed_at > within:
            steps.append(Step(code="closed_long_ago", matched=False, details={"case": case.id}))
            continue
        steps.append(Step(code=code, details={"case": case.id}))
        return Joined(case, tuple(steps))
    return Joined(None, tuple(steps))


def _candidates(
    contact: Contact, customer_id: str, found: Found, steps: list[Step]
) -> list[tuple[str, Case]]:
    candidates: list[tuple[str, Case]] = []
    if found.by_token:
        candidates.append(("joined_by_token", found.by_token))
    if found.by_report:
        candidates.append(("joined_by_report", found.by_report))
    for case in found.by_reference:
        if contact.trust == "forged":
            steps.append(Step(code="forged_reference", matched=False, details={"case": case.id}))
        elif case.customer_id == customer_id:
            candidates.append(("joined_by_reference", case))
        else:
            steps.append(Step(code="reference_of_stranger", matched=False, details={"case": case.id}))
    if contact.channel in CONVERSATIONS:
        talks = [case for case in found.of_customer if case.channel == contact.channel]
        candidates += [("joined_conversation", case) for case in talks]
    elif is_past(contact):
        return candidates  # what is open now is not about it
    elif is_of_exchange(contact):
        candidates += [("joined_callback", case) for case in _callbacks(contact, found.of_customer)]
    elif contact.trust != "forged" and _ANSWER_PREFIX.match(contact.subject):
        bare = bare_subject(contact.subject)
        same = [
            case for case in found.of_customer if case.open and bare and bare_subject(case.subject) == bare
        ]
        candidates += [("joined_by_subject", case) for case in same]
    return candidates


def may_join_without_reference(contact: Contact) -> bool:
    """Whether the customer's other cases matter: only then are they read."""
    talks = contact.channel in CONVERSATIONS or is_of_exchange(contact)
    return talks or _ANSWER_PREFIX.match(contact.subject) is not None


def is_of_exchange(contact: Contact) -> bool:
    """A call as an exchange tells it, whoever called whom."""
    return contact.channel == "phone" and "outcome" in contact.fields


def _callbacks(call: Contact, of_customer: Sequence[Case]) -> list[Case]:
    """Open cases that the call is about: he calls again, or somebody calls him back."""
    going_on = [case for case in of_customer if case.open]
    waiting = [case for case in going_on if case.channel == "phone" and case.waiting_since]
    if call.direction == "outbound":
        mine = [case for case in going_on if call.employee_id and case.assignee_id == call.employee_id]
        return [*(case for case in mine if case in waiting), *waiting, *mine, *going_on]
    if call.fields["outcome"] == "answered":
        # Who takes the call deals with it, unless a colleague has the case in hand already.
        return [case for case in waiting if case.state != "assigned" or case.assignee_id == call.employee_id]
    return waiting


def of_other_address(contact: Contact) -> Contact:
    """The contact of somebody who joins a case by our tag, from an address that is not its customer's.

    Whoever he is, nothing proves him to be that customer. A report says nothing of him.
    """
    if contact.direction != "inbound" or contact.automatic or contact.report:
        return contact
    fields = {**contact.fields, "trust_because": "other_address"}
    return msgspec.structs.replace(
        contact, trust=contact.trust if contact.trust == "forged" else "unproven", fields=fields
    )


def bare_subject(subject: str) -> str:
    """The subject without `Re:`, `Fwd:`, «Отв:» and the like, for comparing."""
    return " ".join(_ANSWER_PREFIX.sub("", subject).split()).casefold()

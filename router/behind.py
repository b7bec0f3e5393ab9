"""Behind each number of the board stand cases: which they are."""

from __future__ import annotations

from typing import Literal, NamedTuple

from crm.case import Case
from crm.collections import CASES, CONTACTS
from crm.record import Clock
from crm.store import Order, Store, Where, at_least, equals
from router.metrics import LAST_HOUR, find_first_answered

What = Literal["waiting", "offered", "in_work", "open", "held", "received", "sent", "answered"]

STATES = {"waiting": "queued", "offered": "reserved", "in_work": "assigned"}
LOOKED_AT = 5_000
"""Contacts of the last hour that are looked through for their cases."""


class Number(NamedTuple):
    """A number of the board: what it counts, and of which department, employee or channel (empty: all)."""

    what: What
    department_id: str = ""
    employee_id: str = ""
    channel: str = ""


class CasesBehind(NamedTuple):
    """The cases, the first ones of many; `more` tells that there are others."""

    cases: list[Case]
    more: bool


async def find_cases_behind(store: Store, number: Number, *, clock: Clock, limit: int = 200) -> CasesBehind:
    """The cases that the number counts now; of contacts, the cases they belong to."""
    match number.what:
        case "received" | "sent":
            cases = await _with_contacts(store, number, clock)
        case "answered":
            since = clock() - LAST_HOUR
            answered = await find_first_answered(store, since=since)
            cases = [case for case in answered if number.channel in ("", case.channel)]
        case _:
            cases = await _now(store, number, limit + 1)
    return CasesBehind(cases[:limit], len(cases) > limit)


async def _now(store: Store, number: Number, limit: int) -> list[Case]:
    """Cases as they are now: what waits, in the order of its turn, else what moved last first."""
    where: list[Where] = []
    if number.department_id:
        where.append(equals("department_id", number.department_id))
    if number.employee_id:
        where.append(equals("assignee_id", number.employee_id))
    state = STATES.get(number.what)
    if state:
        return await store.find(CASES, equals("state", state), *where, order=Order("turn_at"), limit=limit)
    latest = Order("updated_at", descending=True)
    return await store.find(CASES, equals("open", True), *where, order=latest, limit=limit)


async def _with_contacts(store: Store, number: Number, clock: Clock) -> list[Case]:
    direction = "inbound" if number.what == "received" else "outbound"
    hour = at_least("received_at", clock() - LAST_HOUR)
    channel = [equals("channel", number.channel)] if number.channel else []
    latest = Order("received_at", descending=True)
    contacts = await store.find(CONTACTS, hour, *channel, order=latest, limit=LOOKED_AT)
    ids = dict.fromkeys(contact.case_id for contact in contacts if contact.direction == direction)
    cases = await store.get_many(CASES, ids)
    return [cases[id_] for id_ in ids if id_ in cases]

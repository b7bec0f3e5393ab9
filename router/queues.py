"""Where a case stands in its queue, and how long it will wait if the last hour is any guide."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from crm.case import Assigned, Case
from crm.collections import CASES, EMPLOYEES, ENTRIES
from crm.record import Clock
from crm.store import Order, Store, at_least, equals, less_than, one_of

WINDOW = timedelta(hours=1)
FEWEST = 3
"""Hand-overs in the window from which a pace may be read; fewer tell nothing."""

LOOKED_AT = 500
"""Latest entries of a department's people that are read: more would not tell the pace better."""


class Place(NamedTuple):
    """`position` 1 is next. `wait_seconds` is None when too little happened lately to say."""

    position: int
    wait_seconds: int | None


async def place_in_queue(store: Store, case: Case, *, clock: Clock) -> Place | None:
    """Where the case stands among those that wait in its department; None when it waits in no queue.

    The wait is the position times the mean gap between hand-overs (a case coming into somebody's hands) in
    the department since the first one of the last hour: (now - first) / (hand-overs - 1).
    """
    if case.state != "queued":
        return None
    position = await position_in_queue(store, case)
    gap = await mean_gap(store, case.department_id, clock=clock)
    return Place(position, None if gap is None else round(position * gap.total_seconds()))


async def mean_gap(store: Store, department_id: str, *, clock: Clock) -> timedelta | None:
    """The mean time between hand-overs of a department in the last hour; None for fewer than `FEWEST`."""
    now = clock()
    entries = await store.find(
        ENTRIES,
        one_of("employee_id", await _who_hand_over(store, department_id)),
        at_least("at", now - WINDOW),
        order=Order("at", descending=True),
        limit=LOOKED_AT,
    )
    taken = [
        entry
        for entry in entries
        if isinstance(entry, Assigned) and entry.how in ("accepted", "took", "given")
    ]
    cases = await store.get_many(CASES, {entry.case_id for entry in taken})
    ours = [
        entry.at
        for entry in taken
        if entry.case_id in cases and cases[entry.case_id].department_id == department_id
    ]
    if len(ours) < FEWEST:
        return None
    return (now - ours[-1]) / (len(ours) - 1)


async def position_in_queue(store: Store, case: Case) -> int:
    """How many turns it is until the case's own, which counts: 1 is next. It must wait in a queue."""
    queue = (equals("state", "queued"), equals("department_id", case.department_id))
    ahead = await store.aggregate(CASES, *queue, less_than("turn_at", case.turn_at))
    same = await store.find(CASES, *queue, equals("turn_at", case.turn_at), limit=LOOKED_AT)
    return 1 + sum(group.records for group in ahead) + sum(other.id < case.id for other in same)


async def _who_hand_over(store: Store, department_id: str) -> list[str]:
    """The department's people, and whoever may give its cases to somebody."""
    employees = await store.find(EMPLOYEES, limit=10_000)
    return [
        employee.id
        for employee in employees
        if department_id in employee.department_ids or employee.role != "agent"
    ]

"""The supervisor's numbers: who waits, for how long, who works on what, and what the last hour brought."""

from __future__ import annotations

import asyncio
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from crm.case import HEAD_START, Case
from crm.collections import CASES, CONTACTS, DEPARTMENTS, EMPLOYEES
from crm.employee import Department, Employee, Role
from crm.record import Clock
from crm.store import After, Order, Store, at_least, equals, one_of
from router.live import Live, Presence, Status

LAST_HOUR = timedelta(hours=1)
PAGE = 200
EVER = datetime(1970, 1, 1, tzinfo=UTC)

# The turn of a case is at most this much later than its coming into the queue.
_LATEST_TURN = -min(HEAD_START.values())


class DepartmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One department now.

    `waiting` cases lie in its queue and nobody holds them; `offered` are reserved for an agent who has not
    accepted yet; `in_work` are in somebody's hands; `open` is the sum. `longest_wait` is seconds since the
    oldest of the waiting came into the queue, and `longest_case_id` is that case.
    """

    department_id: str
    names: dict[str, str]
    waiting: int = 0
    offered: int = 0
    in_work: int = 0
    longest_wait: float | None = None
    longest_case_id: str = ""
    agents_ready: int = 0

    @property
    def open(self) -> int:
        return self.waiting + self.offered + self.in_work


class AgentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One employee now.

    `load` is what dispatch counts against his `capacity`: cases reserved for him and cases in his hands
    whose customer waits for us. `open` is every open case in his hands or reserved for him.
    """

    employee_id: str
    name: str
    role: Role
    department_ids: tuple[str, ...]
    status: Status
    since: datetime | None
    load: int
    capacity: int
    open: int


class AnswerTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long customers waited for their first answer, in seconds, over `answered` cases.

    A case counts when its first answer was stored in the last hour; its time is first answer - opening, by
    the wall clock, closed hours included. `average` is the sum of times / answered (the formula of ASA).
    `median` is the middle one, or the mean of the two in the middle; `p90` is the nearest rank: the
    ceil(0.9 n)-th of n times in order.
    """

    answered: int = 0
    average: float | None = None
    median: float | None = None
    p90: float | None = None


class ChannelLine(msgspec.Struct, frozen=True, kw_only=True):
    """One channel in the last hour: contacts in and out, and first answers to cases that began on it."""

    channel: str
    received: int = 0
    sent: int = 0
    answers: AnswerTimes = AnswerTimes()


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the supervisor's wall, as of `at`; "the last hour" is the 60 minutes before."""

    at: datetime
    departments: tuple[DepartmentLine, ...]
    agents: tuple[AgentLine, ...]
    channels: tuple[ChannelLine, ...]
    answers: AnswerTimes

    @property
    def waiting(self) -> int:
        return sum(line.waiting for line in self.departments)

    @property
    def offered(self) -> int:
        return sum(line.offered for line in self.departments)

    @property
    def in_work(self) -> int:
        return sum(line.in_work for line in self.departments)

    @property
    def open(self) -> int:
        return sum(line.open for line in self.departments)

    @property
    def longest(self) -> DepartmentLine | None:
        """The department in whose queue the oldest case of all waits."""
        return max(
            (line for line in self.departments if line.longest_wait is not None),
            key=lambda line: line.longest_wait or 0,
            default=None,
        )


async def read_board(store: Store, live: Live, clock: Clock) -> Board:
    """The numbers as they are now, read from the store and from who is present."""
    at = clock()
    departments, employees, present, answered, channels = await asyncio.gather(
        store.find(DEPARTMENTS, limit=10_000),
        store.find(EMPLOYEES, order=Order("name"), limit=10_000),
        live.present(),
        find_first_answered(store, since=at - LAST_HOUR),
        _count_contacts(store, since=at - LAST_HOUR),
    )
    working = [employee for employee in employees if employee.active]
    return Board(
        at=at,
        departments=tuple(await _departments(store, departments, working, present=present, at=at)),
        agents=tuple(await _agents(store, working, present)),
        channels=tuple(_channels(channels, answered)),
        answers=answer_times(answered),
    )


def answer_times(cases: Iterable[Case]) -> AnswerTimes:
    """Times to the first answer of these cases; those without one are left out."""
    times = sorted(
        (case.first_answered_at - case.opened_at).total_seconds() for case in cases if case.first_answered_at
    )
    if not times:
        return AnswerTimes()
    return AnswerTimes(
        answered=len(times),
        average=statistics.fmean(times),
        median=statistics.median(times),
        p90=nearest_rank(times, 0.9),
    )


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ordered values such that at least this share of them is no larger."""
    # The rounding keeps 0.9 * 10 at 9, whatever binary fractions make of it.
    return ordered[max(math.ceil(round(share * len(ordered), 9)), 1) - 1]


async def find_longest_waiting(store: Store, department_id: str) -> Case | None:
    """The case that came into the department's queue first among those that wait there now.

    The queue lies in the order of turns, in which urgent cases stand before older ones, so the walk goes on
    until nothing older can follow.
    """
    oldest: Case | None = None
    after: After | None = None
    while True:
        page = await store.find(
            CASES,
            equals("state", "queued"),
            equals("department_id", department_id),
            order=Order("turn_at"),
            limit=PAGE,
            after=after,
        )
        for case in page:
            if oldest and case.turn_at > oldest.queued_at + _LATEST_TURN:
                return oldest
            if oldest is None or case.queued_at < oldest.queued_at:
                oldest = case
        if len(page) < PAGE:
            return oldest
        after = After(page[-1].turn_at, page[-1].id)


async def _departments(
    store: Store,
    departments: Sequence[Department],
    employees: Sequence[Employee],
    *,
    present: dict[str, Presence],
    at: datetime,
) -> list[DepartmentLine]:
    groups = await store.aggregate(
        CASES, one_of("state", ("queued", "reserved", "assigned")), by=("department_id", "state")
    )
    counts = {(str(group.key[0]), str(group.key[1])): group.records for group in groups}
    lines = []
    for department in departments:
        held = {state: counts.get((department.id, state), 0) for state in ("queued", "reserved", "assigned")}
        if not department.active and not any(held.values()):
            continue
        oldest = await find_longest_waiting(store, department.id) if held["queued"] else None
        lines.append(
            DepartmentLine(
                department_id=department.id,
                names=department.names,
                waiting=held["queued"],
                offered=held["reserved"],
                in_work=held["assigned"],
                longest_wait=(at - oldest.queued_at).total_seconds() if oldest else None,
                longest_case_id=oldest.id if oldest else "",
                agents_ready=sum(
                    department.id in employee.department_ids
                    and employee.id in present
                    and present[employee.id].status == "ready"
                    for employee in employees
                ),
            )
        )
    return sorted(lines, key=lambda line: (-(line.longest_wait or 0), -line.waiting, line.department_id))


async def _agents(
    store: Store, employees: Sequence[Employee], present: dict[str, Presence]
) -> list[AgentLine]:
    """Agents, and whoever else is present or holds a case; those at work first."""
    open_cases, waiting = await asyncio.gather(
        store.aggregate(CASES, equals("open", True), by=("assignee_id", "state")),
        store.aggregate(
            CASES, equals("open", True), at_least("waiting_since", EVER), by=("assignee_id", "state")
        ),
    )
    held: Counter[str] = Counter()
    load: Counter[str] = Counter()
    for group in open_cases:
        held[str(group.key[0])] += group.records
        load[str(group.key[0])] += group.records if group.key[1] == "reserved" else 0
    for group in waiting:
        load[str(group.key[0])] += group.records if group.key[1] == "assigned" else 0
    lines = [
        AgentLine(
            employee_id=employee.id,
            name=employee.name,
            role=employee.role,
            department_ids=employee.department_ids,
            status=present[employee.id].status if employee.id in present else "offline",
            since=present[employee.id].since if employee.id in present else None,
            load=load[employee.id],
            capacity=employee.capacity,
            open=held[employee.id],
        )
        for employee in employees
        if employee.role == "agent" or employee.id in present or held[employee.id]
    ]
    ranks: dict[Status, int] = {"ready": 0, "away": 1, "offline": 2}
    return sorted(lines, key=lambda line: (ranks[line.status], -line.load, line.name))


async def _count_contacts(store: Store, *, since: datetime) -> Counter[tuple[str, str]]:
    """How many contacts were stored since then, by channel and direction."""
    groups = await store.aggregate(CONTACTS, at_least("received_at", since), by=("channel", "direction"))
    return Counter({(str(group.key[0]), str(group.key[1])): group.records for group in groups})


async def find_first_answered(store: Store, *, since: datetime) -> list[Case]:
    """Cases whose first answer was stored since then, found by the answers themselves."""
    answered: set[str] = set()
    after: After | None = None
    while True:
        page = await store.find(
            CONTACTS,
            equals("direction", "outbound"),
            at_least("received_at", since),
            order=Order("received_at"),
            limit=PAGE,
            after=after,
        )
        answered.update(contact.case_id for contact in page)
        if len(page) < PAGE:
            break
        after = After(page[-1].received_at, page[-1].id)
    cases = await store.get_many(CASES, answered)
    return [case for case in cases.values() if case.first_answered_at and case.first_answered_at >= since]


def _channels(counts: Counter[tuple[str, str]], answered: Sequence[Case]) -> list[ChannelLine]:
    names = {channel for channel, _ in counts} | {case.channel for case in answered}
    lines = [
        ChannelLine(
            channel=channel,
            received=counts[channel, "inbound"],
            sent=counts[channel, "outbound"],
            answers=answer_times(case for case in answered if case.channel == channel),
        )
        for channel in names
    ]
    return sorted(lines, key=lambda line: (-line.received, line.channel))

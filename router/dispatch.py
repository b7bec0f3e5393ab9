"""Dispatch: a case that waits is reserved for the least loaded agent who is present and has room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from crm.case import Assigned, Case, Step
from crm.collections import CASES, EMPLOYEES, ENTRIES
from crm.employee import Employee
from crm.errors import Conflict, OnewindowError
from crm.record import Clock, NewId
from crm.store import After, Insert, Order, Replace, Store, Where, equals
from router.acts import How, back_to_queue
from router.live import Event, Live, Presence
from router.plan import case_event
from router.rests import Rests

log = logging.getLogger("onewindow.router")

LOOKED_AT = 200
"""Waiting cases of a department that one round looks at, in the order of their turns."""

MOST_RESERVED = 10_000
"""Reservations looked at in a round: there are at most as many as agents have room for cases."""

ASKED_AGAIN = timedelta(minutes=5)
"""After everybody who could take a case passed it over: somebody must take it, but nobody is pressed."""

IDLE = 5.0
"""Seconds after which a round is made though nothing was heard."""

BREATH = 0.05
"""Seconds between rounds at least: under load many changes are seen to in one round."""


class Candidate(NamedTuple):
    """An agent who could get a case: his load is the open cases in his hands that wait for us."""

    employee: Employee
    load: int
    ready_since: datetime

    @property
    def has_room(self) -> bool:
        return self.load < self.employee.capacity


class Choice(NamedTuple):
    """The agent for a case, if there is one, and why."""

    employee: Employee | None
    step: Step


def choose(case: Case, candidates: Sequence[Candidate]) -> Choice:
    """The least loaded agent of the department with room, who has been ready longest among equals.

    Pure: this is the one place to change for skills, languages or the agent the customer knows.
    """
    serving = [one for one in candidates if case.department_id in one.employee.department_ids]
    fit = [one for one in serving if one.has_room and one.employee.id not in case.passed_by]
    if not fit:
        details = {"present": str(len(serving)), "passed": str(len(case.passed_by))}
        return Choice(None, Step(code="no_agent_free", matched=False, details=details))
    best = min(fit, key=lambda one: (one.load, one.ready_since, one.employee.id))
    details = {"load": str(best.load), "capacity": str(best.employee.capacity), "candidates": str(len(fit))}
    return Choice(best.employee, Step(code="least_loaded", details=details))


class Dispatch:
    """Reserves cases for agents, takes back what nobody accepted, and what lies with somebody who left.

    `accept_within` is how long a reservation holds; `absent_after` how long a customer may wait for an
    agent who is not here.
    """

    def __init__(
        self,
        store: Store,
        live: Live,
        *,
        clock: Clock,
        new_id: NewId,
        accept_within: timedelta = timedelta(seconds=45),
        absent_after: timedelta = timedelta(hours=4),
    ) -> None:
        self._store = store
        self._live = live
        self._clock = clock
        self._new_id = new_id
        self._accept_within = accept_within
        self._absent_after = absent_after
        self._wake = asyncio.Event()
        self._rests = Rests()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Cases are handed out while the context is open."""
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen(), name="dispatch: listening")
            handing = tasks.create_task(self._hand_out_forever(), name="dispatch: handing out")
            yield
            listening.cancel()
            handing.cancel()

    async def _listen(self) -> None:
        while True:
            async with self._live.subscribe(wants=_moves_a_queue) as events:
                async for event in events:
                    self._notice(event)
                    self._wake.set()
            self._wake.set()

    def _notice(self, event: Event) -> None:
        """An agent who takes a case or changes his status is there again."""
        if event.kind == "presence" or event.data.get("why") in ("accepted", "took", "answered"):
            self._rests.is_back(event.employee_id)

    async def _hand_out_forever(self) -> None:
        while True:
            pause = IDLE
            try:
                pause = await self.round()
            except OnewindowError as error:
                log.warning("dispatch waits: %s", type(error).__name__)
            await asyncio.sleep(BREATH)
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    async def round(self) -> float:
        """Take back what ran out, hand out what waits; seconds until there is something to do again."""
        now = self._clock()
        present = await self._live.present()
        await self._take_back_absent(now, set(present))
        soonest = await self._take_back_reserved(now, set(present))
        ready = [id_ for id_, presence in present.items() if presence.status == "ready"]
        employees = await self._store.get_many(EMPLOYEES, ready)
        # Supervisors and administrators take what they choose; only agents are handed work.
        agents = [one for one in employees.values() if one.active and one.role == "agent"]
        await self._reserve_waiting([one for one in agents if not self._rests.rests(one.id, now)], present)
        return max(BREATH, min(IDLE, soonest))

    async def _take_back_reserved(self, now: datetime, present: set[str]) -> float:
        """Reservations that ran out, or whose agent is gone, wait again."""
        soonest = IDLE
        for case in await self._store.find(CASES, equals("state", "reserved"), limit=MOST_RESERVED):
            left = ((case.reserved_until or now) - now).total_seconds()
            if left > 0 and case.assignee_id in present:
                soonest = min(soonest, left)
                continue
            # Only one who let it run out in front of his eyes is passed over the next time.
            passed_by = case.assignee_id if case.assignee_id in present else ""
            if passed_by:
                self._rests.missed(passed_by, now)
            await self._move(
                case, back_to_queue(case, now, passed_by=passed_by), "expired", Step(code="expired")
            )
        return soonest

    async def _take_back_absent(self, now: datetime, present: set[str]) -> None:
        """Cases whose customer waits for somebody who is not here go back to the queue."""
        after: After | None = None
        while True:
            waiting = await self._store.find(
                CASES,
                equals("open", True),
                equals("state", "assigned"),
                Where("waiting_since", "<=", now - self._absent_after),
                order=Order("waiting_since"),
                limit=LOOKED_AT,
                after=after,
            )
            for case in waiting:
                if case.assignee_id not in present:
                    step = Step(code="holder_absent")
                    await self._move(case, back_to_queue(case, now), "released", step)
            if len(waiting) < LOOKED_AT:
                return
            after = After(waiting[-1].waiting_since, waiting[-1].id)

    async def _reserve_waiting(self, employees: Sequence[Employee], present: Mapping[str, Presence]) -> None:
        """Hand out in the order of turns, whatever the department: else one would starve behind another."""
        departments = {id_ for employee in employees for id_ in employee.department_ids}
        queued = [case for department in departments for case in await self._queue_of(department)]
        if not queued:
            return
        candidates = {
            one.id: Candidate(one, await self._load(one.id), present[one.id].since) for one in employees
        }
        for case in sorted(queued, key=lambda case: (case.turn_at, case.id)):
            if not any(one.has_room for one in candidates.values()):
                return
            await self._reserve(case, candidates)

    async def _queue_of(self, department_id: str) -> list[Case]:
        return await self._store.find(
            CASES,
            equals("state", "queued"),
            equals("department_id", department_id),
            order=Order("turn_at"),
            limit=LOOKED_AT,
        )

    async def _reserve(self, case: Case, candidates: dict[str, Candidate]) -> None:
        now = self._clock()
        choice = choose(case, list(candidates.values()))
        again: tuple[Step, ...] = ()
        if choice.employee is None and case.passed_by and _all_passed(case, candidates.values()):
            if case.passed_at and now - case.passed_at < ASKED_AGAIN:
                return
            forgiven = msgspec.structs.replace(case, passed_by=())
            choice = choose(forgiven, list(candidates.values()))
            again = (Step(code="asked_again", details={"passed": str(len(case.passed_by))}),)
        if choice.employee is None:
            return
        agent = choice.employee
        reserved = msgspec.structs.replace(
            case,
            state="reserved",
            assignee_id=agent.id,
            reserved_until=now + self._accept_within,
            updated_at=now,
            trace=(*case.trace, *again, choice.step)[-60:],
        )
        if await self._move(case, reserved, "reserved", *again, choice.step):
            held = candidates[agent.id]
            candidates[agent.id] = held._replace(load=held.load + 1)

    async def _load(self, employee_id: str) -> int:
        cases = await self._store.find(
            CASES, equals("assignee_id", employee_id), equals("open", True), limit=1000
        )
        return sum(case.state == "reserved" or case.waiting_since is not None for case in cases)

    async def _move(self, before: Case, after: Case, how: How, *steps: Step) -> bool:
        """Commit the case and its entry; False when somebody was faster."""
        entry = Assigned(
            id=self._new_id(),
            at=self._clock(),
            case_id=after.id,
            customer_id=after.customer_id,
            assignee_id=after.assignee_id or before.assignee_id,
            how=how,
            trace=steps,
        )
        try:
            await self._store.commit([Replace(CASES, after), Insert(ENTRIES, entry)])
        except Conflict:
            return False
        await self._live.publish([case_event(after, after.updated_at, how)])
        return True


def _all_passed(case: Case, candidates: Iterable[Candidate]) -> bool:
    """Everybody with room passed it over: then they are asked again, since somebody must take it.

    Those without room do not count: they may never have any.
    """
    serving = (
        one for one in candidates if one.has_room and case.department_id in one.employee.department_ids
    )
    return all(one.employee.id in case.passed_by for one in serving)


def _moves_a_queue(event: Event) -> bool:
    return event.kind in ("case", "presence")

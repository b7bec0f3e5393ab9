"""Where a visitor stands: in the queue, with an agent, or before a closed door."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import NamedTuple

from channels.chat.protocol import Agent, Hours, Queue
from crm.case import Case
from crm.collections import CASES, DEPARTMENTS, EMPLOYEES
from crm.record import Clock
from crm.store import Store
from router.hours import is_open, opens_next
from router.live import Live
from router.queues import mean_gap, position_in_queue

GAP_HOLDS = 20.0
"""Seconds for which a department's pace is believed without reading it again."""


class Standing(NamedTuple):
    """What a visitor was told about his case last."""

    agent: Agent | None = None
    queue: Queue | None = None
    closed: bool = False
    employee_id: str = ""


NOWHERE = Standing()


class Standings:
    """Finds out where visitors stand."""

    def __init__(self, store: Store, live: Live, clock: Clock, *, department_id: str) -> None:
        self._store = store
        self._live = live
        self._clock = clock
        self._department_id = department_id
        self._gaps: dict[str, tuple[float, timedelta | None]] = {}  # by department: when read, and what

    async def in_case(self, case_id: str) -> Standing:
        """As of now."""
        return await self.of(await self._store.get(CASES, case_id) if case_id else None)

    async def of(self, case: Case | None) -> Standing:
        """As the case stands."""
        if case is None:
            return NOWHERE
        if not case.open:
            return Standing(closed=True)
        if case.state == "assigned":
            return await self._with_agent(case.assignee_id)
        if case.state == "reserved":
            return Standing(queue=Queue(position=1))  # an agent has it before him
        position = await position_in_queue(self._store, case)
        gap = await self._gap(case.department_id)
        return Standing(queue=Queue(position=position, wait_seconds=_seconds(position, gap)))

    async def hours(self) -> Hours:
        """Whether anybody answers the chat now."""
        department = await self._store.get(DEPARTMENTS, self._department_id) if self._department_id else None
        moment = self._clock()
        if department is None or is_open(department, moment):
            return Hours(open=True)
        return Hours(open=False, opens_at=opens_next(department, moment))

    async def _gap(self, department_id: str) -> timedelta | None:
        """The department's pace: the same for all who wait there, and much to read."""
        moment = asyncio.get_running_loop().time()
        read_at, gap = self._gaps.get(department_id, (float("-inf"), None))
        if moment - read_at > GAP_HOLDS:
            gap = await mean_gap(self._store, department_id, clock=self._clock)
            self._gaps[department_id] = (moment, gap)
        return gap

    async def _with_agent(self, employee_id: str) -> Standing:
        employee = await self._store.get(EMPLOYEES, employee_id)
        presence = (await self._live.present()).get(employee_id)
        there = presence is not None and presence.status == "ready"
        agent = Agent(name=employee.name if employee else "", present=there)
        return Standing(agent=agent, employee_id=employee_id)


def _seconds(position: int, gap: timedelta | None) -> int | None:
    return None if gap is None else round(position * gap.total_seconds())

"""Where a visitor stands: in the queue, with an agent, or before a closed door."""

from __future__ import annotations

from typing import NamedTuple

from channels.chat.protocol import Agent, Hours, Queue
from crm.case import Case
from crm.collections import CASES, DEPARTMENTS, EMPLOYEES
from crm.record import Clock
from crm.store import Store
from router.hours import is_open, opens_next
from router.live import Live
from router.queues import place_in_queue


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
        place = await place_in_queue(self._store, case, clock=self._clock)
        if place is None:
            return Standing(queue=Queue(position=1))  # an agent has it before him
        return Standing(queue=Queue(position=place.position, wait_seconds=place.wait_seconds))

    async def hours(self) -> Hours:
        """Whether anybody answers the chat now."""
        department = await self._store.get(DEPARTMENTS, self._department_id) if self._department_id else None
        moment = self._clock()
        if department is None or is_open(department, moment):
            return Hours(open=True)
        return Hours(open=False, opens_at=opens_next(department, moment))

    async def _with_agent(self, employee_id: str) -> Standing:
        employee = await self._store.get(EMPLOYEES, employee_id)
        present = employee_id in await self._live.present()
        agent = Agent(name=employee.name if employee else "", present=present)
        return Standing(agent=agent, employee_id=employee_id)

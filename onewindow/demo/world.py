"""The world the past is lived in: the product's own walk and casework, on virtual time and in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec

from crm.case import Assigned, Case, Step
from crm.collections import (
    ADDRESSES,
    CASES,
    CONTACTS,
    CUSTOMERS,
    DEPARTMENTS,
    EMPLOYEES,
    ENTRIES,
    SUBSCRIPTIONS,
)
from crm.contact import Arrival, Contact, Delivery, Receipt
from crm.employee import Department, Employee
from crm.store import Insert, Replace, Write, equals
from onewindow.demo.clockwork import Clockwork
from onewindow.demo.memory import MemoryStore
from onewindow.demo.person import Known
from onewindow.demo.speech import Speech
from onewindow.demo.telecom import MAILBOX, ZONE
from router.casework import Casework
from router.dispatch import Candidate, choose
from router.hours import is_open, opens_next
from router.rules import RuleBook
from router.walk import Walk
from storage.live import MemoryLive

CHANNELS = ("email", "chat", "telegram", "phone", "visit", "letter", "fax")
ACCEPT_WITHIN = timedelta(seconds=45)


class World:
    """Everything that stories act on. `random` decides whatever is left to chance."""

    def __init__(
        self, book: RuleBook, staff: Sequence[Employee], departments: Sequence[Department], *, seed: int
    ) -> None:
        self.random = Random(seed)  # noqa: S311 - a story, not a secret
        self.speech = Speech(self.random)
        self.store = MemoryStore()
        self.clock = Clockwork(datetime.min.replace(tzinfo=UTC))
        self._zone = ZoneInfo(ZONE)
        self.departments = {department.id: department for department in departments}
        self.staff = {employee.id: employee for employee in staff}
        known = frozenset(self.departments)
        self._walk = Walk(self.store, book, lambda: known, clock=self.clock, new_id=self.new_id)
        self.work = Casework(
            self.store,
            MemoryLive(self.clock),
            clock=self.clock,
            new_id=self.new_id,
            keys={channel: _key_of_mail if channel == "email" else str for channel in CHANNELS},
        )

    def new_id(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    async def move_in(self, people: Sequence[Known]) -> None:
        """The operator and its customers come into being."""
        writes: list[Write] = [Insert(DEPARTMENTS, one) for one in self.departments.values()]
        writes += [Insert(EMPLOYEES, one) for one in self.staff.values()]
        for known in people:
            writes.append(Insert(CUSTOMERS, known.customer))
            writes += [Insert(ADDRESSES, address) for address in known.addresses]
            writes += [Insert(SUBSCRIPTIONS, held) for held in known.subscriptions]
        await self.store.commit(writes)

    async def receive(self, arrival: Arrival) -> Receipt:
        """A contact comes in and is routed as any other."""
        plan, receipts = await self._walk.plan([arrival])
        await self.store.commit(plan.writes(), plan.blobs)
        return receipts[0]

    async def bury(self, arrival: Arrival, reason: str) -> None:
        """A contact that routing could not handle."""
        plan, _ = await self._walk.bury(arrival, reason)
        await self.store.commit(plan.writes(), plan.blobs)

    async def case(self, case_id: str) -> Case:
        case = await self.store.get(CASES, case_id)
        if case is None:
            raise LookupError(case_id)
        return case

    async def hand_out(self, case_id: str) -> Employee:
        """The case comes into an agent's hands: offered to one on duty and accepted."""
        case = await self.case(case_id)
        agent = await self._offer(case)
        if agent:
            self.clock.pass_time(self.random.randint(3, 38))
            await self.work.accept(case_id, agent)
            return agent
        busy = self.random.choice(self.agents_of(case.department_id))
        await self.work.take(case_id, busy)
        return busy

    async def give(self, case_id: str, login: str) -> Employee:
        """The case comes into these hands; a supervisor gives what is another department's."""
        case, agent = await self.case(case_id), self.staff[login]
        if case.department_id in agent.department_ids:
            await self.work.take(case_id, agent)
        else:
            await self.work.give(case_id, self.staff["supervisor"], agent)
        return agent

    def agents_of(self, department_id: str) -> list[Employee]:
        return [
            one for one in self.staff.values() if one.role == "agent" and department_id in one.department_ids
        ]

    async def _offer(self, case: Case) -> Employee | None:
        """What dispatch does, with those on duty as its candidates."""
        agents = self.agents_of(case.department_id)
        on_duty = self.random.sample(agents, max(1, len(agents) - self.random.randint(0, 1)))
        candidates = []
        for agent in on_duty:
            mine = (equals("assignee_id", agent.id), equals("open", True))
            waiting = [one for one in await self.store.find(CASES, *mine) if one.waiting_since]
            candidates.append(Candidate(agent, len(waiting), self.clock() - timedelta(hours=2)))
        choice = choose(case, candidates)
        if choice.employee:
            await self._reserve(case, choice.employee, choice.step)
        return choice.employee

    async def _reserve(self, case: Case, agent: Employee, step: Step) -> None:
        now = self.clock()
        reserved = msgspec.structs.replace(
            case,
            state="reserved",
            assignee_id=agent.id,
            reserved_until=now + ACCEPT_WITHIN,
            updated_at=now,
            trace=(*case.trace, step),
        )
        entry = Assigned(
            id=self.new_id(),
            at=now,
            case_id=case.id,
            customer_id=case.customer_id,
            assignee_id=agent.id,
            how="reserved",
            trace=(step,),
        )
        await self.store.commit([Replace(CASES, reserved), Insert(ENTRIES, entry)])

    async def settle(self, contact: Contact, delivery: Delivery, *, duration: int = 0) -> Contact:
        """What became of an answer."""
        stored = (await self.store.get_many(CONTACTS, [contact.id]))[contact.id]
        settled = msgspec.structs.replace(
            stored,
            delivery=delivery,
            tries=1 if delivery else 0,
            next_try_at=None,
            duration=duration,
        )
        await self.store.commit([Replace(CONTACTS, settled)])
        return settled

    def hour(self, at: datetime) -> int:
        """The hour that the clocks of the town show."""
        return at.astimezone(self._zone).hour

    def opening(self, department_id: str, at: datetime) -> datetime:
        """The first moment from then on at which the department answers, and somebody has had his tea."""
        department = self.departments[department_id]
        if is_open(department, at):
            return at
        opens = opens_next(department, at) or at
        return opens + timedelta(minutes=self.random.randint(2, 55), seconds=self.random.randint(0, 59))


def _key_of_mail(new_id: str) -> str:
    return f"{new_id}@{MAILBOX.partition('@')[2]}"

"""A scene: one customer, one matter, and whoever answers; stories are told in its verbs."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from crm.case import Case
from crm.contact import Arrival, Contact, Delivery
from crm.employee import Employee
from onewindow.demo.clockwork import Pause
from onewindow.demo.doors import Doors, Matter
from onewindow.demo.letters import File
from onewindow.demo.person import Known, Person
from onewindow.demo.props import card_of, chances_of
from onewindow.demo.wording import KINDS, SPOKEN, TYPED, Channel, Wording
from onewindow.demo.world import World

DELIVERED: dict[Channel, Delivery] = {
    "email": "sent",
    "chat": "delivered",
    "telegram": "delivered",
    "phone": "",
    "letter": "sent",
    "fax": "sent",
}
UP, ASLEEP = 8, 23
"""Hours of the local clock between which people write."""


class Span(NamedTuple):
    """How long something takes: at least and at most."""

    low: timedelta
    high: timedelta


def seconds(low: float, high: float) -> Span:
    return Span(timedelta(seconds=low), timedelta(seconds=high))


def minutes(low: float, high: float) -> Span:
    return Span(timedelta(minutes=low), timedelta(minutes=high))


def hours(low: float, high: float) -> Span:
    return Span(timedelta(hours=low), timedelta(hours=high))


def days(low: float, high: float) -> Span:
    return Span(timedelta(days=low), timedelta(days=high))


class Scene:
    """The verbs of stories, each with templates as `onewindow.demo.speech` reads them."""

    def __init__(self, world: World, known: Known, person: Person, channel: Channel) -> None:
        self.world = world
        self.random = world.random
        self.person = person
        self.channel: Channel = channel
        self.case_id = ""
        values = {**card_of(known, person), **chances_of(known, world.random, world.clock())}
        self.wording = Wording(world.speech, world.random, person, values)
        self._doors = Doors(person, world.random, clock=world.clock, new_id=world.new_id)
        self._subject = ""
        self._answer: Contact | None = None

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    async def case(self) -> Case:
        return await self.world.case(self.case_id)

    # Time.

    async def later(self, span: Span) -> None:
        """Some time goes by."""
        await Pause(self.world.clock() + self._between(span))

    async def at_work(self, span: Span) -> None:
        """Some time goes by, and then it is a time at which the department of the case answers."""
        until = self.world.clock() + self._between(span)
        await Pause(self.world.opening((await self.case()).department_id, until))

    async def by_day(self, span: Span) -> None:
        """Some time goes by, and then it is a time at which people are up."""
        until = self.world.clock() + self._between(span)
        hour = self.world.hour(until)
        if not UP <= hour < ASLEEP:
            until += timedelta(hours=(UP - hour) % 24, minutes=self.random.randint(0, 180))
        await Pause(until)

    # What the customer does.

    async def opens(self, subject: str, written: str, told: str = "", *, files: tuple[str, ...] = ()) -> None:
        """He comes with his matter: in writing, or as the employee who heard him wrote it down."""
        self._subject = self.wording.plain(subject)
        await self.says(written, told, files=files)

    async def says(
        self, written: str, told: str = "", *, by: Channel | None = None, files: tuple[str, ...] = ()
    ) -> None:
        """He says something, by the channel he came by or by another from now on."""
        self.channel = by or self.channel
        brought = [self._doors.file(what) for what in files]
        if self.channel == "email":
            answered = self._answer if self._answer and self._answer.channel == "email" else None
            text = self.wording.mailed(written)
            await self._receive(self._doors.mail(self._subject, text, brought, answered))
        elif self.channel in TYPED:
            await self._type(self.wording.typed(written), brought)
        else:
            spoken = self.channel in SPOKEN
            text = self.wording.plain(told or written) if spoken else self.wording.on_paper(written)
            clerk = self.random.choice(self.world.agents_of("front-desk"))
            matter = Matter(self.channel, self._subject, self.case_id)
            await self._receive(self._doors.form(matter, text, brought, clerk))

    async def receives_mail(self, raw: bytes) -> None:
        """A letter comes in at the mail door, whoever wrote it."""
        await self._receive(self._doors.letter(raw))

    async def _type(self, texts: list[str], brought: list[File]) -> None:
        for text in texts:
            last = text is texts[-1]
            await self._receive(self._doors.message(self.channel, text, brought if last else []))
            self.world.clock.pass_time(self.random.randint(6, 40))

    async def _receive(self, arrival: Arrival) -> None:
        receipt = await self.world.receive(arrival)
        if receipt.case_id != self.case_id:
            self._answer = None  # it became a matter of its own
        self.case_id = receipt.case_id

    # What employees do.

    async def answers(self, written: str, told: str = "", *, by: Channel | None = None) -> Contact:
        """An employee answers as the customer came, in writing or by calling back."""
        agent = await self._hold()
        self.channel = by or self.channel
        channel: Channel = "phone" if self.channel == "visit" else self.channel
        spoken = channel in SPOKEN
        text = self.wording.plain(told or written, agent)
        if not spoken:
            text = self.wording.answer(written, agent, channel)
        self.world.clock.pass_time(self.random.randint(15, 60))
        to = self.person.address(KINDS[channel])
        contact = await self.world.work.answer(self.case_id, agent, channel=channel, to=to, text=text)
        duration = self.random.randint(60, 420) if spoken else 0
        self._answer = await self.world.settle(contact, DELIVERED[channel], duration=duration)
        return self._answer

    async def notes(self, text: str) -> None:
        """Words for colleagues."""
        agent = await self._hold()
        self.world.clock.pass_time(self.random.randint(5, 40))
        await self.world.work.note(self.case_id, agent, self.wording.plain(text, agent))

    async def reaches(self, department_id: str, reason: str) -> None:
        """The case gets to that department; where rules sent it elsewhere, it is transferred."""
        if (await self.case()).department_id == department_id:
            return
        await self.transfers(department_id, reason)
        await self.at_work(minutes(4, 70))
        await self._hold()

    async def transfers(self, department_id: str, reason: str) -> None:
        """An employee asks another department to take over."""
        agent = await self._hold()
        self.world.clock.pass_time(self.random.randint(10, 50))
        await self.world.work.transfer(self.case_id, agent, department_id, self.wording.plain(reason, agent))

    async def returns(self, reason: str) -> None:
        """The other department does not take it."""
        agent = self.random.choice(self.world.agents_of((await self.case()).department_id))
        await self.world.work.return_transfer(self.case_id, agent, self.wording.plain(reason, agent))

    async def decides(self, code: str, text: str, *, close: bool = True) -> None:
        """An employee decides and, unless told otherwise, closes the case."""
        agent = await self._hold()
        self.world.clock.pass_time(self.random.randint(8, 50))
        said = self.wording.plain(text, agent)
        await self.world.work.decide(self.case_id, agent, code=code, text=said, close=close)

    async def hurries(self, priority: int) -> None:
        """The supervisor wants it sooner."""
        await self.world.work.set_priority(self.case_id, self.world.staff["supervisor"], priority)

    async def given_to(self, login: str) -> None:
        """The case comes into these hands."""
        await self.world.give(self.case_id, login)

    async def _hold(self) -> Employee:
        """Whose hands it is in; out of the queue if it waits there."""
        case = await self.case()
        if case.state == "assigned":
            return self.world.staff[case.assignee_id]
        return await self.world.hand_out(self.case_id)

    def _between(self, span: Span) -> timedelta:
        return span.low + (span.high - span.low) * self.random.random()

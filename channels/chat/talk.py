"""One visitor's connection: what he says is stored, what is stored for him is told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

from aiohttp import WSCloseCode, WSMsgType

from channels.chat.border import report
from channels.chat.contacts import tidy, written
from channels.chat.protocol import (
    ClientFrame,
    Earlier,
    Error,
    Hello,
    LeaveMessage,
    Limits,
    Message,
    Past,
    Ping,
    Place,
    Pong,
    Profile,
    Say,
    Seen,
    Typing,
    Welcome,
    place_of,
    read_frame,
    seq_of,
)
from channels.chat.room import Room
from channels.chat.said import Mouth, Said, Stored
from channels.chat.settings import ChatSettings
from channels.chat.standing import Standings
from channels.chat.token import new_token, visitor_of
from channels.chat.visitor import Tab
from channels.chat.wire import Wire
from crm.contact import Contact
from crm.errors import AgainLater, BadInput
from crm.record import Clock
from router.live import Event, Live

log = logging.getLogger("onewindow.chat")

TYPING_EVERY = 3.0
"""Seconds between two tellings that a visitor types."""

Delivered = Callable[[str], Awaitable[None]]
"""Told the id of an answer when the visitor's page has shown it. May raise `AgainLater`."""


class Talks:
    """Holds every conversation of the door while it is open."""

    def __init__(
        self,
        settings: ChatSettings,
        room: Room,
        standings: Standings,
        mouth: Mouth,
        *,
        live: Live,
        clock: Clock,
        delivered: Delivered,
    ) -> None:
        self._settings = settings
        self._room = room
        self._standings = standings
        self._mouth = mouth
        self._live = live
        self._clock = clock
        self._delivered = delivered

    async def talk(self, wire: Wire, peer: str) -> None:
        """Serves the connection until one of us leaves."""
        hello = await self._greeting(wire)
        if hello is None:
            return
        token = hello.token or new_token()
        tab = Tab(wire, self._room.enter(visitor_of(token)), peer=peer, heard=monotonic())
        _introduce(tab, hello)
        try:
            await self._welcome(tab, hello, "" if hello.token else token)
            await self._listen(tab)
        except AgainLater:
            await wire.part(WSCloseCode.TRY_AGAIN_LATER)
        except ConnectionResetError:
            log.debug("chat: visitor=%s is gone", tab.visitor.id)
        except Exception as error:  # noqa: BLE001 - a bug of ours: his page comes again by itself
            report(error, "talking to a visitor")
            await wire.part(WSCloseCode.INTERNAL_ERROR)
        finally:
            self._room.leave(tab)

    async def _greeting(self, wire: Wire) -> Hello | None:
        """The first frame; whoever does not begin with it is not let in."""
        try:
            message = await wire.receive(timeout=self._settings.hello_timeout)
            frame = read_frame(message.data) if message.type is WSMsgType.TEXT else None
        except (TimeoutError, BadInput):
            frame = None
        if isinstance(frame, Hello) and (not frame.token or visitor_of(frame.token)):
            return frame
        reason = "token" if isinstance(frame, Hello) else "hello"
        await wire.part(WSCloseCode.POLICY_VIOLATION, reason)
        return None

    async def _welcome(self, tab: Tab, hello: Hello, token: str) -> None:
        found = await self._room.catch_up(tab, hello.last)
        if tab.visitor.tabs == [tab]:  # else his other pages were told it, and will be told what changes
            tab.visitor.standing = await self._standings.of(found.case)
        standing = tab.visitor.standing
        welcome = Welcome(
            visitor=tab.visitor.id,
            token=token,
            last=tuple(seq_of(Place(*place)) for place in found.told.items()),
            history=_written(found.contacts),
            hours=await self._standings.hours(),
            limits=_limits(self._settings),
            agent=standing.agent,
            queue=standing.queue,
            earlier=_seq(found.earlier),
        )
        await tab.wire.send(welcome)
        self._room.tell_news(tab, found.more)

    async def _listen(self, tab: Tab) -> None:
        nonsense = 0
        async for message in tab.wire:
            tab.heard = monotonic()
            if message.type is WSMsgType.TEXT:
                try:
                    frame = read_frame(message.data)
                except BadInput as error:
                    nonsense += 1
                    await tab.wire.send(Error(reason="bad_frame", expected=str(error)))
                else:
                    await self._hear(tab, frame)
            elif message.type is WSMsgType.PING:
                await tab.wire.pong(message.data)
            elif message.type is WSMsgType.BINARY:
                nonsense += 1
                await tab.wire.send(Error(reason="bad_frame", expected="expected text"))
            if nonsense >= self._settings.bad_frames:
                await tab.wire.part(WSCloseCode.POLICY_VIOLATION, "bad_frame")

    async def _hear(self, tab: Tab, frame: ClientFrame) -> None:
        match frame:
            case Say():
                with self._mouth:
                    await self._bring(tab, frame)
            case LeaveMessage():
                tab.visitor.profile = tidy(frame.profile())
                with self._mouth:
                    await self._bring(tab, frame)
            case Profile():
                tab.visitor.profile = tidy(frame)
            case Typing():
                await self._types(tab, on=frame.on)
            case Seen():
                await self._seen(tab, frame.seq)
            case Earlier():
                await self._look_back(tab, frame.before)
            case Ping():
                await tab.wire.send(Pong())
            case Hello():
                await tab.wire.send(Error(reason="bad_frame", expected="expected one hello only"))

    async def _bring(self, tab: Tab, frame: Say | LeaveMessage) -> None:
        visitor = tab.visitor
        fields = {**visitor.fields, "left": "yes"} if isinstance(frame, LeaveMessage) else visitor.fields
        said = Said(frame.id, frame.text, visitor.id, visitor.profile, fields=fields)
        outcome = await self._mouth.bring(said, tab.peer, expected=visitor.expected)
        if isinstance(outcome, Stored):
            await self._room.spoke(tab, outcome.contact, outcome.receipt)
            await tab.wire.send(outcome.answer)
        else:
            await tab.wire.send(outcome)

    async def _look_back(self, tab: Tab, before: int) -> None:
        past = await self._room.look_back(tab, place_of(before))
        if past is None:
            await tab.wire.send(Error(reason="bad_place", expected="expected an `earlier` of ours"))
        else:
            await tab.wire.send(Past(history=_written(past.contacts), earlier=_seq(past.before)))

    async def _types(self, tab: Tab, *, on: bool) -> None:
        """The agent's page lets it fade by itself: only that he types is news."""
        visitor, moment = tab.visitor, monotonic()
        if not on:
            visitor.typed = 0.0
        elif visitor.case_id and moment - visitor.typed >= TYPING_EVERY:
            visitor.typed = moment
            event = Event(kind="typing", at=self._clock(), case_id=visitor.case_id, channel="chat")
            await self._live.publish([event])

    async def _seen(self, tab: Tab, upto: int) -> None:
        """The visitor's page has shown answers: they are delivered."""
        case_id, unseen = place_of(upto).case_id, tab.visitor.unseen
        for seq in sorted(seq for seq in unseen if seq <= upto and place_of(seq).case_id == case_id):
            answer = unseen.pop(seq, None)
            if answer is None:
                continue  # another page of his was faster
            try:
                await self._delivered(answer)
            except AgainLater:
                unseen[seq] = answer  # the next thing he sees tells it again
                log.info("chat: not noted that contact=%s was seen", answer)


def _introduce(tab: Tab, hello: Hello) -> None:
    visitor = tab.visitor
    if hello.profile:
        visitor.profile = tidy(hello.profile)
    visitor.fields = {
        name: value
        for name, value in (("page", hello.page[:500]), ("language", hello.language[:35]))
        if value
    }


def _written(contacts: Iterable[Contact]) -> tuple[Message, ...]:
    return tuple(written(contact, Place(contact.case_id, contact.number)) for contact in contacts)


def _seq(contact: Contact | None) -> int:
    return seq_of(Place(contact.case_id, contact.number)) if contact else 0


def _limits(settings: ChatSettings) -> Limits:
    return Limits(
        text=settings.text_limit, file_size=settings.file_size_limit, file_types=settings.file_types
    )

"""One visitor's connection: what he says is stored, what is stored for him is told."""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha256
from typing import Literal

from aiohttp import WSCloseCode, WSMsgType, web

from channels.base import Accept
from channels.chat.limits import Pace
from channels.chat.protocol import (
    ClientFrame,
    Error,
    Hello,
    Hours,
    LeaveMessage,
    Limits,
    Ping,
    Place,
    Pong,
    Profile,
    Received,
    Refused,
    Say,
    Seen,
    TryAgain,
    Typing,
    Welcome,
    claims_of,
    clean,
    is_client_id,
    key_of,
    read_frame,
    seq_of,
    written,
)
from channels.chat.room import Room
from channels.chat.settings import ChatSettings
from channels.chat.token import new_token, visitor_of
from channels.chat.visitor import Tab, Visitor
from crm.contact import Address, Arrival, Contact, contact_id
from crm.errors import AgainLater, BadInput
from crm.record import Clock

log = logging.getLogger(__name__)

AGAIN_AFTER = 3.0
"""Seconds after which a page tries again what could not be stored."""

WebSocket = web.WebSocketResponse[Literal[False]]


class Talks:
    """Holds every conversation of the door while it is open."""

    def __init__(self, settings: ChatSettings, accept: Accept, room: Room, *, clock: Clock) -> None:
        self._settings = settings
        self._accept = accept
        self._room = room
        self._clock = clock
        self._visitor_pace = Pace(settings.visitor_messages_per_minute)
        self._peer_pace = Pace(settings.peer_messages_per_minute)

    async def talk(self, ws: WebSocket, peer: str) -> None:
        """Serves the connection until one of us leaves."""
        hello = await self._greeting(ws)
        if hello is None:
            return
        token = hello.token or new_token()
        visitor = self._room.enter(visitor_of(token))
        visitor.profile = hello.profile or visitor.profile
        tab = Tab(ws, visitor, peer=peer, heard=_moment())
        try:
            await self._welcome(tab, hello, "" if hello.token else token)
            await self._listen(tab)
        except AgainLater:
            await ws.close(code=WSCloseCode.TRY_AGAIN_LATER)
        except ConnectionResetError:
            log.debug("chat: visitor=%s is gone", visitor.id)
        finally:
            self._room.leave(tab)

    async def _greeting(self, ws: WebSocket) -> Hello | None:
        """The first frame; whoever does not begin with it is not let in."""
        try:
            message = await ws.receive(timeout=self._settings.hello_timeout)
            frame = read_frame(message.data) if message.type is WSMsgType.TEXT else None
        except (TimeoutError, BadInput):
            frame = None
        if isinstance(frame, Hello) and (not frame.token or visitor_of(frame.token)):
            return frame
        reason = "token" if isinstance(frame, Hello) else "hello"
        await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=reason.encode())
        return None

    async def _welcome(self, tab: Tab, hello: Hello, token: str) -> None:
        found = await self._room.catch_up(tab, hello.last)
        settings = self._settings
        limits = Limits(
            text=settings.text_limit,
            files=settings.files_limit,
            file_size=settings.file_size_limit,
            file_types=settings.file_types,
        )
        welcome = Welcome(
            visitor=tab.visitor.id,
            token=token,
            last=tuple(seq_of(Place(*place)) for place in found.told.items()),
            history=tuple(
                written(contact, Place(contact.case_id, contact.number)) for contact in found.contacts
            ),
            hours=Hours(open=True),
            limits=limits,
        )
        await tab.send(welcome)
        self._room.tell_news(tab, found.more)

    async def _listen(self, tab: Tab) -> None:
        bad = 0
        async for message in tab.ws:
            tab.heard = _moment()
            if message.type is WSMsgType.TEXT:
                try:
                    frame = read_frame(message.data)
                except BadInput as error:
                    bad += 1
                    await tab.send(Error(reason="bad_frame", expected=str(error)))
                else:
                    await self._hear(tab, frame)
            elif message.type is WSMsgType.PING:
                await tab.ws.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                bad += 1
                await tab.send(Error(reason="bad_frame", expected="expected text"))
            if bad >= self._settings.bad_frames:
                await tab.ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"bad_frame")

    async def _hear(self, tab: Tab, frame: ClientFrame) -> None:
        match frame:
            case Say():
                await self._say(tab, frame)
            case Ping():
                await tab.send(Pong())
            case Hello() | LeaveMessage() | Typing() | Seen() | Profile():
                await tab.send(Error(reason="bad_frame", expected="expected no second hello"))

    async def _say(self, tab: Tab, frame: Say) -> None:
        text = clean(frame.text)
        reason = self._problem(frame.id, text)
        if reason:
            await tab.send(Refused(id=frame.id, reason=reason))
            return
        delay = self._delay(tab)
        if delay:
            await tab.send(TryAgain(id=frame.id, after=delay))
            return
        await self._bring(tab, frame.id, self._contact(tab.visitor, frame.id, text))

    async def _bring(self, tab: Tab, id: str, contact: Contact) -> None:
        """Store it and say so; only then."""
        visitor = tab.visitor
        visitor.expected.add(contact.id)
        try:
            receipt = await self._accept(Arrival(contact))
        except AgainLater:
            visitor.expected.discard(contact.id)
            await tab.send(TryAgain(id=id, after=AGAIN_AFTER))
            return
        if receipt.repeated or receipt.dead_letter:
            visitor.expected.discard(contact.id)
        await self._room.spoke(tab, contact, receipt)
        seq = seq_of(Place(receipt.case_id, receipt.number))
        await tab.send(Received(id=id, seq=seq, at=contact.received_at))

    def _problem(self, id: str, text: str) -> str:
        if not is_client_id(id):
            return "bad_id"
        if not text:
            return "empty"
        return "too_long" if len(text) > self._settings.text_limit else ""

    def _delay(self, tab: Tab) -> float:
        moment = _moment()
        return max(self._visitor_pace.delay(tab.visitor.id, moment), self._peer_pace.delay(tab.peer, moment))

    def _contact(self, visitor: Visitor, id: str, text: str) -> Contact:
        key = key_of(visitor.id, id)
        profile = visitor.profile or Profile()
        return Contact(
            id=contact_id("chat", key),
            channel="chat",
            key=key,
            received_at=self._clock(),
            sender=Address(kind="visitor", value=visitor.id, name=profile.name),
            claims=claims_of(profile),
            text=text,
            fingerprint=sha256(text.encode()).hexdigest(),
        )


def _moment() -> float:
    return asyncio.get_running_loop().time()

"""The webhook: other exchanges say, signed, that a call started, was answered, ended, was recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from channels.base import Accept, Door
from channels.phone.bell import Bell
from channels.phone.book import Book, Entry
from channels.phone.calls import Call
from channels.phone.hooked import Hooked, call_after, read_hooked
from channels.phone.recordings import Recordings, sound_of
from channels.phone.settings import PhoneSettings
from channels.phone.unreadable import unreadable
from channels.signed import SIGNATURE, answer_errors, read_signed
from crm.errors import AgainLater, BadInput, NotAllowed, NotFound
from crm.record import Clock

BODY_LIMIT = 64 * 1024
STATES = {"ringing": "ringing", "answered": "talking", "ended": "gone"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """Another exchange: its secret, and the book of its calls."""

    name: str
    secret: str
    book: Book
    bell: Bell
    door: Door
    recordings: Recordings | None = None


class Webhook:
    """Serves exchanges while it listens; at other times they are asked to come again."""

    def __init__(self, settings: PhoneSettings, exchanges: dict[str, Exchange], *, clock: Clock) -> None:
        self._settings = settings
        self._exchanges = exchanges
        self._clock = clock
        self.accept: Accept | None = None

    def add_to(self, app: web.Application) -> None:
        """Put it under /phone/ of this application, with borders of its own."""
        phone = web.Application(middlewares=[answer_errors], client_max_size=BODY_LIMIT)
        phone.router.add_post("/events/{exchange}", self._take_event)
        phone.router.add_post("/recordings/{exchange}/{call}", self._take_recording)
        app.add_subapp("/phone/", phone)

    async def _take_event(self, request: web.Request) -> web.Response:
        accept = self._must_be_open()
        exchange, body = await self._signed(request, BODY_LIMIT)
        try:
            hooked = read_hooked(body)
        except BadInput as bad:
            # It is signed: somebody meant something. Nothing of it is lost, and no retry can help.
            kept = unreadable(body, str(bad), log="webhook", exchange=exchange.name, at=self._clock())
            await accept(kept)
            raise
        stored = await take_hooked(exchange, hooked, accept)
        return web.json_response({"status": "received", "stored": stored})

    async def _take_recording(self, request: web.Request) -> web.Response:
        accept = self._must_be_open()
        exchange, content = await self._signed(request, self._settings.recording_size_limit)
        name = request.query.get("name", "")
        if not re.fullmatch(r"[\w. -]{1,140}\.(wav|mp3|ogg|opus|m4a|flac)", name):
            raise BadInput("name: expected the name of a file with sound, such as call.mp3.", field="name")
        if not content:
            raise BadInput("body: expected the recorded sound.", field="body")
        entry = exchange.book.entry(request.match_info["call"])
        await exchange.book.recall([entry])
        if entry.told is None and not entry.heard:
            raise NotFound("call: nothing is known of this call: say first that it started.", field="call")
        await exchange.book.tell(entry, accept, [sound_of(name, content)])
        return web.json_response({"status": "received", "stored": True})

    async def _signed(self, request: web.Request, limit: int) -> tuple[Exchange, bytes]:
        exchange = self._exchanges.get(request.match_info["exchange"])
        # An exchange that nobody knows costs as long as one with a wrong secret, and is told the same.
        secrets = (exchange.secret,) if exchange else ()
        at, window = self._clock(), self._settings.webhook_window
        body = await read_signed(request, secrets, limit=limit, at=at, window=window)
        if exchange is None:
            raise NotAllowed(f"{SIGNATURE}: the signature is wrong.", field=SIGNATURE)
        return exchange, body

    def _must_be_open(self) -> Accept:
        if self.accept is None:
            raise AgainLater("the door is closed")
        return self.accept


async def take_hooked(exchange: Exchange, hooked: Hooked, accept: Accept) -> bool:
    """Ring, and store what is to be stored. Raises `AgainLater`."""
    entry = exchange.book.entry(hooked.call)
    await exchange.book.recall([entry])
    call = call_after(_known(entry), hooked)
    entry = exchange.book.hear("webhook", call)
    if hooked.event in STATES:
        for phone in {hooked.extension, *(call.took if hooked.event == "ended" else ())} - {""}:
            await exchange.bell.ring(call, phone, STATES[hooked.event])
    if hooked.event not in ("answered", "ended", "recording"):
        return False
    receipt = await exchange.book.tell(entry, accept)
    if receipt:
        exchange.door.saw_contact()
    return receipt is not None


def _known(entry: Entry) -> Call | None:
    return entry.heard.get("webhook") or entry.told

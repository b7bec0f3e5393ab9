"""Live pages: what happens, sent to every open page that may know of it, from the last thing it heard on."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from math import inf

import msgspec
from aiohttp import web

from agent_ui.sessions import find_guest
from agent_ui.sight import hears
from agent_ui.visit import Visit, cookie_name, get
from crm.errors import AgainLater
from router.live import PAGE_LEASE, Event, Status, Subscription

BEAT = PAGE_LEASE / 3
"""Seconds between signs of life: proxies cut what is silent, and a page learns that nothing was missed."""
LOOK = 3.0
"""How often, in seconds, it is looked whether the browser is still there."""
WRITE_LIMIT = 20.0
"""Seconds that a browser may take no bytes before it is let go; it catches up when it comes back."""
WATCHED = 60
PRIVATE = frozenset({"to", "from", "name"})
"""What an event carries beside ids and codes."""


class Wires:
    """Events as bytes: each is encoded once, however many pages hear of it. Also who is listening now."""

    def __init__(self) -> None:
        self._encoded: OrderedDict[str, bytes] = OrderedDict()
        self.listening: set[asyncio.Task[object]] = set()

    def encode(self, event: Event) -> bytes:
        known = self._encoded.get(event.seq)
        if known is None:
            known = self._encoded[event.seq] = _message("happened", event.seq, _encode(event))
            if len(self._encoded) > 1000:
                self._encoded.popitem(last=False)
        return known


WIRES = web.AppKey("WIRES", Wires)


class _Gone(Exception):
    """The page is closed, or may no longer listen."""


class _Stream:
    """One page that listens."""

    def __init__(self, visit: Visit, response: web.StreamResponse, page: str) -> None:
        self._visit = visit
        self._live = visit.rooms.live
        self._response = response
        self._page = page
        self._status: Status = "ready"
        self._writing_since = inf
        self._encode: Callable[[Event], bytes] = visit.request.app[WIRES].encode
        self._watched = frozenset(visit.request.query.get("watch", "").split(",")[:WATCHED]) - {""}

    async def run(self, events: Subscription) -> None:
        """Until the page is closed. While it is open its employee is present."""
        self._status = await self._status_now()
        await self._live.arrive(self._visit.me.id, self._page, self._status)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tell(events), name="events: tell")
                tasks.create_task(self._beat(events), name="events: beat")
        except* (_Gone, ConnectionError, TimeoutError, AgainLater):
            pass  # the browser comes back by itself, and says what it heard last
        finally:
            await self._live.leave(self._visit.me.id, self._page)

    async def _tell(self, events: Subscription) -> None:
        if events.reset:
            await self._write(_message("reset", events.seq))
        me, watched = self._visit.me, self._watched
        async for some in events.together():
            for event in some:
                if event.kind == "presence" and event.employee_id == me.id:
                    self._adopt(event.data.get("status", ""))
            if heard := [self._encode(event) for event in some if hears(me, watched, event)]:
                await self._write(b"".join(heard))
        raise _Gone  # too far behind: it starts anew

    async def _beat(self, events: Subscription) -> None:
        loop = asyncio.get_running_loop()
        beaten = loop.time() - BEAT
        while True:
            transport = self._visit.request.transport
            if transport is None or transport.is_closing() or loop.time() - self._writing_since > WRITE_LIMIT:
                raise _Gone
            if loop.time() - beaten >= BEAT and self._writing_since == inf:
                beaten = loop.time()
                await self._require_session()
                await self._live.arrive(self._visit.me.id, self._page, self._status)
                async with asyncio.timeout(WRITE_LIMIT):
                    await self._write(_message("beat", events.seq))
            await asyncio.sleep(LOOK)

    async def _require_session(self) -> None:
        rooms, request = self._visit.rooms, self._visit.request
        token = request.cookies.get(cookie_name(rooms), "")
        if await find_guest(rooms.store, token, at=rooms.clock(), settings=rooms.settings, idle=True) is None:
            await self._write(_message("signed-out", ""))
            raise _Gone

    async def _status_now(self) -> Status:
        """As on his other pages; on the first one, as he was when he left."""
        there = (await self._live.present()).get(self._visit.me.id)
        if there and there.status != "offline":
            return there.status
        return "away" if self._visit.request.query.get("status") == "away" else "ready"

    def _adopt(self, status: str) -> None:
        match status:
            case "ready" | "away":
                self._status = status
            case _:
                pass  # somebody else's last page closed and made him offline: this one says otherwise

    async def _write(self, message: bytes) -> None:
        # The beat looks how long it takes: a timer for each event would cost as much as the event.
        self._writing_since = asyncio.get_running_loop().time()
        await self._response.write(message)
        self._writing_since = inf


async def stream_events(visit: Visit) -> web.StreamResponse:
    """Server-sent events from `Last-Event-ID`, else from where the page was read, else from now."""
    request = visit.request
    after = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    )
    listening = request.app[WIRES].listening
    task = asyncio.current_task()
    if task:
        listening.add(task)
        task.add_done_callback(listening.discard)
    async with visit.rooms.live.subscribe(after[:64]) as events:
        await response.prepare(request)
        await _Stream(visit, response, request.query.get("page", "")[:64]).run(events)
    return response


async def hang_up(app: web.Application) -> None:
    """At closing time nobody waits for pages that would listen for ever: they come back by themselves."""
    for task in app[WIRES].listening:
        task.cancel()


def _encode(event: Event) -> bytes:
    """Ids and codes: addresses and names are for the rooms of the house, and for pages that ask."""
    if not PRIVATE.isdisjoint(event.data):
        data = {name: value for name, value in event.data.items() if name not in PRIVATE}
        event = msgspec.structs.replace(event, data=data)
    return msgspec.json.encode(event)


def _message(kind: str, seq: str, data: bytes = b"{}") -> bytes:
    name = f"id: {seq}\nevent: {kind}\ndata: " if seq else f"event: {kind}\ndata: "
    return name.encode() + data + b"\n\n"


ROUTES = [get("/events", stream_events)]

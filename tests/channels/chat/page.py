"""A visitor's page as a test writes it: a real WebSocket, and the little a page remembers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

Frame = dict[str, Any]
PATIENCE = 10.0
NUMBERS = 1_000_000


class Page:
    """One open page. `frames` is all it heard; `positions` the greatest seq of each case."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws
        self.frames: list[Frame] = []
        self.positions: dict[int, int] = {}
        self.close_code: int | None = None
        self._news = asyncio.Event()

    async def read(self) -> None:
        """Everything that comes, until the connection ends."""
        async for message in self.ws:
            if message.type is WSMsgType.TEXT:
                self.hear(json.loads(message.data))
        self.close_code = self.ws.close_code
        self._news.set()

    def hear(self, frame: Frame) -> None:
        self.frames.append(frame)
        seqs = [frame.get("seq", 0), *frame.get("last", ()), *(m["seq"] for m in frame.get("history", ()))]
        for seq in seqs:
            case = seq // NUMBERS
            self.positions[case] = max(seq, self.positions.get(case, 0))
        self._news.set()

    async def send(self, type: str, **fields: Any) -> None:
        await self.ws.send_str(json.dumps({"type": type, **fields}))

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The first frame heard, or still to come, that is wanted."""
        seen = 0
        async with asyncio.timeout(PATIENCE):
            while True:
                for frame in self.frames[seen:]:
                    if wanted(frame):
                        return frame
                seen = len(self.frames)
                self._news.clear()
                if len(self.frames) == seen:
                    await self._news.wait()

    async def heard(self, type: str, **fields: Any) -> Frame:
        return await self.until(
            lambda frame: frame["type"] == type and all(frame.get(k) == v for k, v in fields.items())
        )

    async def say(self, id: str, text: str) -> Frame:
        """Say it and wait for the server's word on it."""
        before = len(self.frames)
        await self.send("say", id=id, text=text)
        words = ("received", "try_again", "refused")
        return await self.until(lambda f: f["type"] in words and f["id"] == id and f in self.frames[before:])

    async def closed(self) -> int:
        """The code that the server closed the connection with."""
        async with asyncio.timeout(PATIENCE):
            while self.close_code is None:
                self._news.clear()
                await self._news.wait()
        return self.close_code

    @property
    def token(self) -> str:
        return next(str(frame["token"]) for frame in self.frames if frame["type"] == "welcome")

    @property
    def visitor(self) -> str:
        return next(str(frame["visitor"]) for frame in self.frames if frame["type"] == "welcome")

    @property
    def messages(self) -> list[Frame]:
        """What it was told was said, in the order of telling."""
        told: list[Frame] = []
        for frame in self.frames:
            told += frame.get("history", ())
            if frame["type"] == "message":
                told.append(frame)
        return told

    @property
    def texts(self) -> list[str]:
        return [str(message["text"]) for message in self.messages]


@asynccontextmanager
async def open_line(url: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Page]:
    """A connection that has not said hello."""
    async with (
        ClientSession() as client,
        client.ws_connect(f"{url}/chat/ws", headers=headers, max_msg_size=0, autoclose=True) as ws,
        asyncio.TaskGroup() as tasks,
    ):
        page = Page(ws)
        reading = tasks.create_task(page.read())
        try:
            yield page
        finally:
            reading.cancel()


@asynccontextmanager
async def open_page(url: str, **hello: Any) -> AsyncIterator[Page]:
    """A page that was welcomed."""
    async with open_line(url) as page:
        await page.send("hello", **hello)
        await page.heard("welcome")
        yield page

"""Visitors who are here now, and how much of the conversation each of their open pages has been told."""

from __future__ import annotations

import asyncio
from typing import Literal

from aiohttp import WSMsgType, web

from channels.chat.protocol import Profile, ServerFrame, write_frame


class Tab:
    """One open page of a visitor.

    `told` is the number of the last contact of each case that the page need not be told any more. It moves
    only without gaps, so a page that missed something is always told it first. `missed` gathers cases that
    changed while the page is still catching up; it is None once the page is up to date.
    """

    __slots__ = ("heard", "missed", "peer", "told", "visitor", "ws")

    def __init__(
        self, ws: web.WebSocketResponse[Literal[False]], visitor: Visitor, *, peer: str, heard: float
    ) -> None:
        self.ws = ws
        self.visitor = visitor
        self.peer = peer
        self.heard = heard
        self.told: dict[str, int] = {}
        self.missed: set[str] | None = set()

    async def send(self, frame: ServerFrame) -> None:
        """Raises `ConnectionResetError` when the page is gone."""
        await self.ws.send_frame(write_frame(frame), WSMsgType.TEXT)


class Visitor:
    """Somebody with at least one open page. There may be many thousands: keep it small."""

    __slots__ = ("case_id", "expected", "id", "profile", "pulling", "tabs", "unseen", "woken")

    def __init__(self, id: str) -> None:
        self.id = id
        self.tabs: list[Tab] = []
        self.profile: Profile | None = None
        self.case_id = ""  # where the conversation is going on
        self.woken: set[str] = set()  # cases that have something new
        self.pulling: asyncio.Task[None] | None = None
        self.expected: set[str] = set()  # contacts of his own whose event needs no answer
        self.unseen: dict[int, str] = {}  # seq to contact id of answers that he was sent and has not seen yet

    def ready(self) -> list[Tab]:
        """Pages that are up to date and want what is new."""
        return [tab for tab in self.tabs if tab.missed is None]

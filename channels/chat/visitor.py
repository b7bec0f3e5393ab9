"""Visitors who are here now, and how much of the conversation each of their open pages has been told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from channels.chat.protocol import Profile
from channels.chat.standing import NOWHERE, Standing
from channels.chat.wire import Wire

NOBODY = Profile()
"""A visitor who has said nothing about himself."""


class Tab:
    """One open page of a visitor.

    `told` is the number of the last contact of each case that the page need not be told any more. It moves
    only without gaps, so a page that missed something is always told it first. `missed` gathers cases that
    changed while the page is still catching up; it is None once the page is up to date.
    """

    __slots__ = ("heard", "missed", "peer", "told", "visitor", "wire")

    def __init__(self, wire: Wire, visitor: Visitor, *, peer: str, heard: float) -> None:
        self.wire = wire
        self.visitor = visitor
        self.peer = peer
        self.heard = heard
        self.told: dict[str, int] = {}
        self.missed: set[str] | None = set()


class Visitor:
    """Somebody with at least one open page. There may be many thousands: keep it small."""

    __slots__ = (
        "case_id",
        "expected",
        "fields",
        "id",
        "profile",
        "pulling",
        "standing",
        "tabs",
        "typed",
        "unseen",
        "woken",
    )

    def __init__(self, id: str) -> None:
        self.id = id
        self.tabs: list[Tab] = []
        self.profile = NOBODY
        self.fields: Mapping[str, str] = {}  # what goes with every contact of his: page, language
        self.case_id = ""  # where the conversation is going on
        self.standing: Standing = NOWHERE  # as his pages were told last
        self.typed = 0.0  # when it was told last that he types
        self.woken: set[str] = set()  # cases that have something new
        self.pulling: asyncio.Task[None] | None = None
        self.expected: set[str] = set()  # contacts of his own whose event needs no answer
        self.unseen: dict[int, str] = {}  # seq to contact id of answers that he was sent and has not seen yet

    def ready(self) -> list[Tab]:
        """Pages that are up to date and want what is new."""
        return [tab for tab in self.tabs if tab.missed is None]

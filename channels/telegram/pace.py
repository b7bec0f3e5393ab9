"""How fast a bot may speak: thirty messages a second, one a second in a chat, twenty a minute in a group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from crm.errors import DeliveryDelayed

EVERYWHERE = 1 / 30
IN_CHAT = 1.0
IN_GROUP = 3.0
"""Seconds from one message to the next."""

PATIENCE = 10.0
"""Seconds that an answer waits for its turn here; one that has to wait longer gives its place to others."""

REMEMBERED = 10_000


class Pace:
    """The turns of one bot."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._next = 0.0
        self._chats: dict[int, float] = {}

    async def turn(self, chat: int) -> None:
        """Wait until something may be sent to the chat. Raises `DeliveryDelayed` when that takes too long."""
        now = self._ticks()
        at = max(now, self._next, self._chats.get(chat, 0.0))
        if at - now > PATIENCE:
            raise DeliveryDelayed("Telegram asks to wait", after=timedelta(seconds=at - now))
        self._next = max(now, self._next) + EVERYWHERE
        self._chats[chat] = at + (IN_GROUP if chat < 0 else IN_CHAT)
        if len(self._chats) > REMEMBERED:
            self._chats = {one: when for one, when in self._chats.items() if when > now}
        await asyncio.sleep(at - now)

    def hold(self, chat: int, seconds: float) -> None:
        """Telegram said to leave the chat alone for so long."""
        self._chats[chat] = max(self._chats.get(chat, 0.0), self._ticks() + seconds)

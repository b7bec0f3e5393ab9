"""The greeting that somebody gets who presses Start."""

from __future__ import annotations

import asyncio
import logging

from telegram.error import TelegramError

from channels.telegram.line import Line
from crm.errors import DeliveryDelayed

PATIENCE = 10.0
"""Seconds after which a greeting would come too late."""

log = logging.getLogger("onewindow.telegram")


class Greeter:
    """Says it once for each Start, if it can: nothing waits for it, and nothing is lost with it."""

    def __init__(self, line: Line, tasks: asyncio.TaskGroup) -> None:
        self._line = line
        self._tasks = tasks

    def greet(self, chat: int) -> None:
        """Somebody came."""
        if self._line.settings.greeting:
            self._tasks.create_task(self._greet(chat), name="telegram: greeting")

    async def _greet(self, chat: int) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._line.pace.turn(chat)
                await self._line.bot.send_message(chat, self._line.settings.greeting)
        except (TelegramError, DeliveryDelayed, TimeoutError) as error:
            log.info("telegram %s: no greeting: %s", self._line.settings.name, type(error).__name__)

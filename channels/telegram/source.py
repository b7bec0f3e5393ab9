"""The Telegram door: every bot of ours listens while it is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web

from channels.base import Accept, Door
from channels.telegram.agent_typing import AgentTyping
from channels.telegram.fetching import Fetcher
from channels.telegram.greeting import Greeter
from channels.telegram.invitation import Invitations, webhook_secret
from channels.telegram.keys import CHANNEL
from channels.telegram.knowing import Knowing
from channels.telegram.late import LateFiles
from channels.telegram.line import Line
from channels.telegram.polling import poll
from channels.telegram.taking import Taker
from channels.telegram.webhook import PATH, Webhook, stay_registered
from crm.record import Clock, now
from crm.store import Store
from router.live import Live

CLOSING = 10.0
"""Seconds that updates on their way may take when we stop."""


class TelegramSource:
    """Several bots, kept apart: each has its line, its door on the board, and its own way of listening."""

    channel = CHANNEL

    def __init__(
        self,
        lines: Mapping[int, Line],
        *,
        store: Store,
        live: Live,
        secret: bytes,
        door: Callable[[str], Door],
        public_url: str = "",
        clock: Clock = now,
    ) -> None:
        self._lines = lines
        self._store = store
        self._live = live
        self._clock = clock
        self._doors = {bot: door(line.settings.name) for bot, line in lines.items()}
        self._invitations = Invitations(secret)
        self._public_url = public_url.rstrip("/")
        self._secrets = {
            line.settings.name: webhook_secret(secret, bot)
            for bot, line in lines.items()
            if line.settings.receive == "webhook"
        }
        self._webhook = Webhook(self._secrets)

    def add_to(self, app: web.Application) -> None:
        """Put what Telegram calls under /telegram/ of this application."""
        self._webhook.add_to(app)

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            showing = AgentTyping(self._lines, self._store, self._live).keep()
            aside = [tasks.create_task(showing, name="telegram: typing")]
            work = []
            for bot, line in self._lines.items():
                taker = self._taker(line, accept, tasks)
                late = taker.late.fetch_forever(accept)
                aside.append(tasks.create_task(late, name=f"telegram {bot}: late files"))
                work.append(tasks.create_task(self._listen(line, taker, stopping), name=f"telegram {bot}"))
            try:
                yield
            finally:
                stopping.set()
                self._webhook.takers.clear()
                for task in aside:
                    task.cancel()
                _, hanging = await asyncio.wait(work, timeout=CLOSING) if work else ((), ())
                for task in hanging:
                    task.cancel()

    async def _listen(self, line: Line, taker: Taker, stopping: asyncio.Event) -> None:
        name = line.settings.name
        if line.settings.receive == "webhook":
            self._webhook.takers[name] = taker
            url = f"{self._public_url}{PATH}/{name}"
            await stay_registered(taker, url, self._secrets[name], stopping)
            return
        # Telegram answers one asker at a time: of several processes one asks, until it is gone.
        asking = partial(poll, line, taker, stopping)
        await self._live.run_alone(f"telegram {line.name.id}", asking)

    def _taker(self, line: Line, accept: Accept, tasks: asyncio.TaskGroup) -> Taker:
        bot = line.name.id
        knowing = Knowing(self._store, self._clock, self._invitations, Greeter(line, tasks), bot=bot)
        return Taker(
            line=line,
            accept=accept,
            door=self._doors[bot],
            store=self._store,
            live=self._live,
            clock=self._clock,
            fetcher=Fetcher(line),
            knowing=knowing,
            late=LateFiles(line, self._store, self._clock),
        )

"""The mailbox door: mail that lies at a provider is fetched by IMAP as soon as it is there."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from channels.base import Accept, Door
from channels.email.bookmark import FolderBookmark
from channels.email.imap import MailboxError, MailboxLine, NotLetIn, open_line
from channels.email.letters import LetterReader, tell_fault
from channels.email.oauth import AccessTokens
from channels.email.settings import MailboxSettings
from channels.email.taking import Hands, Taking
from crm.errors import AgainLater, Conflict
from crm.record import Clock, now
from crm.store import Store

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 300.0

STEADY = 60.0
"""Seconds after which a connection counts as a good one: the next pause is short again."""

RunAlone = Callable[[str, Callable[[], Awaitable[None]]], Coroutine[Any, Any, None]]
"""`Live.run_alone`: of several processes one reads the mailbox."""


class MailboxSource:
    """One folder of one mailbox. `name` is what the operator knows it by."""

    channel = "email"

    def __init__(
        self,
        settings: MailboxSettings,
        folder: str,
        *,
        letters: LetterReader,
        store: Store,
        run_alone: RunAlone,
        door: Door,
        clock: Clock = now,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._letters = letters
        self._store = store
        self._run_alone = run_alone
        self._door = door
        self._clock = clock
        self._tokens = AccessTokens(settings) if settings.oauth_token_url else None
        self.name = mailbox_name(settings, folder)

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        bookmark = FolderBookmark(self._store, f"{self.name} at {self._settings.host}")
        hands = Hands(
            self._settings, accept, self._letters, bookmark, self._door, self._clock, Counter[int](), set()
        )
        async with asyncio.TaskGroup() as tasks:
            attending = tasks.create_task(
                self._run_alone(self.name, lambda: self._attend_forever(hands)), name=self.name
            )
            try:
                yield
            finally:
                # What is on its way lies in the mailbox still: it is fetched at the next start.
                attending.cancel()

    async def _attend_forever(self, hands: Hands) -> None:
        """Connect again and again, each time after a longer pause, until a connection holds."""
        pause = FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            problem = await self._attend_until_it_breaks(hands)
            self._door.down(problem)
            log.warning("%s: %s", self.name, problem)
            if asyncio.get_running_loop().time() - began > STEADY:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _attend_until_it_breaks(self, hands: Hands) -> str:
        """What broke it, for the operator."""
        try:
            await self._attend(hands)
        except MailboxError as error:
            if isinstance(error, NotLetIn) and self._tokens:
                self._tokens.forget()
            return str(error)
        except (AgainLater, Conflict):
            return "letters cannot be stored just now: they stay in the mailbox"
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the watch
            tell_fault(error)
            return "an error of ours: it is tried again"

    async def _attend(self, hands: Hands) -> NoReturn:
        settings = self._settings
        access_token = await self._tokens.fresh() if self._tokens else ""
        async with open_line(settings, access_token) as line:
            if settings.afterwards == "move":
                await line.have_folder(settings.move_to)
            folder = await line.open_folder(self._folder, read_only=settings.afterwards == "leave")
            taking = Taking(line, folder, hands)
            self._door.up()
            while True:
                await taking.catch_up()
                await self._wait(line)

    async def _wait(self, line: MailboxLine) -> None:
        if line.can_idle:
            await line.wait_for_news(self._settings.idle_seconds)
        else:
            await asyncio.sleep(self._settings.poll_seconds)
            await line.settle()


def mailbox_name(settings: MailboxSettings, folder: str) -> str:
    """Such as `mailbox help@example.com`, with the folder where it is not the inbox."""
    return f"mailbox {settings.user}" + ("" if folder.upper() == "INBOX" else f" {folder}")

"""The phone door: the logs of the exchange are watched, and its manager is listened to, while it is open."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from channels.base import Accept, Door
from channels.phone.bell import Bell, Listener, Teller
from channels.phone.book import Book, Staff
from channels.phone.hooked import read_hooked
from channels.phone.lines import BadLine
from channels.phone.manager import Manager
from channels.phone.plan import Plan
from channels.phone.reading import CdrReader, LogReader, QueueReader
from channels.phone.recordings import Recordings
from channels.phone.settings import PhoneSettings
from channels.phone.switchboard import Switchboard
from channels.phone.watch import Watch, Watched
from channels.phone.webhook import Exchange, Webhook, take_hooked
from crm.contact import Contact, Receipt
from crm.errors import BadInput
from crm.record import Clock, now
from crm.store import Store
from router.live import Live

log = logging.getLogger("onewindow.phone")

LOOK_FOR_FILES = 10.0
"""Seconds between two looks for new files whose names match the settings."""


class PhoneSource:
    """Everything that exchanges tell of calls, by whichever way they tell it."""

    channel = "phone"

    def __init__(
        self,
        settings: PhoneSettings,
        *,
        store: Store,
        live: Live,
        staff: Staff,
        doors: Callable[[str], Door],
        clock: Clock = now,
        region: str = "RU",
    ) -> None:
        self._settings = settings
        self._store = store
        self._live = live
        self._staff = staff
        self._doors = doors
        self._clock = clock
        self._region = region
        self._plan = Plan(re.compile(settings.internal), settings.trunks)
        self.book = self._book(settings)
        self._sounds = self._recordings(settings, self.book)
        self._readers: dict[str, LogReader] = {
            "cdr": CdrReader(settings, self.book),
            "queue_log": QueueReader(self.book),
        }
        self._exchanges = {name: self._exchange(name, secret) for name, secret in settings.webhooks.items()}
        self._webhook = Webhook(settings, self._exchanges, clock=clock)
        self._accept: Accept | None = None

    def add_to(self, app: web.Application) -> None:
        """Put the webhook under /phone/ of this application, if any exchange may use it."""
        if self._exchanges:
            self._webhook.add_to(app)

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(run, name=f"phone: {name}") for name, run in self._work(accept)]
            self._accept = self._webhook.accept = accept
            for exchange in self._exchanges.values():
                exchange.door.up()
            try:
                yield
            finally:
                self._accept = self._webhook.accept = None
                for task in work:
                    task.cancel()

    async def read_again(self, contact: Contact, raw: bytes) -> Receipt:
        """A line that could not be read, once more: the settings may say better now how it is laid out.

        Raises `BadInput` saying what is still wrong, or `AgainLater`.
        """
        if self._accept is None:
            raise BadInput("The phone door is closed.")
        kind = contact.fields.get("log", "")
        if kind == "webhook":
            exchange = self._exchanges.get(contact.fields.get("exchange", ""))
            if exchange is None:
                raise BadInput("webhooks: this exchange is no longer set up.")
            hooked = read_hooked(raw)
            await take_hooked(exchange, hooked, self._accept)
            entry = exchange.book.entry(hooked.call)
        else:
            try:
                noted = self._readers[kind].read(raw)
            except KeyError:
                raise BadInput("Nobody here reads this kind of log.") from None
            except BadLine as bad:
                raise BadInput(f"{kind}: {bad}") from bad
            if noted is None:
                return Receipt("", "", "", 0, repeated=True)
            entry = noted.entry
            await self.book.tell(entry, self._accept)
        return entry.receipt or Receipt("", "", "", 0, repeated=True)

    def _work(self, accept: Accept) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        settings = self._settings
        work: list[tuple[str, Coroutine[Any, Any, None]]] = []
        if settings.cdr:
            work.append(("cdr", self._watch_all(settings.cdr, accept)))
        if settings.queue_log:
            work.append(("queue_log", self._watch("queue_log", Path(settings.queue_log), accept).run()))
        if settings.manager_host:
            door = self._doors("phone manager")
            teller = Teller(self.book, accept, door)
            bell = self._bell(settings.exchange)
            listener = Listener(
                Switchboard(self._plan), self.book, bell=bell, teller=teller, clock=self._clock
            )
            manager = Manager(settings, door=door, hear=listener.hear, cut=listener.cut)
            alone = partial(self._live.run_alone, f"phone manager {settings.exchange}", manager.run)
            work += [("telling", teller.run()), ("manager", alone())]
        sounds = [self._sounds, *(exchange.recordings for exchange in self._exchanges.values())]
        work += [("recordings", sound.run(accept)) for sound in sounds if sound]
        return work

    async def _watch_all(self, patterns: tuple[str, ...], accept: Accept) -> None:
        """One watch for each file; files that come later are found too."""
        watched: set[Path] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                for path in await asyncio.to_thread(_files, patterns):
                    if path not in watched:
                        watched.add(path)
                        watch = self._watch("cdr", path, accept)
                        tasks.create_task(watch.run(), name=f"phone: cdr {path.name}")
                await asyncio.sleep(LOOK_FOR_FILES)

    def _watch(self, kind: str, path: Path, accept: Accept) -> Watch:
        settings = self._settings
        watched = Watched(
            path, self._readers[kind], settings.exchange, settings.poll_interval, settings.line_limit
        )
        several = kind == "cdr" and len(_files(settings.cdr)) > 1
        door = self._doors(f"phone {kind} {path.name}" if several else f"phone {kind}")
        return Watch(watched, self.book, store=self._store, door=door, clock=self._clock, accept=accept)

    def _book(self, settings: PhoneSettings) -> Book:
        return Book(
            settings, self._plan, store=self._store, staff=self._staff, clock=self._clock, region=self._region
        )

    def _recordings(self, settings: PhoneSettings, book: Book) -> Recordings | None:
        if not settings.recordings:
            return None
        sounds = Recordings(settings, book, store=self._store, clock=self._clock)
        book.on_recorded(sounds.expect)
        return sounds

    def _bell(self, exchange: str) -> Bell:
        return Bell(self._live, self._staff, exchange=exchange, clock=self._clock)

    def _exchange(self, name: str, secret: str) -> Exchange:
        settings = msgspec.structs.replace(self._settings, exchange=name)
        book = self._book(settings)
        return Exchange(
            name=name,
            secret=secret,
            book=book,
            bell=self._bell(name),
            door=self._doors(f"phone webhook {name}"),
            recordings=self._recordings(settings, book),
        )


def _files(patterns: tuple[str, ...]) -> list[Path]:
    """The files that are there, and those that are named without a star whether they are or not."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if "*" in path.name:
            found |= dict.fromkeys(sorted(path.parent.glob(path.name)))
        else:
            found[path] = None
    return list(found)

"""Recordings: files that a log names are looked up in one directory, and attached when they are whole."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from channels.base import Accept
from channels.phone.book import Book, Entry
from channels.phone.calls import RECORDED, Call
from channels.phone.settings import PhoneSettings
from crm.collections import CONTACTS
from crm.contact import Attachment, Contact, blob_id
from crm.errors import AgainLater
from crm.record import Clock
from crm.store import Order, Store, at_least, equals
from router.intake import fault

log = logging.getLogger("onewindow.phone")

LOOK_EVERY = 1.0
STILL_FOR = 2.0
"""Seconds in which a file has not changed: whoever wrote it is done."""

MOST_WAITING = 10_000

TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".flac": "audio/flac",
}


@dataclass
class _Awaited:
    entry: Entry
    began: datetime
    names: dict[str, None]
    until: datetime


class Recordings:
    """Looks for the files of calls until they are there, or too late."""

    def __init__(self, settings: PhoneSettings, book: Book, *, store: Store, clock: Clock) -> None:
        self._root = Path(settings.recordings)
        self._limit = settings.recording_size_limit
        self._patience = timedelta(seconds=settings.recording_wait)
        self._zone = ZoneInfo(settings.time_zone)
        self._exchange = settings.exchange
        self._book = book
        self._store = store
        self._clock = clock
        self._awaited: dict[str, _Awaited] = {}

    def expect(self, entry: Entry, call: Call) -> None:
        """The call is over, and was recorded."""
        had = set(entry.sounds)
        names = {name: None for name in call.recordings if name not in had}
        if names and entry.id not in self._awaited and len(self._awaited) < MOST_WAITING:
            until = self._clock() + self._patience
            self._awaited[entry.id] = _Awaited(entry, call.began, names, until)

    async def run(self, accept: Accept) -> None:
        """For ever. Recordings that a process before us waited for are awaited on."""
        await self._remember()
        while True:
            for awaited in list(self._awaited.values()):
                try:
                    await self._look(awaited, accept)
                except AgainLater:
                    break  # the store asks to wait; the files stay where they are
                except Exception as error:  # noqa: BLE001 - one recording must not stop the others
                    log.error("a recording could not be attached: %s", fault(error))
                    self._awaited.pop(awaited.entry.id, None)
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self, awaited: _Awaited, accept: Accept) -> None:
        for name in list(awaited.names):
            found = await asyncio.to_thread(self._read, name, awaited.began)
            if found is not None:
                await self._book.tell(awaited.entry, accept, [found])
                awaited.entry.sounds.add(name)
                del awaited.names[name]
        if awaited.names and self._clock() > awaited.until:
            log.warning("a recording did not appear in time")
        if not awaited.names or self._clock() > awaited.until:
            self._awaited.pop(awaited.entry.id, None)

    async def _remember(self) -> None:
        """Calls of late whose recordings are named and not attached."""
        try:
            order = Order("received_at", descending=True)
            since = at_least("received_at", self._clock() - self._patience - timedelta(hours=2))
            late = await self._store.find(
                CONTACTS, equals("channel", "phone"), since, order=order, limit=2000
            )
        except AgainLater:
            return
        for contact in late:
            if names := self._missing(contact):
                entry = self._book.entry(contact.fields["call"])
                until = self._clock() + self._patience
                self._awaited[entry.id] = _Awaited(entry, contact.received_at, dict.fromkeys(names), until)

    def _missing(self, contact: Contact) -> list[str]:
        fields = contact.fields
        if fields.get("exchange") != self._exchange or "over" not in fields or "call" not in fields:
            return []
        there = {file.name for file in contact.attachments}
        named = filter(None, fields.get("recordings", "").split("\n"))
        return [name for name in named if shown_name(name) not in there]

    def _read(self, name: str, began: datetime) -> tuple[Attachment, bytes] | None:
        """The file if it is there, whole, not too large and inside the directory."""
        for path in self._places(name, began):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= self._limit:
                    continue
                if self._clock().timestamp() - status.st_mtime < STILL_FOR:
                    return None
                return sound_of(name, _read_all(descriptor, status.st_size))
            finally:
                os.close(descriptor)
        return None

    def _places(self, name: str, began: datetime) -> Iterator[Path]:
        """Where the file may be: by its name, or in a folder a day as some distributions keep them."""
        root = self._root.resolve()
        written = Path(name.removeprefix("audio:").strip())
        day = began.astimezone(self._zone)
        for path in (root / written, root / f"{day:%Y/%m/%d}" / written.name, root / written.name):
            try:
                real = path.resolve()
            except (OSError, RuntimeError, ValueError):
                continue
            # A log is written by others: no name in it may lead out of the directory.
            if real.is_relative_to(root) and real.suffix.lower() in RECORDED:
                yield real


def _read_all(descriptor: int, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := os.read(descriptor, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def sound_of(name: str, content: bytes) -> tuple[Attachment, bytes]:
    """Recorded bytes as an attachment."""
    mime = TYPES.get(Path(name).suffix.lower(), "application/octet-stream")
    file = Attachment(name=shown_name(name), mime=mime, size=len(content), blob=blob_id(content))
    return file, content


def shown_name(name: str) -> str:
    """The file's own name, without where it lies."""
    return Path(name.removeprefix("audio:").strip()).name[-150:]

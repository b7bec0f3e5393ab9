"""The fax door: what the spool, the hook and the mail bring is made visible, read, and stored."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import tzinfo
from pathlib import Path

from channels.base import Accept, Door
from channels.fax.frames import File
from channels.fax.letters import read_fax_letter
from channels.fax.ocr import find_tesseract, read_words
from channels.fax.press import develop
from channels.fax.reading import more_words, show_pages, with_words
from channels.fax.settings import FaxSettings
from channels.fax.spool import Seen, Spool
from channels.fax.tray import Tray
from crm.contact import Arrival, DeliveryReport, Receipt, contact_id
from crm.errors import AgainLater, StoreDown
from crm.record import Clock, now

log = logging.getLogger(__name__)

Tell = Callable[[str, DeliveryReport], Awaitable[bool]]
"""Tells what became of an answer by its contact's id; false: it is not known yet that it left."""

LONGEST_PAUSE = 300.0
PAGE_SECONDS = 120.0
"""That one page may be read for, when nobody waits for it any more."""
_FORGET_EVERY = 3600.0


class FaxSource:
    """Everything received lies in the tray first; nothing leaves it before it is stored and read."""

    channel = "fax"

    def __init__(
        self, settings: FaxSettings, *, home: Path, door: Door, zone: tzinfo, clock: Clock = now
    ) -> None:
        self._settings = settings
        self._tray = Tray(home / "tray")
        self._spool = Spool(settings, self._tray, home=home, zone=zone, clock=clock)
        self._door = door
        self._clock = clock
        self._tell: Tell | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(settings.at_once)
        self._under_way: set[str] = set()
        self._later: dict[str, tuple[float, float]] = {}  # when to try again and how long that was put off
        self._tesseract = find_tesseract() if settings.ocr else ""

    def on_reported(self, tell: Tell) -> None:
        """Who is told what became of answers that left by fax."""
        self._tell = tell

    def sorting(self, accept: Accept) -> Accept:
        """`accept` for the mail doors: a letter that is a fax goes into the tray instead."""

        async def accept_or_take(arrival: Arrival) -> Receipt:
            fax = read_fax_letter(arrival, self._settings)
            if fax is None:
                return await accept(arrival)
            try:
                new = await asyncio.to_thread(self._tray.put, fax)
            except OSError as error:
                raise StoreDown("the fax cannot be kept just now") from error
            self._wake.set()
            return Receipt(fax.contact.id, "", "", 0, repeated=not new)

        return accept_or_take

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        await asyncio.to_thread(self._tray.open)
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(self._serve(accept, tasks), name="fax: serving the tray")]
            if self._settings.watch:
                work.append(tasks.create_task(self._watch(), name="fax: watching the spool"))
            else:
                self._door.up()
            yield
            for task in work:
                task.cancel()

    async def _watch(self) -> None:
        while True:
            try:
                seen = await asyncio.to_thread(self._spool.look)
                await self._report(seen)
            except AgainLater as error:
                log.info("fax: the spool is read again later: %s", type(error).__name__)
            except OSError as error:
                self._door.down(f"the spool cannot be read: {error.strerror or type(error).__name__}")
            except Exception as error:  # noqa: BLE001 - a fault of ours must not close the door for good
                _tell_fault(error)
                self._door.down("a fault of ours: the log says where")
            else:
                self._door.up()
                if seen.faxes:
                    self._wake.set()
                    continue  # there may be more than one look takes in
            await asyncio.sleep(self._settings.poll_seconds)

    async def _report(self, seen: Seen) -> None:
        """Tell what became of our answers; the place in the log is kept only when that is told."""
        for tag, report in seen.reports:
            if self._tell and not await self._tell(contact_id(self.channel, tag), report):
                self._spool.forget_job(tag)
        for line in seen.unreadable:
            reason, _, text = line.partition("\t")
            await asyncio.to_thread(self._tray.set_aside, text.encode(), reason)
            log.error("fax: a line of the log is kept beside the tray: %s", reason)
        if seen.place:
            await asyncio.to_thread(self._spool.keep, seen.place)

    async def _serve(self, accept: Accept, tasks: asyncio.TaskGroup) -> None:
        forgotten = 0.0
        while True:
            self._wake.clear()
            try:
                names = await asyncio.to_thread(self._tray.waiting)
                oldest = await asyncio.to_thread(self._tray.oldest)
                if time.monotonic() - forgotten > _FORGET_EVERY:
                    await asyncio.to_thread(self._tray.forget)
                    forgotten = time.monotonic()
            except OSError as error:
                self._door.down(f"the tray cannot be read: {error.strerror or type(error).__name__}")
                names, oldest = [], None
            await self._tell_reports()
            self._door.lag(time.time() - oldest if oldest else 0.0)
            for name in names:
                if name in self._under_way or self._later.get(name, (0.0, 0.0))[0] > time.monotonic():
                    continue
                await self._room.acquire()
                self._under_way.add(name)
                tasks.create_task(self._deal_with(name, accept), name="fax: one from the tray")
            try:
                async with asyncio.timeout(self._settings.poll_seconds):
                    await self._wake.wait()
            except TimeoutError:
                continue  # the hook may have put one there

    async def _tell_reports(self) -> None:
        """What the hook of finished jobs told; what cannot be told yet is told later."""
        try:
            for name, report in await asyncio.to_thread(self._tray.reports):
                if self._tell is None or await self._tell(contact_id(self.channel, report.key), report):
                    await asyncio.to_thread(self._tray.drop_report, name)
        except (AgainLater, OSError) as error:
            log.info("fax: reports of jobs wait: %s", type(error).__name__)

    async def _deal_with(self, name: str, accept: Accept) -> None:
        try:
            await self._store(name, accept)
        except AgainLater as error:
            log.info("fax: not stored, it stays in the tray: %s", type(error).__name__)
            self._put_off(name)
        except Exception as error:  # noqa: BLE001 - one fax must not stop the others, nor be lost
            _tell_fault(error)
            self._put_off(name)
        else:
            self._later.pop(name, None)
        finally:
            self._under_way.discard(name)
            self._room.release()

    def _put_off(self, name: str) -> None:
        pause = min(2 * self._later.get(name, (0.0, self._settings.poll_seconds / 2))[1], LONGEST_PAUSE)
        self._later[name] = (time.monotonic() + pause, pause)

    async def _store(self, name: str, accept: Accept) -> None:
        arrival = await asyncio.to_thread(self._tray.take, name)
        if arrival is None:
            log.error("fax: a file of the tray is broken and was set aside: %s", name)
            self._door.down("a fax in the tray is broken: its file was set aside")
            return
        shown = await self._shown(arrival)
        pages = _pages(shown)
        words, read = await self._words(pages, self._settings.ocr_seconds)
        await accept(Arrival(with_words(shown.contact, words), shown.blobs))
        self._door.saw_contact()
        if read < len(pages) and self._tesseract:
            rest, _ = await self._words(pages[read:], PAGE_SECONDS * len(pages))
            if rest:
                await accept(Arrival(more_words(shown.contact, rest)))
        await asyncio.to_thread(self._tray.done, name)

    async def _shown(self, arrival: Arrival) -> Arrival:
        files = [
            File(name=file.name, content=arrival.blobs[file.blob])
            for file in arrival.contact.attachments
            if file.blob in arrival.blobs
        ]
        developed = await develop(files, most=self._settings.pages, seconds=self._settings.page_seconds)
        return show_pages(arrival, developed)

    async def _words(self, pages: list[bytes], seconds: float) -> tuple[str, int]:
        """The words of as many pages as can be read in that time, and how many those are."""
        until = time.monotonic() + seconds
        found: list[str] = []
        for page in pages if self._tesseract else ():
            left = min(until - time.monotonic(), PAGE_SECONDS)
            if left <= 0:
                break
            words = await read_words(
                page, program=self._tesseract, languages=self._settings.ocr_languages, seconds=left
            )
            if words is None and time.monotonic() >= until:
                break
            found.append(words or "")
        return "\n\n".join(filter(None, found)), len(found)


def _pages(arrival: Arrival) -> list[bytes]:
    return [arrival.blobs[file.blob] for file in arrival.contact.attachments if file.cid]


def _tell_fault(error: Exception) -> None:
    # Frames only: the message of an exception may quote the customer.
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("fax: %s while serving\n%s", type(error).__name__, where)

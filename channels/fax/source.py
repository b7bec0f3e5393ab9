"""The fax door: what the spool, the hook and the mail bring is made visible, read, and stored."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from channels.base import Accept, Door
from channels.fax.frames import File
from channels.fax.hylafax import BadLine
from channels.fax.letters import read_fax_letter
from channels.fax.ocr import PAGE_SECONDS, find_tesseract, read_pages
from channels.fax.press import develop
from channels.fax.reading import more_words, show_pages, with_words
from channels.fax.settings import FaxSettings
from channels.fax.spool import Closed, Report, Seen, Spool
from channels.fax.state import State
from channels.fax.tray import Tray, Unreadable, Words, read_kept
from channels.fax.unreadable import unreadable
from crm.contact import Arrival, Contact, DeliveryReport, Receipt, contact_id
from crm.errors import AgainLater, BadInput, StoreDown
from crm.record import Clock, now

log = logging.getLogger(__name__)

Tell = Callable[[str, DeliveryReport], Awaitable[bool]]
"""Tells what became of an answer by its contact's id; false: it is not known yet that it left."""

RunAlone = Callable[[str, Callable[[], Awaitable[None]]], Coroutine[Any, Any, None]]
"""`Live.run_alone`: of several processes one watches a spool, and one empties a tray."""

LONGEST_PAUSE = 300.0
_FORGET_EVERY = 3600.0


class FaxSource:
    """Everything received lies in the tray first; nothing leaves it before it is stored and read."""

    channel = "fax"

    def __init__(
        self,
        settings: FaxSettings,
        *,
        home: Path,
        door: Door,
        zone: tzinfo,
        run_alone: RunAlone,
        clock: Clock = now,
    ) -> None:
        self._settings = settings
        self._tray = Tray(home / "tray")
        self._spool = Spool(settings, self._tray, home=home, zone=zone, clock=clock)
        host = socket.gethostname()
        self._leases = (
            f"fax tray {host}:{home.resolve()}",
            f"fax spool {host}:{Path(settings.spool).resolve()}",
        )
        self._door = door
        self._state = State(door, parts=("spool", "tray") if settings.watch else ("tray",))
        self._run_alone = run_alone
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
                return await self._put(fax)
            except OSError as error:
                raise StoreDown("the fax cannot be kept just now") from error

        return accept_or_take

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        await asyncio.to_thread(self._tray.open)
        tray, spool = self._leases
        async with asyncio.TaskGroup() as tasks:
            serve = self._run_alone(tray, partial(self._serve, accept))
            work = [tasks.create_task(serve, name="fax: serving the tray")]
            if self._settings.watch:
                watch = self._run_alone(spool, partial(self._watch, accept))
                work.append(tasks.create_task(watch, name="fax: watching the spool"))
            try:
                yield
            finally:
                for task in work:
                    task.cancel()

    async def read_again(self, contact: Contact, raw: bytes) -> Receipt:
        """What could not be read, once more: files may be open to us now, or our own reader mended.

        Raises `BadInput` saying what is still wrong, or `AgainLater`.
        """
        try:
            if contact.fields.get("kept") == "tray":
                return await self._put(read_kept(raw))
            taken = await asyncio.to_thread(self._spool.take_line, raw)
        except (BadLine, Closed, Unreadable) as bad:
            raise BadInput(f"{contact.fields.get('kept', 'fax')}: {bad}") from bad
        except OSError as error:
            raise StoreDown("the fax cannot be kept just now") from error
        if isinstance(taken, Report):
            await self._tell_one(taken)
        elif taken:
            self._wake.set()
            return Receipt(taken.contact_id, "", "", 0, repeated=not taken.new)
        return Receipt("", "", "", 0, repeated=True)

    async def _put(self, fax: Arrival) -> Receipt:
        new = await asyncio.to_thread(self._tray.put, fax)
        self._wake.set()
        return Receipt(fax.contact.id, "", "", 0, repeated=not new)

    async def _watch(self, accept: Accept) -> None:
        while True:
            try:
                seen = await asyncio.to_thread(self._spool.look)
                await self._report(seen, accept)
            except AgainLater as error:
                log.info("fax: the spool is read again later: %s", type(error).__name__)
            except OSError as error:
                self._state.bad("spool", f"the spool cannot be read: {_why(error)}")
            except Exception as error:  # noqa: BLE001 - a fault of ours must not close the door for good
                _tell_fault(error)
                self._state.bad("spool", "a fault of ours: the log says where")
            else:
                if seen.closed:
                    self._state.bad("spool", f"{seen.closed} files in recvq cannot be read: see RecvFileMode")
                else:
                    self._state.good("spool")
                if seen.faxes:
                    self._wake.set()
                if seen.more:
                    continue
            await asyncio.sleep(self._settings.poll_seconds)

    async def _report(self, seen: Seen, accept: Accept) -> None:
        """Tell what became of our answers; the place in the log is kept only when that is told."""
        try:
            for report in seen.reports:
                await self._tell_one(report)
        except Exception:
            for report in seen.reports:  # told twice is harmless, not at all is not
                self._spool.forget_job(report.tag)
            raise
        for bad in seen.unreadable:
            await accept(unreadable(bad.raw, bad.reason, kept="xferfaxlog", at=self._clock()))
            log.error("fax: a line of the log is a dead letter: %s", bad.reason)
        await asyncio.to_thread(self._spool.keep, seen.place)

    async def _tell_one(self, report: Report) -> None:
        if self._tell and not await self._tell(contact_id(self.channel, report.tag), report.report):
            self._spool.forget_job(report.tag)

    async def _serve(self, accept: Accept) -> None:
        async with asyncio.TaskGroup() as tasks:
            forgotten = -_FORGET_EVERY
            while True:
                self._wake.clear()
                names = list[str]()
                try:
                    names = await self._waiting()
                    if time.monotonic() - forgotten > _FORGET_EVERY:
                        await asyncio.to_thread(self._tray.forget)
                        forgotten = time.monotonic()
                except OSError as error:
                    self._state.bad("tray", f"the tray cannot be read: {_why(error)}")
                else:
                    self._state.good("tray")
                await self._tell_reports()
                await self._begin(names, accept, tasks)
                with suppress(TimeoutError):  # the hook may have put one there
                    async with asyncio.timeout(self._settings.poll_seconds):
                        await self._wake.wait()

    async def _waiting(self) -> list[str]:
        """What lies in the tray, longest first; how long the first one does is told to the door."""
        names = await asyncio.to_thread(self._tray.waiting)
        oldest = await asyncio.to_thread(self._tray.oldest)
        if self._state.is_good:
            self._door.lag(max(0.0, time.time() - oldest) if oldest else 0.0)
        return names

    async def _begin(self, names: list[str], accept: Accept, tasks: asyncio.TaskGroup) -> None:
        for name in names:
            if name in self._under_way or self._later.get(name, (0.0, 0.0))[0] > time.monotonic():
                continue
            await self._room.acquire()
            self._under_way.add(name)
            tasks.create_task(self._deal_with(name, accept), name="fax: one from the tray")

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
        try:
            arrival = await asyncio.to_thread(self._tray.take, name)
        except Unreadable as broken:
            await accept(unreadable(broken.content, str(broken), kept="tray", at=self._clock()))
            await asyncio.to_thread(self._tray.set_aside, name)
            log.error("fax: a file of the tray is damaged, it is a dead letter now: %s", name)
            return
        shown = await self._shown(arrival)
        pages = _pages(shown) if self._tesseract else []
        words = await self._words_kept(name, pages)
        receipt = await accept(Arrival(with_words(shown.contact, words.text), shown.blobs))
        self._door.saw_contact()
        if words.rest is None and words.pages < len(pages):
            rest, _ = await self._words(pages[words.pages :], PAGE_SECONDS * len(pages))
            words = msgspec.structs.replace(words, rest=rest)
            await asyncio.to_thread(self._tray.keep_words, name, words)
        if words.rest:
            key = receipt.contact_id.partition(":")[2]
            await accept(Arrival(more_words(shown.contact, key, words.rest)))
        await asyncio.to_thread(self._tray.done, name)

    async def _words_kept(self, name: str, pages: list[bytes]) -> Words:
        """The words to route it with: those that were read before we died, or for as long as is allowed."""
        words = await asyncio.to_thread(self._tray.words, name)
        if words is None:
            text, read = await self._words(pages, self._settings.ocr_seconds)
            words = Words(text=text, pages=read)
            if pages:
                await asyncio.to_thread(self._tray.keep_words, name, words)
        return words

    async def _shown(self, arrival: Arrival) -> Arrival:
        files = [
            File(name=file.name, content=arrival.blobs[file.blob])
            for file in arrival.contact.attachments
            if file.blob in arrival.blobs
        ]
        developed = await develop(files, most=self._settings.pages, seconds=self._settings.page_seconds)
        return show_pages(arrival, developed)

    async def _words(self, pages: list[bytes], seconds: float) -> tuple[str, int]:
        languages = self._settings.ocr_languages
        return await read_pages(pages, program=self._tesseract, languages=languages, seconds=seconds)


def _pages(arrival: Arrival) -> list[bytes]:
    return [arrival.blobs[file.blob] for file in arrival.contact.attachments if file.cid]


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _tell_fault(error: Exception) -> None:
    # Frames only: the message of an exception may quote the customer.
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("fax: %s while serving\n%s", type(error).__name__, where)

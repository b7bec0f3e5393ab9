"""Sends answers by fax: pages are laid out here, and HylaFAX's `sendfax` puts them into its queue."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import NamedTuple

from channels.base import Reply
from channels.fax.frames import File, Typeset
from channels.fax.press import typeset
from channels.fax.settings import FaxSettings
from crm.contact import Contact
from crm.errors import DeliveryDelayed, DeliveryFailed
from crm.record import Clock, now

FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
)
SECONDS = 60.0
"""That HylaFAX may take to answer, and pages to be laid out."""

log = logging.getLogger(__name__)

_QUEUED = re.compile(r"(?:request|job) id is (\d+)")
_DIALLED = re.compile(r"\+?\d{2,20}\Z")
_TAGS = 'JobFmt: "%j|%J"\n'


class _Said(NamedTuple):
    code: int
    out: str


class FaxOutlet:
    """Hands jobs to the hfaxd of the settings. The key of an answer is the tag of its job."""

    channel = "fax"

    def __init__(self, settings: FaxSettings, *, zone: tzinfo, clock: Clock = now) -> None:
        self._settings = settings
        self._font = find_font(settings)
        self._zone = zone
        self._clock = clock
        self._home: Path | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FaxOutlet]:
        """The outlet, with a place of its own for the pages on their way."""
        with tempfile.TemporaryDirectory(prefix="onewindow-fax-") as home:
            self._home = Path(home)
            # How faxstat tells of jobs is read from the home of whoever asks.
            await asyncio.to_thread((self._home / ".hylarc").write_text, _TAGS, "ascii")
            yield self

    def key_for(self, new_id: str) -> str:
        return new_id

    async def deliver(self, reply: Reply) -> str:
        contact = reply.contact
        number = _number(contact)
        if job := await self._job_of(contact.key):
            return job  # it was handed over, and we died before we could write that down
        asked = Typeset(
            words=contact.text,
            head=self._head(number, contact.received_at),
            font=self._font,
            files=tuple(
                File(name=file.name, content=reply.blobs.get(file.blob, b"")) for file in contact.attachments
            ),
        )
        return await self._submit(contact.key, number, await typeset(asked, seconds=SECONDS))

    def _head(self, number: str, at: datetime) -> str:
        settings = self._settings
        moment = at.astimezone(self._zone).strftime("%d.%m.%Y %H:%M")
        who = " ".join(filter(None, (settings.sender_name, settings.sender_number)))
        return "   ".join(filter(None, (moment, who, f"→ {number}")))

    async def _submit(self, key: str, number: str, pages: bytes) -> str:
        if self._home is None:
            raise RuntimeError("the outlet is not open")
        path = self._home / f"{key[:64]}.tif"
        await asyncio.to_thread(path.write_bytes, pages)
        settings = self._settings
        station = ["-S", settings.sender_number] if settings.sender_number else []
        try:
            said = await self._run(
                settings.sendfax,
                *("-n", "-m", "-s", "a4", "-i", key, "-t", str(settings.tries), "-T", str(settings.dials)),
                *(*station, "-f", "onewindow", "-h", settings.server, "-d", number, str(path)),
            )
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        queued = _QUEUED.search(said.out)
        if said.code == 0 and queued:
            return queued[1]
        raise _refusal(said)

    async def _job_of(self, key: str) -> str:
        """The job that has this tag, waiting, on its way or just over; empty where there is none."""
        said = await self._run(self._settings.faxstat, "-s", "-d", "-h", self._settings.server)
        if said.code:
            raise DeliveryDelayed("the fax server cannot be reached")
        for line in said.out.splitlines():
            job, bar, tag = line.strip().partition("|")
            if bar and tag.strip() == key and job.strip().isdigit():
                return job.strip()
        return ""

    async def _run(self, program: str, *arguments: str) -> _Said:
        environment = {**os.environ, "HOME": str(self._home), "LC_ALL": "C", "FAXUSER": "onewindow"}
        try:
            process = await asyncio.create_subprocess_exec(
                *(program, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                env=environment,
            )
        except OSError as error:
            raise DeliveryDelayed(f"{Path(program).name} cannot be run") from error
        try:
            async with asyncio.timeout(SECONDS):
                out, problem = await process.communicate()
        except TimeoutError as error:
            raise DeliveryDelayed("the fax server did not answer in time") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _Said(
            process.returncode or 0, f"{out.decode(errors='replace')}\n{problem.decode(errors='replace')}"
        )


def find_font(settings: FaxSettings) -> str:
    """The font to write with. Empty where there is none: then answers cannot go by fax."""
    return next((path for path in (settings.font, *FONTS) if path and Path(path).is_file()), "")


def _number(contact: Contact) -> str:
    """Whom to call. Raises `DeliveryFailed` for an address that no machine can dial."""
    value = next((to.value for to in contact.recipients if to.kind == "fax"), "")
    number = ("+" if value.strip().startswith("+") else "") + re.sub(r"\D", "", value)
    if not _DIALLED.match(number):
        raise DeliveryFailed("the answer has no fax number that can be dialled")
    return number


def _refusal(said: _Said) -> DeliveryDelayed | DeliveryFailed:
    """HylaFAX's no. Its words may name the customer's number: only what kind of no it was is told."""
    reply = re.search(r"\b([45]\d\d)[ -]", said.out)
    log.warning("fax: sendfax refused, exit=%d, reply=%s", said.code, reply[1] if reply else "none")
    if reply and reply[1].startswith("5") and reply[1] not in ("530", "550"):
        return DeliveryFailed(f"the fax server refused the job: {reply[1]}")
    return DeliveryDelayed(f"the fax server does not take the job now: {reply[1] if reply else 'no reply'}")

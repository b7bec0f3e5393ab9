"""Fax on the contract's bench: the tray as HylaFAX's hook fills it, and the real hfaxd behind the outlet."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Literal

import msgspec

from channels.base import Accept
from channels.fax.frames import File
from channels.fax.hylafax import read_faxrcvd
from channels.fax.ocr import find_tesseract, read_words
from channels.fax.outlet import FaxOutlet
from channels.fax.press import develop
from channels.fax.reading import of_hook, read_fax
from channels.fax.tray import Tray
from crm.contact import Address, Arrival, Contact, Receipt, contact_id
from tests.channels.contract import Told
from tests.channels.fax.hylafax import FaxServer, a_server
from tests.channels.fax.machines import MOMENT, Machine, Received, a_door, a_fax, a_page, settings_for
from tests.polling import until


class _Machine:
    """Hands faxes over as `onewindow fax-received` does: "received" is that the tray let go of it."""

    def __init__(self, home: Path) -> None:
        self._home = home / "ours" / "tray"
        self._tray = Tray(self._home)
        self._numbers: dict[str, int] = {}
        self.ended: dict[str, asyncio.Queue[bool]] = {}

    async def send(self, key: str, words: str) -> Told:
        call = Received(self._numbers.setdefault(key, len(self._numbers) + 1))
        for done in self._home.glob("*.done"):
            done.unlink()  # as if it were so long ago that nobody remembers
        handed = read_faxrcvd([call.qfile, "ttyS0", f"{call.number:09}", "", call.caller, call.name, ""])
        fax = read_fax(of_hook(handed), a_fax(a_page(words, height=260)), received_at=MOMENT)
        ended = self.ended[fax.contact.id] = asyncio.Queue()
        await asyncio.to_thread(self._tray.put, fax)
        if not await ended.get():
            return Told("again later", "")

        async def waits() -> bool:
            return bool(self._tray.waiting())

        await until(waits, False)
        return Told("received", "")


class FaxSourceRig:
    name = "fax"
    needs = ("tesseract",)

    @asynccontextmanager
    async def open(self, accept: Accept) -> AsyncIterator[_Machine]:
        with tempfile.TemporaryDirectory() as home:
            machine = _Machine(Path(home))
            Machine(Path(home, "spool"))

            async def accept_and_note(arrival: Arrival) -> Receipt:
                try:
                    receipt = await accept(arrival)
                except BaseException:
                    machine.ended[arrival.contact.id].put_nowait(False)
                    raise
                machine.ended[arrival.contact.id].put_nowait(True)
                return receipt

            async with a_door(Path(home), accept_and_note, ocr=True, ocr_languages="eng"):
                yield machine


class _Peer:
    def __init__(self, server: FaxServer, outlet: FaxOutlet) -> None:
        self._server = server
        self.outlet = outlet
        self._number = "+74951234567"

    def answer(self, new_id: str, words: str) -> Contact:
        return an_answer(self.outlet, new_id, words, number=self._number)

    def be(self, mood: Literal["willing", "busy", "refusing"]) -> None:
        self._number = "an extension" if mood == "refusing" else "+74951234567"
        if mood == "busy":
            self._server.stop()
        elif mood == "willing":
            self._server.start()

    async def received(self) -> list[tuple[str, str]]:
        jobs = sorted(self._server.jobs(), key=lambda job: int(job["jobid"]))
        return [(job["jobtag"], await words_of(self._server, job)) for job in jobs]


def an_answer(outlet: FaxOutlet, new_id: str, words: str, *, number: str = "+74951234567") -> Contact:
    key = outlet.key_for(new_id)
    return Contact(
        id=contact_id("fax", key),
        channel="fax",
        key=key,
        direction="outbound",
        received_at=MOMENT,
        sender=Address(kind="fax", value="+74955550000"),
        recipients=(Address(kind="fax", value=number),),
        text=words,
        delivery="queued",
    )


async def words_of(server: FaxServer, job: dict[str, str]) -> str:
    """What stands on the pages of a job, without the line above each."""
    name = job["tiff"].split(":")[-1]
    content = (server.spool / name).read_bytes()
    developed = await develop([File(name=name, content=content)], most=9, seconds=30)
    read = [
        await read_words(sheet.png, program=find_tesseract(), languages="eng", seconds=60) or ""
        for sheet in developed.sheets
    ]
    return "\n".join(words.partition("\n")[2].strip() for words in read)


class FaxOutletRig:
    name = "fax"
    needs = ("hylafax-server", "hylafax-client", "tesseract")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_Peer]:
        with a_server() as server:
            settings = msgspec.structs.replace(settings_for(server.spool), server=server.address)
            async with FaxOutlet(settings, zone=UTC, clock=lambda: MOMENT).open() as outlet:
                yield _Peer(server, outlet)

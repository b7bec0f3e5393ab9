"""Builders for the tests of fax: pages as machines send them, whole and broken files, a spool, a door."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, TiffImagePlugin

from channels.base import Accept
from channels.fax.settings import FaxSettings
from channels.fax.source import FaxSource
from crm.contact import Arrival, DeliveryReport, Receipt
from storage.live import MemoryLive

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FINE, STANDARD = 196, 98


def a_page(words: str = "", *, lines_per_inch: int = FINE, height: int = 500) -> Image.Image:
    """A strip of paper with words on it, 1728 dots wide, as a machine scans it."""
    paper = Image.new("L", (1728, height), 255)
    pen = ImageDraw.Draw(paper)
    pen.text((120, 80), words, font=ImageFont.truetype(FONT, 48), fill=0, spacing=20)
    seen = (1728, height * lines_per_inch // FINE)
    return paper.resize(seen, Image.Resampling.BOX).point(lambda tone: 255 if tone > 140 else 0, mode="1")


def a_fax(
    *pages: Image.Image,
    compression: str = "group3",
    lines_per_inch: int = FINE,
    station: str = "+7 495 000-00-00",
    made_at: str = "2026:03:02 12:30:00",
    two_dimensional: bool = False,
) -> bytes:
    """A TIFF as HylaFAX leaves it in recvq."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[305], tags[306] = station, "HylaFAX (tm) Version 6.0.7", made_at
    tags.tagtype[34908] = tags.tagtype[34910] = 4
    tags[34908], tags[34910] = 1, 45
    if two_dimensional:
        tags[292] = 1
    made = io.BytesIO()
    first, *others = pages or (a_page("The lamp is red."),)
    first.save(
        made,
        "TIFF",
        save_all=True,
        append_images=others,
        compression=compression,
        dpi=(204, lines_per_inch),
        tiffinfo=tags,
        strip_size=1728 * 4000,
    )
    return made.getvalue()


def looping(content: bytes) -> bytes:
    """The same file, whose last page says that the first one follows."""
    looped = bytearray(content)
    (first,) = struct.unpack_from("<I", looped, 4)
    at = first
    while True:
        (count,) = struct.unpack_from("<H", looped, at)
        place = at + 2 + 12 * count
        (following,) = struct.unpack_from("<I", looped, place)
        if not following:
            struct.pack_into("<I", looped, place, first)
            return bytes(looped)
        at = following


class Shelf:
    """Takes what the door hands over, the same id once; `refusing` makes it refuse."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.refusing: Exception | None = None

    async def accept(self, arrival: Arrival) -> Receipt:
        if self.refusing:
            raise self.refusing
        known = {one.contact.id for one in self.arrivals}
        if arrival.contact.id not in known:
            self.arrivals.append(arrival)
        return Receipt(
            arrival.contact.id, "customer", "7", len(self.arrivals), repeated=arrival.contact.id in known
        )

    async def readable(self) -> list[str]:
        return sorted(arrival.contact.key for arrival in self.arrivals if not arrival.unreadable)

    async def count(self) -> int:
        return len(self.arrivals)

    async def keys(self) -> list[str]:
        return sorted(arrival.contact.key for arrival in self.arrivals)


class Bell:
    """A door of the supervisor's page that remembers what it was told."""

    def __init__(self) -> None:
        self.state = ""
        self.behind = -1.0
        self.contacts = 0

    def up(self) -> None:
        self.state = "up"

    def down(self, problem: str) -> None:
        self.state = problem

    def saw_contact(self) -> None:
        self.contacts += 1

    def lag(self, seconds: float) -> None:
        self.behind = seconds


class Received(NamedTuple):
    """A call as the log tells of it."""

    number: int
    reason: str = ""
    caller: str = "+74951234567"
    name: str = "IVAN"
    pages: int = 1
    at: datetime = MOMENT

    @property
    def qfile(self) -> str:
        return f"recvq/fax{self.number:09}.tif"

    def line(self) -> str:
        """Field by field as HylaFAX 6.0.7 writes it: the caller's name before his number."""
        fields = (
            *(f"{self.at:%m/%d/%y %H:%M}", "RECV", f"{self.number:09}", "ttyS0", self.qfile, '""', "fax"),
            *('"84955550000"', '"+7 495 000-00-00"', "4194317", str(self.pages), "0:01:10", "0:00:58"),
            *(f'"{self.reason}"', f'"{self.name}"', f'"{self.caller}"', '""', '""', '"00 78 C6"'),
        )
        return "\t".join(fields) + "\n"


class Machine:
    """A HylaFAX spool that a test writes into."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("recvq", "etc", "doneq"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self.log = root / "etc" / "xferfaxlog"

    def receives(self, call: Received, content: bytes | None = None) -> None:
        """The file first, then the line of the log, as faxgetty does it."""
        if content is not None:
            (self.root / call.qfile).write_bytes(content)
        self.writes(call.line())

    def writes(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(text)


def settings_for(root: Path, **given: object) -> FaxSettings:
    values = {
        "spool": str(root),
        "poll_seconds": 0.05,
        "history_days": 100,
        "ocr": False,
        "time_zone": "UTC",
        **given,
    }
    return FaxSettings(**values)  # type: ignore[arg-type]


@asynccontextmanager
async def a_door(
    home: Path,
    accept: Accept,
    *,
    told: list[tuple[str, DeliveryReport]] | None = None,
    live: MemoryLive | None = None,
    **given: object,
) -> AsyncIterator[tuple[FaxSource, Bell]]:
    """The fax door over the spool in `home`, with its own things beside it."""
    bell = Bell()
    source = FaxSource(
        settings_for(home / "spool", **given),
        home=home / "ours",
        door=bell,
        zone=UTC,
        run_alone=(live or MemoryLive()).run_alone,
        clock=lambda: MOMENT,
    )

    async def tell(contact_id: str, report: DeliveryReport) -> bool:
        if told is not None:
            told.append((contact_id, report))
        return True

    source.on_reported(tell)
    async with source.listening(accept):
        yield source, bell


def names(arrival: Arrival) -> Sequence[str]:
    return [file.name for file in arrival.contact.attachments]

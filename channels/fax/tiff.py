"""Reads what a TIFF says of its pages, without opening any of them: damaged and looping files end too."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import NamedTuple

MOST_PAGES = 1000
MOST_TAGS = 200
MOST_PIXELS = 60_000_000
"""Of one page; A3 at the finest that fax knows (400 dpi) has 31 million."""
LONGEST_SIDE = 30_000
FAX_COMPRESSIONS = {2: "MH", 3: "G3", 4: "G4"}

_HEADS = {b"II*\x00": "<", b"MM\x00*": ">"}
_SIZES = {1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 6: "b", 7: "c", 8: "h", 9: "i", 10: "ii"}
_ASCII = 2
_WIDTH, _LENGTH, _COMPRESSION = 256, 257, 259
_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 282, 283, 296
_SENDER, _MADE_BY, _MADE_AT = 270, 305, 306  # what `faxinfo` shows as Sender and Received
_RECEIVING_TOOK = 34910
_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)\Z")
_PER_CENTIMETRE = 3
_TEXT_LIMIT = 300


class Page(NamedTuple):
    """One page. `place` is that in the chain, from 0; resolutions are in dots an inch."""

    place: int
    width: int
    height: int
    x_dpi: float
    y_dpi: float
    compression: int


class Tiff(NamedTuple):
    """What the file says; `problems` are codes of what is wrong with it as a whole."""

    pages: tuple[Page, ...] = ()
    problems: tuple[str, ...] = ()
    station: str = ""  # how the sending machine calls itself
    software: str = ""
    made_at: str = ""
    seconds: int = 0  # that receiving took


Tags = Mapping[int, tuple[int, ...] | bytes]


def is_tiff(content: bytes) -> bool:
    """By its first bytes, whatever its sender called it."""
    return content[:4] in _HEADS


def read_tiff(content: bytes) -> Tiff:
    """The pages of a TIFF, in time bounded by their number. Never fails: `problems` says what is wrong.

    `not_tiff`, `no_pages`, `chain_loops`, `chain_broken`, `too_many_pages`, `page_too_large`.
    """
    order = _HEADS.get(content[:4])
    if not order:
        return Tiff(problems=("not_tiff",))
    chain, problems = _read_chain(content, order)
    pages = []
    for index, tags in enumerate(chain):
        page = _read_page(index, tags)
        if page is None:
            problems.append(
                "page_too_large" if _side(tags, _WIDTH) and _side(tags, _LENGTH) else "page_empty"
            )
        else:
            pages.append(page)
    if not pages and not problems:
        problems.append("no_pages")
    first: Tags = chain[0] if chain else {}
    return Tiff(
        tuple(pages),
        tuple(dict.fromkeys(problems)),
        station=_text(first, _SENDER),
        software=_text(first, _MADE_BY),
        made_at=_text(first, _MADE_AT),
        seconds=sum(_whole(tags, _RECEIVING_TOOK) or 0 for tags in chain),
    )


def read_made_at(text: str, zone: tzinfo) -> datetime | None:
    """The moment of a TIFF's own date; None for what is no date."""
    found = _DATE.match(text)
    if found:
        with suppress(ValueError):
            year, month, day, hour, minute, second = map(int, found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    return None


def _read_chain(content: bytes, order: str) -> tuple[list[Tags], list[str]]:
    """Every directory of the chain once, and what stopped it."""
    chain: list[Tags] = []
    seen: set[int] = set()
    (at,) = struct.unpack_from(f"{order}I", content, 4) if len(content) >= 8 else (0,)
    while at:
        if at in seen:
            return chain, ["chain_loops"]
        if len(chain) >= MOST_PAGES:
            return chain, ["too_many_pages"]
        seen.add(at)
        try:
            (count,) = struct.unpack_from(f"{order}H", content, at)
            tags = _read_tags(content, order, at + 2, min(count, MOST_TAGS))
            (following,) = struct.unpack_from(f"{order}I", content, at + 2 + 12 * count)
        except struct.error:
            return chain, ["chain_broken"]
        chain.append(tags)
        at = following
    return chain, []


def _read_tags(content: bytes, order: str, at: int, count: int) -> Tags:
    tags: dict[int, tuple[int, ...] | bytes] = {}
    for place in range(at, at + 12 * count, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", content, place)
        if kind not in _SIZES or tag in tags:
            continue
        size = struct.calcsize(f"<{_SIZES[kind]}") * number
        where = place + 8 if size <= 4 else struct.unpack_from(f"{order}I", content, place + 8)[0]
        if kind == _ASCII:
            tags[tag] = content[where : where + min(number, _TEXT_LIMIT)]
        elif number:
            with suppress(struct.error):  # it points outside the file: as if it were not there
                tags[tag] = struct.unpack_from(f"{order}{_SIZES[kind]}", content, where)
    return tags


def _read_page(index: int, tags: Tags) -> Page | None:
    width, height = _side(tags, _WIDTH), _side(tags, _LENGTH)
    if not 0 < width <= LONGEST_SIDE or not 0 < height <= LONGEST_SIDE or width * height > MOST_PIXELS:
        return None
    per_inch = 2.54 if _whole(tags, _UNIT) == _PER_CENTIMETRE else 1.0
    x_dpi = _ratio(tags, _X_RESOLUTION) * per_inch
    y_dpi = _ratio(tags, _Y_RESOLUTION) * per_inch
    if not 20 <= x_dpi <= 2400 or not 20 <= y_dpi <= 2400:
        x_dpi, y_dpi = _guessed(width, height)
    return Page(index, width, height, x_dpi, y_dpi, _whole(tags, _COMPRESSION) or 1)


def _guessed(width: int, height: int) -> tuple[float, float]:
    """The resolution of a page that does not say: a fax line has 1728 dots on 215 mm, a page is upright."""
    across = width / 8.47
    return across, across / 2 if height < width else across


def _side(tags: Tags, tag: int) -> int:
    return _whole(tags, tag) or 0


def _whole(tags: Tags, tag: int) -> int | None:
    value = tags.get(tag)
    return value[0] if isinstance(value, tuple) and isinstance(value[0], int) else None


def _ratio(tags: Tags, tag: int) -> float:
    value = tags.get(tag)
    if isinstance(value, tuple) and len(value) == 2 and value[1]:
        return value[0] / value[1]
    return float(value[0]) if isinstance(value, tuple) and len(value) == 1 else 0.0


def _text(tags: Tags, tag: int) -> str:
    value = tags.get(tag)
    return (
        " ".join(value.split(b"\0")[0].decode("utf-8", "replace").split()) if isinstance(value, bytes) else ""
    )

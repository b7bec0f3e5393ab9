"""HylaFAX's log as it grows: new lines come out once, also when it is renamed, copied away, cut or packed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

MOST_BYTES = 1 << 20
"""Of the log, in one look."""

_PRINT = 256  # bytes before our place by which it is known again
_LATE = 2.0  # seconds by which the times of files may be behind the clock


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log was read: the file by its inode, the byte in it and a digest of what stands before.

    `since` is what is too old to be ours, `looked` when that file was read last, by `time.time()`.
    """

    since: datetime
    inode: int = 0
    offset: int = 0
    print: str = ""
    looked: float = 0.0


class Chunk(NamedTuple):
    """Lines that are new, the place behind them, and whether there may be more."""

    lines: list[bytes]
    place: Place
    more: bool = False


class _File(NamedTuple):
    path: Path
    inode: int
    size: int
    modified: float
    packed: bool


def read_log(path: Path, place: Place, *, at: float) -> Chunk:
    """The whole lines after that place, in the order they were written. Raises `OSError`.

    A place that is in no file any more (the log was thrown away or edited) is given up: what was written
    since it was last read is read from the beginning of its file, some of it perhaps again.
    """
    files = _log_files(path)
    # The file itself before any copy of it: one that somebody keeps beside it has the same bytes.
    by_inode = sorted(range(len(files)), key=lambda index: files[index].inode != place.inode)
    begin = next((index for index in by_inode if _stands_in(files[index], place)), None)
    offset = place.offset
    if begin is None:
        since = (place.looked or place.since.timestamp()) - _LATE
        files = [file for file in files if file.modified >= since or file.path == path]
        begin, offset = 0, 0
    lines: list[bytes] = []
    room = MOST_BYTES
    for file in files[begin:]:
        read, end, whole = _read_lines(file, offset, room, last=file is files[-1])
        lines += read
        room -= end - offset
        place = Place(
            since=place.since, inode=file.inode, offset=end, print=_print_of(file, end) or "", looked=at
        )
        if not whole:
            return Chunk(lines, place, more=True)
        offset = 0
    return Chunk(lines, place)


def _log_files(path: Path) -> list[_File]:
    """The log and what it was before, in the order they were written."""
    found = list(_with_status(path.parent.glob(f"{path.name}[.-]*")))
    older = sorted((file for file in found if file.size), key=_age)
    return [*older, *_with_status([path])]


def _age(file: _File) -> tuple[float, int]:
    """Oldest first; of two that were written in one moment the higher number is the older."""
    number = file.path.name.removesuffix(".gz").rpartition(".")[2]
    return file.modified, -int(number) if number.isdecimal() else 0


def _with_status(paths: Iterator[Path] | list[Path]) -> Iterator[_File]:
    for path in paths:
        with suppress(FileNotFoundError):
            status = path.stat()
            yield _File(path, status.st_ino, status.st_size, status.st_mtime, path.suffix == ".gz")


def _stands_in(file: _File, place: Place) -> bool:
    """Whether our place is in this file: by what stands before it, not by its name."""
    if not place.inode or (not place.print and file.inode != place.inode):
        return False
    if file.packed:
        return file.modified >= place.looked - _LATE and _print_of(file, place.offset) == place.print
    if file.size < place.offset:
        return False
    return not place.print or _print_of(file, place.offset) == place.print


def _print_of(file: _File, offset: int) -> str | None:
    """A digest of what stands before the place; empty at a file's beginning, None where it is shorter."""
    begin = max(0, offset - _PRINT)
    with _opened(file) as content:
        content.seek(begin)
        before = content.read(offset - begin)
    if len(before) < offset - begin:
        return None
    return sha256(before).hexdigest()[:16] if before else ""


def _read_lines(file: _File, offset: int, room: int, *, last: bool) -> tuple[list[bytes], int, bool]:
    """Whole lines from there, where they end, and whether the file was read to its end.

    Half a line is read when its end is written; in a file that another followed nobody writes it any more.
    """
    with _opened(file) as opened:
        opened.seek(offset)
        content = opened.read(room)
    whole = len(content) < room
    end = content.rfind(b"\n") + 1
    if whole and not last:
        end = len(content)
    elif not whole and not end and room == MOST_BYTES:
        end = len(content)  # no line is that long: whatever it is, it must not stop what follows
    return [line for line in content[:end].split(b"\n") if line.strip()], offset + end, whole


def _opened(file: _File) -> BinaryIO:
    if file.packed:
        return cast("BinaryIO", gzip.open(file.path, "rb"))
    return file.path.open("rb")

"""The tail of a log: its whole lines in order, through rotation, truncation and lines half written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

HEAD = 512
"""Bytes of its beginning that a file is known by, whatever it is called after it was rotated."""

CHUNK = 1024 * 1024


class Place(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How far a log was read: in the file that begins so, up to this byte."""

    inode: int = 0
    offset: int = 0
    head_size: int = 0
    head: str = ""


class Line(NamedTuple):
    """One line without its end, where it begins, and whether it was too long to be read whole."""

    raw: bytes
    place: Place
    too_long: bool = False


class Chunk(NamedTuple):
    """Lines in order. `next` is where reading goes on; `caught_up` tells that there is no more for now."""

    lines: list[Line]
    next: Place
    caught_up: bool


class Tail:
    """Reads a log that somebody else writes. It blocks: call it in a thread."""

    def __init__(self, path: Path, place: Place | None = None, *, line_limit: int = 64 * 1024) -> None:
        self._path = path
        self._line_limit = line_limit
        self._file: _File | None = None
        self._waiting: list[tuple[Path, int]] = []  # files to be read before that of the path
        self._skipping = False  # in the middle of a line that is too long
        self._at_end = False  # the last look found nothing more, and another file under our name
        self._known = place or Place()
        self._resuming = place is not None  # the file that was being read is yet to be found

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()
            self._file = None

    def read(self) -> Chunk:
        """What there is now, up to a chunk of it. Raises `OSError` when the log cannot be read."""
        if self._resuming:
            # Not before: between the start and the first look the log may be rotated.
            self._waiting = _rotated_since(self._path, self._known)
            self._resuming = False
        file = self._file or self._open_next()
        if file is None:
            return Chunk([], self._known, caught_up=True)
        if file.is_another():
            return self._begin_again(file)
        lines, read = self._lines(file)
        self._known = file.place()
        if lines or read:
            self._at_end = False
            return Chunk(lines, self._known, caught_up=False)
        return self._look_further(file)

    def _lines(self, file: _File) -> tuple[list[Line], int]:
        data = file.read(CHUNK)
        lines: list[Line] = []
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0:
            if not self._skipping:
                lines.append(self._line(file, data[begin:end]))
            self._skipping = False
            file.offset += end + 1 - begin
            begin = end + 1
        rest = len(data) - begin
        if rest > self._line_limit:
            if not self._skipping:
                lines.append(self._line(file, data[begin:]))
            self._skipping = True
            file.offset += rest
            begin = len(data)
        return lines, begin

    def _line(self, file: _File, raw: bytes) -> Line:
        too_long = len(raw) > self._line_limit
        return Line(raw[: self._line_limit].rstrip(b"\r"), file.place(), too_long)

    def _look_further(self, file: _File) -> Chunk:
        """At the end of a file: has another taken its name?"""
        if not self._waiting and file.is_still(self._path):
            return Chunk([], self._known, caught_up=True)
        if not self._at_end:
            # Whoever wrote it may have had it open a moment longer: look once more before it is left.
            self._at_end = True
            return Chunk([], self._known, caught_up=True)
        self._at_end = False
        if not self._waiting:  # it may have been rotated more than once since
            self._waiting = _rotated_since(self._path, file.place())[1:]
        left = file.read(CHUNK)
        lines = [self._line(file, left)] if left and not self._skipping else []
        file.close()
        self._file = None
        self._skipping = False
        following = self._open_next()
        if following:
            self._known = following.place()
        return Chunk(lines, self._known, caught_up=False)

    def _begin_again(self, file: _File) -> Chunk:
        """Its content was taken away: what we had not read may lie in a copy (copytruncate)."""
        place = self._known
        file.close()
        self._file = None
        self._skipping = False
        self._waiting = _rotated_since(self._path, place)
        following = self._open_next()
        if following:
            self._known = following.place()
        return Chunk([], self._known, caught_up=False)

    def _open_next(self) -> _File | None:
        while self._waiting:
            path, offset = self._waiting.pop(0)
            with suppress(FileNotFoundError):
                self._file = _File(path, offset)
                return self._file
        with suppress(FileNotFoundError):
            self._file = _File(self._path, 0)
        return self._file


class _File:
    """An open file that is known by its beginning."""

    def __init__(self, path: Path, offset: int) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.offset = offset
        self._inode = os.fstat(self._fd).st_ino
        self._head = b""
        self._digest = ""
        self._grow_head()

    def close(self) -> None:
        os.close(self._fd)

    def place(self) -> Place:
        return Place(self._inode, self.offset, len(self._head), self._digest)

    def read(self, size: int) -> bytes:
        data = os.pread(self._fd, size, self.offset)
        self._grow_head()
        return data

    def is_another(self) -> bool:
        """It is shorter than what was read of it, or begins otherwise: it was emptied and written anew."""
        if os.fstat(self._fd).st_size < self.offset:
            return True
        return os.pread(self._fd, len(self._head), 0) != self._head

    def is_still(self, path: Path) -> bool:
        """No other file has the name. With nothing under the name, one is awaited."""
        try:
            return path.stat().st_ino == self._inode
        except FileNotFoundError:
            return True

    def _grow_head(self) -> None:
        if len(self._head) < HEAD:
            # Only what was read counts: behind it a line may still be in the making.
            self._head = os.pread(self._fd, min(HEAD, self.offset), 0)
            self._digest = _digest(self._head)


def _rotated_since(path: Path, place: Place) -> list[tuple[Path, int]]:
    """The file that was being read, whatever it is called now, from that place on, and those after it."""
    found: list[tuple[int, Path, bool]] = []
    for each in _siblings(path):
        with suppress(OSError):
            stat = each.stat()
            found.append((stat.st_mtime_ns, each, stat.st_size >= place.offset and _begins_so(each, place)))
    ours = [one for one in found if one[2]]
    if not ours:
        return []
    # A copy and the emptied original may both begin so while nothing was written: the rotated one is meant.
    then = min(ours, key=lambda one: (one[1] == path, one[0]))
    later = sorted(one for one in found if one[0] > then[0] and one[1] not in (path, then[1]))
    files = [(then[1], place.offset), *((each, 0) for _, each, _ in later)]
    return files if then[1] == path else [*files, (path, 0)]


def _siblings(path: Path) -> Iterator[Path]:
    yield path
    with suppress(OSError):
        for each in path.parent.iterdir():
            if each.name.startswith(path.name) and each != path and not each.name.endswith(_PACKED):
                yield each


_PACKED = (".gz", ".bz2", ".xz", ".zst")


def _begins_so(path: Path, place: Place) -> bool:
    if not place.head_size:
        return path.stat().st_ino == place.inode
    with path.open("rb") as file:
        return _digest(file.read(place.head_size)) == place.head


def _digest(head: bytes) -> str:
    return sha256(head).hexdigest()[:32] if head else ""

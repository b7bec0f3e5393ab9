"""The tray: where a fax lies, safe from a power cut, from when we took it until it is stored and read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from crm.contact import Arrival, Contact, DeliveryReport

REMEMBERED = 40 * 24 * 3600.0
"""Seconds for which it is known that a fax was dealt with: HylaFAX keeps its files for a month by default."""

_FAX, _WORDS, _JOB, _DONE, _BROKEN, _NEW = ".fax", ".words", ".job", ".done", ".broken", ".new"


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    contact: Contact
    blobs: dict[str, bytes]


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What was read on the pages of a fax, kept before it is told: read again it might be parted otherwise.

    `text` is of the first `pages`, with which it is routed; `rest` of the others, None until they are read.
    """

    text: str
    pages: int
    rest: str | None = None


class Unreadable(ValueError):
    """A file of the tray that is damaged, with what is in it."""

    def __init__(self, content: bytes) -> None:
        super().__init__("the file of a fax in our tray is damaged")
        self.content = content


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)
_words = msgspec.msgpack.Decoder(Words)


class Tray:
    """A directory with a file for each fax. Every method blocks, and may raise `OSError`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def open(self) -> None:
        """Make it, and clear away what a crash left half written."""
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        for half in self._home.glob(f"*{_NEW}"):
            if time.time() - half.stat().st_mtime > 3600:
                half.unlink(missing_ok=True)

    def put(self, arrival: Arrival) -> bool:
        """Take a fax. When it returns the fax survives a power cut; false: it was taken before."""
        name = name_of(arrival.contact)
        if any((self._home / f"{name}{ending}").exists() for ending in (_FAX, _DONE)):
            return False
        kept = _Kept(contact=arrival.contact, blobs=dict(arrival.blobs))
        write_durably(self._home / f"{name}{_FAX}", _encoder.encode(kept))
        return True

    def put_report(self, report: DeliveryReport) -> None:
        """Keep what became of an answer until it is told."""
        content = msgspec.msgpack.encode(report)
        write_durably(self._home / f"{sha256(content).hexdigest()[:32]}{_JOB}", content)

    def reports(self) -> list[tuple[str, DeliveryReport]]:
        """What became of answers, oldest first, each with the name it is kept under."""
        found = []
        for _, path in sorted(self._with_age(_JOB)):
            with suppress(msgspec.MsgspecError):
                found.append((path.stem, msgspec.msgpack.decode(path.read_bytes(), type=DeliveryReport)))
        return found

    def drop_report(self, name: str) -> None:
        """It is told."""
        (self._home / f"{name}{_JOB}").unlink(missing_ok=True)

    def waiting(self) -> list[str]:
        """Names of those that wait, longest first."""
        return [path.stem for _, path in sorted(self._with_age(_FAX))]

    def oldest(self) -> float | None:
        """When the one that waits longest was put here, by `time.time()`."""
        return min((at for at, _ in self._with_age(_FAX)), default=None)

    def take(self, name: str) -> Arrival:
        """The fax of this name. Raises `Unreadable`."""
        return read_kept((self._home / f"{name}{_FAX}").read_bytes())

    def set_aside(self, name: str) -> None:
        """A file that is damaged is not tried again; what is in it is kept elsewhere too."""
        path = self._home / f"{name}{_FAX}"
        path.rename(path.with_suffix(_BROKEN))

    def keep_words(self, name: str, words: Words) -> None:
        """What was read on its pages, until it is done."""
        write_durably(self._home / f"{name}{_WORDS}", _encoder.encode(words))

    def words(self, name: str) -> Words | None:
        """What was read on its pages before; None where nothing was."""
        try:
            return _words.decode((self._home / f"{name}{_WORDS}").read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return None  # damaged: they are read again

    def done(self, name: str) -> None:
        """It is stored and read: from now on the same fax is a repeat."""
        (self._home / f"{name}{_FAX}").rename(self._home / f"{name}{_DONE}")
        os.truncate(self._home / f"{name}{_DONE}", 0)
        os.utime(self._home / f"{name}{_DONE}")
        (self._home / f"{name}{_WORDS}").unlink(missing_ok=True)

    def forget(self) -> None:
        """Forget what was dealt with long ago."""
        for at, path in list(self._with_age(_DONE)):
            if time.time() - at > REMEMBERED:
                path.unlink(missing_ok=True)
        for _, path in list(self._with_age(_WORDS)):
            if not path.with_suffix(_FAX).exists():  # we died between being done and clearing up
                path.unlink(missing_ok=True)

    def _with_age(self, ending: str) -> Iterator[tuple[float, Path]]:
        for path in self._home.glob(f"*{ending}"):
            with suppress(FileNotFoundError):
                yield path.stat().st_mtime, path


def read_kept(content: bytes) -> Arrival:
    """The fax that a file of the tray holds. Raises `Unreadable`."""
    try:
        kept = _decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise Unreadable(content) from error
    return Arrival(kept.contact, kept.blobs)


def name_of(contact: Contact) -> str:
    """The same for the same fax, whichever way it came to us."""
    return sha256(f"{contact.id}\n{contact.fingerprint}".encode()).hexdigest()[:32]


def write_durably(path: Path, content: bytes) -> None:
    """Whole or not at all, also when the power fails."""
    new = path.with_name(f"{path.stem}-{os.getpid()}{_NEW}")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

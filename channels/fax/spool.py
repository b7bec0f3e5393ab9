"""Watches HylaFAX's spool: new lines of its log, files that no line names, jobs that are over."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

import msgspec

from channels.fax.hylafax import BadLine, LogLine, file_key, read_job, read_log_line
from channels.fax.reading import Reception, of_line, read_fax
from channels.fax.settings import FaxSettings
from channels.fax.tray import Tray, write_durably
from channels.fax.xferlog import Place, read_log
from crm.contact import DeliveryReport
from crm.record import Clock
from router.intake import fault

LARGEST_FAX = 64 * 1024 * 1024
_LIVE = timedelta(minutes=2)
"""A line this young is told of as it happens: its own clock knows minutes only."""


class Report(NamedTuple):
    """What became of an answer of ours, by the tag that it was sent under."""

    tag: str
    report: DeliveryReport


class Taken(NamedTuple):
    """A fax that lies in the tray, by its contact's id; not new: it was there before."""

    contact_id: str
    new: bool


class Closed(ValueError):
    """A file in recvq that is there and cannot be read: its mode, or its disk."""


class BadRecord(NamedTuple):
    """A line of the log that nothing could be made of, and why."""

    raw: bytes
    reason: str


class Seen(NamedTuple):
    """What one look at the spool found. `place` is kept once the rest is dealt with."""

    place: Place
    faxes: int = 0
    reports: tuple[Report, ...] = ()
    unreadable: tuple[BadRecord, ...] = ()
    closed: int = 0  # files in recvq that cannot be read
    more: bool = False  # there may be more than one look takes in


class Spool:
    """One spool directory. Every method blocks, and may raise `OSError`."""

    def __init__(self, settings: FaxSettings, tray: Tray, *, home: Path, zone: tzinfo, clock: Clock) -> None:
        self._root = Path(settings.spool)
        self._log = self._root / settings.log
        self._orphan_seconds = settings.orphan_seconds
        self._history = timedelta(days=settings.history_days)
        self._kept = home / "place.json"
        self._tray = tray
        self._zone = zone
        self._clock = clock
        self._looked_at: set[tuple[str, int, int]] = set()
        self._told: dict[tuple[str, int], str] = {}  # files of jobs that are over, and their tags

    def look(self) -> Seen:
        """Take what is new into the tray. Nothing is removed from the spool: it is HylaFAX's."""
        place = self._place()
        chunk = read_log(self._log, place, at=time.time())
        faxes, reports, unreadable = 0, list[Report](), list[BadRecord]()
        for raw in chunk.lines:
            try:
                taken = self.take_line(raw, since=place.since)
            except (BadLine, Closed) as error:
                unreadable.append(BadRecord(raw, str(error)))
            except OSError:
                raise  # of the disk: the line is read again
            except Exception as error:  # noqa: BLE001 - one line must not stop the next one
                unreadable.append(BadRecord(raw, fault(error)))
            else:
                if isinstance(taken, Report):
                    reports.append(taken)
                elif taken:
                    faxes += taken.new
        orphans, closed = self._take_orphans(place)
        reports += self._jobs_over()
        return Seen(
            chunk.place, faxes + orphans, tuple(reports), tuple(unreadable), closed=closed, more=chunk.more
        )

    def take_line(self, raw: bytes, *, since: datetime | None = None) -> Taken | Report | None:
        """What one line tells: a fax, which then is in the tray, or how a call of ours ended.

        None for what is neither, or older than `since`. Raises `BadLine`, `Closed`, or `OSError`.
        """
        line = read_log_line(raw.decode("utf-8", "replace"), self._zone)
        if since and line.at < since:
            return None
        if line.kind == "RECV":
            return self._receive(of_line(line), line.at)
        return Report(line.tag, _report_of(line)) if line.kind == "SEND" and line.tag else None

    def keep(self, place: Place) -> None:
        """All up to here is dealt with: the next look goes on from this place."""
        kept = self._read_place()
        if kept is None or (place.inode, place.offset, place.print) != (kept.inode, kept.offset, kept.print):
            write_durably(self._kept, msgspec.json.encode(place))

    def forget_job(self, tag: str) -> None:
        """A job whose end could not be told yet is told of again."""
        self._told = {file: told for file, told in self._told.items() if told != tag}

    def _place(self) -> Place:
        place = self._read_place()
        if place is None:
            place = Place(since=self._clock() - self._history)
            write_durably(self._kept, msgspec.json.encode(place))
        return place

    def _read_place(self) -> Place | None:
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            return msgspec.json.decode(self._kept.read_bytes(), type=Place)
        return None

    def _receive(self, reception: Reception, at: datetime) -> Taken:
        path = self._root / "recvq" / f"{reception.key}.tif"
        content = _content_of(path) if file_key(path.name) else None
        now = self._clock()
        received_at = now if now - at < _LIVE else at
        fax = read_fax(reception, content, received_at=received_at)
        return Taken(fax.contact.id, self._tray.put(fax))

    def _take_orphans(self, place: Place) -> tuple[int, int]:
        """Faxes that lie in recvq with no line of the log: it was lost, or could not be read.

        How many were taken, and how many cannot be read.
        """
        taken = closed = 0
        for path, status in _files(self._root / "recvq", "fax*.tif"):
            known = (path.name, status.st_mtime_ns, status.st_size)
            # Opened to us a moment ago it may still be told of by a line that is read again.
            age = time.time() - max(status.st_mtime, status.st_ctime)
            at = datetime.fromtimestamp(status.st_mtime, UTC)
            if age < self._orphan_seconds or at < place.since or known in self._looked_at:
                continue
            try:
                content = _content_of(path)
            except Closed:
                closed += 1
                continue
            self._looked_at.add(known)
            if content:
                taken += self._tray.put(read_fax(Reception(file_key(path.name)), content, received_at=at))
        return taken, closed

    def _jobs_over(self) -> Iterator[Report]:
        for path, status in _files(self._root / "doneq", "q*"):
            known = (path.name, status.st_mtime_ns)
            if known in self._told:
                continue
            tag = ""
            with suppress(FileNotFoundError, PermissionError):  # it went, or the hook tells of it
                job = read_job(path.read_text(encoding="utf-8", errors="replace"))
                if job and job.tag:
                    tag = job.tag
                    outcome = DeliveryReport(
                        key=job.tag, outcome="delivered" if job.sent else "failed", status=job.status
                    )
                    yield Report(job.tag, outcome)
            self._told[known] = tag


def _report_of(line: LogLine) -> DeliveryReport:
    """One call is not the end of a job: HylaFAX calls again after one that failed."""
    return DeliveryReport(key=line.tag, outcome="delayed" if line.reason else "delivered", status=line.reason)


def _content_of(path: Path) -> bytes | None:
    """The bytes of a fax; None where HylaFAX left no file. Raises `Closed`."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FAX) or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Closed(f"the fax of this line in recvq cannot be read: {error.strerror}") from error


def _files(folder: Path, pattern: str) -> Sequence[tuple[Path, os.stat_result]]:
    found = []
    for path in sorted(folder.glob(pattern)):
        with suppress(FileNotFoundError):
            found.append((path, path.stat()))
    return found

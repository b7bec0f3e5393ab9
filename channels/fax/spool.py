"""Watches HylaFAX's spool: new lines of its log, files that no line names, jobs that are over."""

from __future__ import annotations

import logging
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
from crm.contact import DeliveryReport
from crm.record import Clock

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 20
"""Of the log, in one look."""
LARGEST_FAX = 64 * 1024 * 1024
_LIVE = timedelta(minutes=2)
"""A line this young is told of as it happens: its own clock knows minutes only."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log was read: the file by its inode, the byte in it, and what is too old to be ours."""

    since: datetime
    inode: int = 0
    offset: int = 0


class Report(NamedTuple):
    """What became of an answer of ours, by the tag that it was sent under."""

    tag: str
    report: DeliveryReport


class Seen(NamedTuple):
    """What one look at the spool found. `place` is kept once the rest is dealt with."""

    faxes: int = 0
    reports: tuple[Report, ...] = ()
    unreadable: tuple[str, ...] = ()  # lines of the log, each with why: `reason<TAB>line`
    behind: float = 0.0  # seconds since the oldest of it was written
    place: Place | None = None


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
        self._told: set[tuple[str, int]] = set()

    def look(self) -> Seen:
        """Take what is new into the tray. Nothing is removed from the spool: it is HylaFAX's."""
        place = self._place()
        lines, place = self._new_lines(place)
        faxes, reports, unreadable = 0, list[Report](), list[str]()
        oldest = self._clock()
        for text in lines:
            try:
                line = read_log_line(text, self._zone)
            except BadLine as error:
                unreadable.append(f"{error}\t{text}")
                continue
            if line.at < place.since:
                continue
            oldest = min(oldest, line.at)
            if line.kind == "RECV":
                faxes += self._receive(of_line(line), line.at)
            elif line.kind == "SEND" and line.tag:
                reports.append(Report(line.tag, _report_of(line)))
        faxes += self._take_orphans(place)
        reports += self._jobs_over()
        behind = (self._clock() - oldest).total_seconds() if faxes or reports else 0.0
        return Seen(faxes, tuple(reports), tuple(unreadable), behind, place)

    def keep(self, place: Place) -> None:
        """All up to here is dealt with: the next look goes on from this place."""
        if place != self._read_place():
            write_durably(self._kept, msgspec.json.encode(place))

    def forget_job(self, tag: str) -> None:
        """A job whose end could not be told yet is told of again."""
        self._told = {told for told in self._told if told[0] != tag}

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

    def _new_lines(self, place: Place) -> tuple[list[str], Place]:
        """Whole lines since that place, also of a log that was renamed meanwhile, or cut to nothing."""
        try:
            file = self._log.open("rb")
        except FileNotFoundError:
            return [], place  # HylaFAX makes it with the first call
        with file:
            now = os.fstat(file.fileno())
            lines: list[str] = []
            offset = place.offset
            if place.inode and now.st_ino != place.inode:
                lines, rest = self._rest_of_renamed(place)
                if rest is not None:
                    return lines, rest
                offset = 0
            elif now.st_size < offset:
                offset = 0
            more, offset = _read_lines(file.fileno(), offset)
        moved = msgspec.structs.replace(place, inode=now.st_ino, offset=offset)
        return lines + more, moved

    def _rest_of_renamed(self, place: Place) -> tuple[list[str], Place | None]:
        """What was left of the log that now has another name; a place in it while there is more."""
        for path in self._log.parent.glob(f"{self._log.name}*"):
            if path.stat().st_ino != place.inode:
                continue
            with path.open("rb") as file:
                lines, offset = _read_lines(file.fileno(), place.offset)
            if len(lines) and offset < path.stat().st_size:
                return lines, msgspec.structs.replace(place, offset=offset)
            return lines, None
        return [], None

    def _receive(self, reception: Reception, at: datetime) -> bool:
        path = self._root / "recvq" / f"{reception.key}.tif"
        content = _content_of(path) if file_key(path.name) else None
        now = self._clock()
        received_at = now if now - at < _LIVE else at
        return self._tray.put(read_fax(reception, content, received_at=received_at))

    def _take_orphans(self, place: Place) -> int:
        """Faxes that lie in recvq with no line of the log: it was lost, or could not be read."""
        taken = 0
        for path, status in _files(self._root / "recvq", "fax*.tif"):
            known = (path.name, status.st_mtime_ns, status.st_size)
            age = time.time() - status.st_mtime
            at = datetime.fromtimestamp(status.st_mtime, UTC)
            if age < self._orphan_seconds or at < place.since or known in self._looked_at:
                continue
            self._looked_at.add(known)
            if content := _content_of(path):
                taken += self._tray.put(read_fax(Reception(file_key(path.name)), content, received_at=at))
        return taken

    def _jobs_over(self) -> Iterator[Report]:
        for path, status in _files(self._root / "doneq", "q*"):
            known = (path.name, status.st_mtime_ns)
            if known in self._told:
                continue
            with suppress(FileNotFoundError, PermissionError):  # it went, or the hook tells of it
                job = read_job(path.read_text(encoding="utf-8", errors="replace"))
                if job and job.tag:
                    outcome = DeliveryReport(
                        key=job.tag, outcome="delivered" if job.sent else "failed", status=job.status
                    )
                    yield Report(job.tag, outcome)
            self._told.add(known)


def _report_of(line: LogLine) -> DeliveryReport:
    """One call is not the end of a job: HylaFAX calls again after one that failed."""
    return DeliveryReport(key=line.tag, outcome="delayed" if line.reason else "delivered", status=line.reason)


def _read_lines(file: int, offset: int) -> tuple[list[str], int]:
    """The whole lines from there; half a line is read when its end is written."""
    content = os.pread(file, MOST_BYTES, offset)
    end = content.rfind(b"\n") + 1
    if not end and len(content) == MOST_BYTES:
        end = len(content)  # no line is that long: whatever it is, it must not stop what follows
    lines = content[:end].decode("utf-8", "replace").split("\n")
    return [line for line in lines if line.strip()], offset + end


def _content_of(path: Path) -> bytes | None:
    """The bytes of a fax; None where HylaFAX left no file."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FAX) or None
    except FileNotFoundError:
        return None


def _files(folder: Path, pattern: str) -> Sequence[tuple[Path, os.stat_result]]:
    found = []
    for path in sorted(folder.glob(pattern)):
        with suppress(FileNotFoundError):
            found.append((path, path.stat()))
    return found

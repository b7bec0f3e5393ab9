"""Reads what HylaFAX writes: a line of its log, the arguments of its scripts, the file of a job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

from crm.contact import DeliveryReport

LONGEST_LINE = 4096
NUMBERED_FIELDS = {9, 11, 12, 13, 14, 16, 17, 18, 19}
"""How many fields a line had in one version or another."""

_DATE = re.compile(r"(\d\d)/(\d\d)/(\d\d) (\d\d):(\d\d)\Z")
_LASTED = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d\d)\Z")
_QFILE = re.compile(r"(?:.*/)?(fax\d{1,12})\.tif\Z")
_NUMBER = re.compile(r"\d{1,9}\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")
_SENT, _GIVEN_UP = "7", "8"  # states of a job that is over (hfaxd's FaxRequest)


class BadLine(ValueError):
    """A line that says nothing; the message tells what was expected and quotes nothing."""


class LogLine(NamedTuple):
    """One line of xferfaxlog. Text that a version did not write yet is empty."""

    at: datetime
    kind: str  # SEND, RECV, CALL, POLL, PAGE
    commid: str = ""
    modem: str = ""
    job: str = ""  # of a fax received: its file in recvq
    tag: str = ""
    sender: str = ""
    number: str = ""  # that was dialled, or the line it came in by
    station: str = ""  # how the other machine calls itself (CSI, TSI): typed by whoever set it up
    pages: int = 0
    seconds: int | None = None  # on the line; None where the log itself does not know
    reason: str = ""  # of a problem; empty: all went well
    cid_name: str = ""
    cid_number: str = ""


_LAYOUTS: dict[int, tuple[str, ...]] = {
    9: ("station", "number", "", "", "pages", "seconds", "reason"),
    11: ("", "sender", "number", "station", "", "", "pages", "seconds", "reason"),
    12: ("commid", "modem", "", "number", "station", "", "", "pages", "seconds", "reason"),
    13: (
        *("commid", "modem", "job", "tag", "sender", "number", "station", ""),
        *("pages", "seconds", "reason"),
    ),
    14: (
        *("commid", "modem", "job", "tag", "sender", "number", "station", ""),
        *("pages", "", "seconds", "reason"),
    ),
}
"""What stands in the fields after date and kind. 16 and more have the caller after the 14.

The man page has his number before his name; the program that writes them does it the other way round.
"""
_CALLER = ("cid_name", "cid_number")


def read_log_line(line: str, zone: tzinfo) -> LogLine:
    """One line of xferfaxlog in any of its versions. Raises `BadLine`."""
    fields = line[:LONGEST_LINE].rstrip("\r\n").split("\t")
    if len(line) > LONGEST_LINE or len(fields) not in NUMBERED_FIELDS:
        raise BadLine("expected 9, 11 to 14 or 16 to 19 fields, parted by tabs")
    layout = _LAYOUTS[min(len(fields), 14)] + (_CALLER if len(fields) >= 16 else ())
    said = {name: _unquoted(field) for name, field in zip(layout, fields[2:], strict=False) if name}
    pages = said.pop("pages")
    if not _NUMBER.match(pages):
        raise BadLine("expected a number of pages")
    kind = fields[1].strip()
    if kind not in {"SEND", "RECV", "CALL", "POLL", "PAGE"}:
        raise BadLine("expected SEND, RECV, CALL, POLL or PAGE as the second field")
    lasted = read_lasted(said.pop("seconds"))
    return LogLine(_read_date(fields[0], zone), kind, pages=int(pages), seconds=lasted, **said)


def read_lasted(text: str) -> int | None:
    """Seconds of `H:MM:SS` or `M:SS`; None for `??:??:??`, which is what HylaFAX writes beyond a year."""
    found = _LASTED.match(text.strip())
    if not found:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _read_date(text: str, zone: tzinfo) -> datetime:
    found = _DATE.match(text.strip())
    if not found:
        raise BadLine("expected a date such as 03/25/26 09:30")
    month, day, year, hour, minute = map(int, found.groups())
    try:
        return datetime(year + (2000 if year < 70 else 1900), month, day, hour, minute, tzinfo=zone)
    except ValueError as error:
        raise BadLine("expected a date that the calendar has") from error


def _unquoted(field: str) -> str:
    if len(field) >= 2 and field[0] == field[-1] == '"':
        field = field[1:-1].replace('\\"', '"')
    return clean(field)


def clean(text: str) -> str:
    """Without what a terminal would obey: the other machine chose these letters."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:300]


class Handed(NamedTuple):
    """What faxrcvd is called with. Callers are in the order number, name, number dialled, and so on."""

    qfile: str
    device: str
    commid: str
    reason: str = ""
    callers: tuple[str, ...] = ()


def read_faxrcvd(arguments: Sequence[str]) -> Handed:
    """The arguments of faxrcvd. Raises `BadLine`."""
    if len(arguments) < 4:
        raise BadLine("expected FILE DEVICE COMMID MESSAGE and the caller's identification")
    qfile, device, commid, reason, *callers = (clean(argument) for argument in arguments[:20])
    if not file_key(qfile):
        raise BadLine("expected a file such as recvq/fax000000001.tif")
    return Handed(qfile, device, commid, reason, tuple(callers))


def file_key(path: str) -> str:
    """What names a received fax: the name of its file, such as `fax000000012`; empty for another file."""
    found = _QFILE.match(path)
    return found[1] if found else ""


_Outcome = Literal["delivered", "delayed", "failed"]
_ENDED: dict[str, _Outcome] = {
    "done": "delivered",
    "requeued": "delayed",
    "blocked": "delayed",
}


def read_notify(arguments: Sequence[str]) -> DeliveryReport:
    """What `notify` knows of a job: its tag, why it is called, and its status. Raises `BadLine`."""
    if len(arguments) < 2 or not arguments[0].strip() or not arguments[1].strip():
        raise BadLine("expected TAG WHY and the status of the job")
    tag, why, *status = (clean(argument) for argument in arguments[:20])
    # Rejected, removed, killed, timed out, without a formatter: whatever else ends a job sent nothing.
    outcome: _Outcome = _ENDED.get(why, "failed")
    return DeliveryReport(key=tag, outcome=outcome, status=" ".join(status) or why)


class Job(NamedTuple):
    """A job that is over, from its file in doneq."""

    tag: str
    sent: bool
    status: str  # why not, in HylaFAX's words


def read_job(text: str) -> Job | None:
    """The end of a job from its file of `key:value` lines; None while it goes on."""
    said: dict[str, str] = {}
    for line in text[:100_000].splitlines():
        key, colon, value = line.partition(":")
        if colon:
            said.setdefault(key, value)
    state = said.get("state", "")
    if state not in (_SENT, _GIVEN_UP):
        return None
    status = clean(said.get("status", ""))
    # A job that HylaFAX took off its queue is in state 7 as well; only its pages tell that it went through.
    return Job(clean(said.get("jobtag", "")), state == _SENT and not status, status)

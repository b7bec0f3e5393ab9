"""Call detail records: the exchange writes a line into Master.csv for each leg of a call."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec

from channels.phone.lines import BadLine, decode, read_count
from channels.phone.moments import Moment, epoch_of

ALWAYS = (
    *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
    *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags"),
)

Disposition = Literal["ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION"]
DISPOSITIONS: dict[str, Disposition] = {
    "ANSWERED": "ANSWERED",
    "NO ANSWER": "NO ANSWER",
    "NOANSWER": "NO ANSWER",  # as the manager and some backends spell it
    "BUSY": "BUSY",
    "FAILED": "FAILED",
    "CONGESTION": "CONGESTION",
}


class Layout(NamedTuple):
    """Where the columns are that only some configurations write; -1 where there is none."""

    columns: int
    uniqueid: int
    userfield: int
    linkedid: int
    sequence: int


class Leg(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One leg of a call, in the words of the log; times are UTC. `call` is common to all its legs."""

    call: str
    key: str  # of this leg among all: the same line twice, in two files, is one leg
    uniqueid: str
    src: str
    dst: str
    name: str
    channel: str
    dstchannel: str
    lastapp: str
    start: datetime
    answer: datetime | None
    end: datetime
    duration: int
    billsec: int
    disposition: Disposition
    userfield: str = ""


def layout_of(*, uniqueid: bool, userfield: bool, new_columns: bool) -> Layout:
    """The columns as the exchange's configuration has them."""
    extra = [*(["uniqueid"] if uniqueid else []), *(["userfield"] if userfield else [])]
    extra += ["peeraccount", "linkedid", "sequence"] if new_columns else []
    places = {name: len(ALWAYS) + place for place, name in enumerate(extra)}
    named = [places.get(name, -1) for name in ("uniqueid", "userfield", "linkedid", "sequence")]
    return Layout(len(ALWAYS) + len(extra), *named)


def read_cdr(raw: bytes, layout: Layout, moment: Moment) -> Leg:
    """The leg that a line tells of. Raises `BadLine`."""
    try:
        row = next(csv.reader((decode(raw),), strict=True))
    except (csv.Error, StopIteration) as error:
        raise BadLine("expected one line of comma separated values with every quote closed") from error
    if len(row) != layout.columns:
        raise BadLine(
            f"expected {layout.columns} columns, found {len(row)}: cdr_uniqueid, cdr_userfield and "
            "cdr_new_columns must be as in the exchange's configuration"
        )
    uniqueid = row[layout.uniqueid] if layout.uniqueid >= 0 else ""
    linkedid = row[layout.linkedid] if layout.linkedid >= 0 else ""
    sequence = row[layout.sequence] if layout.sequence >= 0 else ""
    times = _times(row, moment, uniqueid or linkedid)
    disposition = DISPOSITIONS.get(row[14])
    if disposition is None:
        raise BadLine(f"disposition: expected one of {', '.join(DISPOSITIONS)}")
    fingerprint = "" if uniqueid and sequence else sha256(",".join(row[1:15]).encode()).hexdigest()[:24]
    return Leg(
        call=linkedid or uniqueid or fingerprint,
        key=f"{uniqueid}/{sequence}" if uniqueid and sequence else fingerprint,
        uniqueid=uniqueid,
        src=row[1],
        dst=row[2],
        name=name_in(row[4], row[1]),
        channel=row[5],
        dstchannel=row[6],
        lastapp=row[7],
        start=times[0],
        answer=times[1],
        end=times[2],
        duration=read_count(row[12], "duration"),
        billsec=read_count(row[13], "billsec"),
        disposition=disposition,
        userfield=row[layout.userfield] if layout.userfield >= 0 else "",
    )


def name_in(clid: str, number: str) -> str:
    """The caller's name in `"Ivan Petrov" <+79161234567>`; empty where it only repeats the number."""
    name = clid.partition("<")[0].strip().strip('"').strip()
    return "" if name == number or name.strip("+").isdecimal() else name[:200]


def _times(row: list[str], moment: Moment, id_: str) -> tuple[datetime, datetime | None, datetime]:
    """Start, answer and end. The seconds between them tell which of two equal hours is meant."""
    lasted = timedelta(seconds=read_count(row[12], "duration"))
    try:
        start = moment(row[9], epoch_of(id_))
        end = moment(row[11], start + lasted)
        if not epoch_of(id_):
            start = moment(row[9], end - lasted)
        answer = moment(row[10], start) if row[10] else None
    except (ValueError, OverflowError) as error:
        raise BadLine("start, answer, end: expected moments such as 2026-03-02 12:30:00") from error
    return start, answer, max(start, end)

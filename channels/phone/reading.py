"""What a line of each log adds to the book of calls, and when a call is ripe to be told."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from channels.phone.book import Book, Entry
from channels.phone.cdr import layout_of, read_cdr
from channels.phone.moments import reader_of
from channels.phone.queue_log import read_queue_event
from channels.phone.settings import PhoneSettings

LOST_END = 6 * 3600.0
"""Seconds after which a call whose end was never written down is told as it is."""

WITHOUT_CALLER = 300.0
"""Seconds to wait for the leg of who called, which is written down when he hangs up."""

LEFT_THE_QUEUE = 30.0
"""Seconds that a call which left a queue unanswered may take to come to somebody by another way."""


class Noted(NamedTuple):
    """The call that a line told of, and when that was by the log's own clock."""

    entry: Entry
    at: datetime


class LogReader(Protocol):
    """How one kind of log is read."""

    @property
    def name(self) -> str: ...

    def read(self, raw: bytes) -> Noted | None:
        """Add what the line tells to the book; None where it tells of no call. Raises `BadLine`."""
        ...

    def ripe_after(self, entry: Entry) -> float:
        """Seconds of silence after which the call is to be told."""
        ...


class CdrReader:
    """Master.csv: a line for each leg, written when the leg is over."""

    name = "cdr"

    def __init__(self, settings: PhoneSettings, book: Book) -> None:
        self._book = book
        self._settle = settings.settle
        self._moment = reader_of(settings.time_zone, gmt=settings.cdr_gmt)
        self._layout = layout_of(
            uniqueid=settings.cdr_uniqueid,
            userfield=settings.cdr_userfield,
            new_columns=settings.cdr_new_columns,
        )

    def read(self, raw: bytes) -> Noted:
        leg = read_cdr(raw, self._layout, self._moment)
        return Noted(self._book.add_leg(leg), leg.end)

    def ripe_after(self, entry: Entry) -> float:
        """The leg of who called comes last: with it the call is over, but for transfers."""
        legs = entry.legs.values()
        if self._layout.linkedid < 0 or any(leg.uniqueid in (leg.call, "") for leg in legs):
            return self._settle
        return WITHOUT_CALLER


class QueueReader:
    """queue_log: a line for each thing that happens to a caller who waits."""

    name = "queue_log"

    def __init__(self, book: Book) -> None:
        self._book = book

    def read(self, raw: bytes) -> Noted | None:
        event = read_queue_event(raw)
        return Noted(self._book.add_event(event), event.at) if event else None

    def ripe_after(self, entry: Entry) -> float:
        happened = {event.event for event in entry.events}
        if happened & {"CONNECT", "ABANDON", "COMPLETEAGENT", "COMPLETECALLER"}:
            return 0.0
        left = happened & {"EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY", "WITHDRAW", "AGENTDUMP"}
        return LEFT_THE_QUEUE if left else LOST_END

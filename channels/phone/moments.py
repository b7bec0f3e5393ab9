"""When it was: an exchange writes its own wall clock, without saying how far that is from Greenwich."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Moment = Callable[[str, datetime | None], datetime]
"""Reads a wall clock; the hint is a moment near it that is known for sure. Raises `ValueError`."""


def reader_of(zone: str, *, gmt: bool = False) -> Moment:
    """How moments of this exchange are read.

    In the hour that comes twice a year the wall clock alone is ambiguous: the hint decides, else the
    first of the two is meant.
    """
    return _read_gmt if gmt else _Local(ZoneInfo(zone))


def epoch_of(uniqueid: str) -> datetime | None:
    """When a channel came to be, by its id: `1772443800.12`, or `pbx1-1772443800.12`."""
    digits = uniqueid.rpartition("-")[2].partition(".")[0]
    if not (digits.isascii() and digits.isdecimal() and 9 <= len(digits) <= 11):
        return None
    return datetime.fromtimestamp(int(digits), UTC)


def _read_gmt(written: str, _: datetime | None) -> datetime:
    return _plain(written).replace(tzinfo=UTC)


def _plain(written: str) -> datetime:
    """`2026-03-02 12:30:00`, with any fraction of a second."""
    if len(written) < 19 or written[10] not in " T":
        raise ValueError("not a moment")
    return datetime.fromisoformat(written[:19])


class _Local:
    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        # Few minutes are asked for again and again: asking the zone each time costs more than all the rest.
        self._offsets = lru_cache(maxsize=4096)(self._ask_offsets)

    def __call__(self, written: str, hint: datetime | None) -> datetime:
        moment = _plain(written)
        first, second = self._offsets(moment.replace(second=0))
        early = (moment - first).replace(tzinfo=UTC)
        if first == second or hint is None:
            return early
        late = (moment - second).replace(tzinfo=UTC)
        return late if abs(late - hint) < abs(early - hint) else early

    def _ask_offsets(self, minute: datetime) -> tuple[timedelta, timedelta]:
        """How far from Greenwich the clock was: the same twice, but for the hour that comes twice."""
        first = minute.replace(tzinfo=self._zone).utcoffset() or timedelta()
        second = minute.replace(tzinfo=self._zone, fold=1).utcoffset() or timedelta()
        # In the hour that is left out, Python gives two offsets as well: one moment is as good as the other.
        return (first, second) if second < first else (first, first)

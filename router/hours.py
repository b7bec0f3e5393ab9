"""Hours: when a department answers, by the clock on its own wall."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from crm.employee import Department, Hours
from crm.errors import BadInput

WEEK = 7
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00")


class Stretch(NamedTuple):
    """One time of being open, in UTC; `until` is not included."""

    since: datetime
    until: datetime


def is_open(department: Department, at: datetime) -> bool:
    """Whether the department answers at this moment. One without hours always does."""
    if not department.hours:
        return True
    return any(stretch.since <= at < stretch.until for stretch in _stretches(department, at))


def opens_next(department: Department, at: datetime) -> datetime | None:
    """The first opening after this moment; None for a department that never closes."""
    later = [stretch.since for stretch in _stretches(department, at) if stretch.since > at]
    return min(later, default=None)


def check_hours(hours: Sequence[Hours], timezone: str) -> None:
    """Raise `BadInput` for hours no clock shows, a weekday there is not, or a time zone nobody knows."""
    for one in hours:
        if not 0 <= one.day < WEEK:
            raise BadInput("A weekday is 0 (Monday) to 6 (Sunday).", field="hours")
        if not (_TIME.fullmatch(one.opens) and _TIME.fullmatch(one.closes)) or one.opens == "24:00":
            raise BadInput("Hours are written like 09:00 and 18:00.", field="hours")
    read_zone(timezone)


def read_zone(name: str) -> ZoneInfo:
    """The time zone of that name (IANA). Raises `BadInput`."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise BadInput("A time zone is written like Europe/Moscow.", field="timezone") from error


def _stretches(department: Department, at: datetime) -> Iterator[Stretch]:
    """Every stretch that begins from yesterday, whose night may still go on, to a week from now."""
    zone = ZoneInfo(department.timezone)
    today = at.astimezone(zone).date()
    for ahead in range(-1, WEEK + 1):
        day = today + timedelta(days=ahead)
        for hours in department.hours:
            if hours.day == day.weekday():
                # Hours that end no later than they begin end on the next day.
                nights = int(hours.closes <= hours.opens)
                closes = day + timedelta(days=nights)
                yield Stretch(_moment(day, hours.opens, zone), _moment(closes, hours.closes, zone))


def _moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    hour, minute = int(clock[:2]), int(clock[3:])
    local = datetime.combine(day + timedelta(days=hour // 24), time(hour % 24, minute), zone)
    return local.astimezone(UTC)

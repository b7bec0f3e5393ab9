"""When things happen: eighteen months, busier of late, quiet in January, by day rather than by night."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from onewindow.demo.telecom import ZONE

PAST = timedelta(days=548)
RECENT = timedelta(days=12)
LATELY = 0.12
"""The share of matters that fall into the recent days."""

SEASONS = (0.7, 0.95, 1.05, 0.95, 0.85, 0.8, 0.75, 0.95, 1.25, 1.15, 1.1, 1.2)
"""How busy each month is, January first."""

HOURS = (1, 0, 0, 0, 0, 0, 1, 3, 7, 11, 12, 11, 9, 8, 9, 9, 8, 9, 10, 10, 9, 7, 5, 3)
"""How many write in each hour of the day, by the local clock."""

OFFICE_HOURS = (*(0,) * 9, 8, 11, 10, 6, 5, 9, 9, 8, 5, *(0,) * 6)
WEEKDAYS = (1.3, 1.15, 1.05, 1.0, 1.05, 0.75, 0.6)


def some_moment(random: Random, now: datetime, *, before: timedelta, office: bool) -> datetime:
    """A moment at which somebody may come in; `before` is how long it must lie back at least."""
    zone = ZoneInfo(ZONE)
    while True:
        if random.random() < LATELY:
            back = before + RECENT * random.random()
        else:
            # The power brings the past nearer: the last months have twice as much as the first ones.
            back = before + (PAST - before) * (1 - random.random() ** 0.6)
        day = (now - back).astimezone(zone)
        weight = SEASONS[day.month - 1] * WEEKDAYS[day.weekday()]
        if (office and day.weekday() > 4) or random.random() * 1.7 > weight:
            continue
        hour = random.choices(range(24), OFFICE_HOURS if office else HOURS)[0]
        at = day.replace(hour=hour, minute=random.randrange(60), second=random.randrange(60))
        if now - PAST < at < now - before:
            return at.astimezone(now.tzinfo)

"""Says things to one person: in his language, by his clock, with his way of writing numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_skeleton, format_time
from babel.numbers import format_decimal

from agent_ui.words import Words, in_language

FALLBACK_ZONE = "Europe/Moscow"


def read_zone(*names: str) -> ZoneInfo:
    """The first of the names that is a time zone; browsers and forms may say anything."""
    for name in names:
        if name and len(name) < 64:
            try:
                return ZoneInfo(name)
            except (ValueError, OSError, LookupError):
                continue
    return ZoneInfo(FALLBACK_ZONE)


@dataclass(frozen=True, slots=True)
class Speaker:
    """`say` and `count` translate; the others put moments and amounts into words."""

    words: Words
    zone: tzinfo
    now: datetime

    @property
    def language(self) -> str:
        return self.words.language

    def say(self, text: str, **values: object) -> str:
        return self.words.gettext(text) % values if values else self.words.gettext(text)

    def count(self, one: str, many: str, number: int) -> str:
        return self.words.ngettext(one, many, number) % {"num": self.number(number)}

    def name(self, names: Mapping[str, str]) -> str:
        return in_language(names, self.language)

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.language)

    def moment(self, at: datetime) -> str:
        """As short as it stays clear: the time today, the day this year, the date before."""
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone)
        if local.date() == today.date():
            return self.time(at)
        if local.date() == today.date() - timedelta(days=1):
            return self.say("yesterday, %(time)s", time=self.time(at))
        if local.year == today.year:
            day: str = format_skeleton("MMMd", local, locale=self.language)
            return f"{day}, {self.time(at)}"
        return self.date(at)

    def date(self, at: datetime) -> str:
        return format_date(at.astimezone(self.zone), "short", locale=self.language)

    def day(self, at: datetime) -> str:
        """The heading of a day in a timeline."""
        local, today = at.astimezone(self.zone).date(), self.now.astimezone(self.zone).date()
        if local == today:
            return self.say("Today")
        if local == today - timedelta(days=1):
            return self.say("Yesterday")
        if local.year == today.year:
            heading: str = format_skeleton("MMMMd", local, locale=self.language)
            return heading
        return format_date(local, "long", locale=self.language)

    def time(self, at: datetime) -> str:
        return format_time(at.astimezone(self.zone), "short", locale=self.language)

    def exactly(self, at: datetime) -> str:
        return format_datetime(at, "long", tzinfo=self.zone, locale=self.language)

    def lasting(self, seconds: float) -> str:
        """How long something lasts, in its largest unit, as the lists show it."""
        minutes = max(int(seconds), 0) // 60
        if minutes < 1:
            return self.say("< 1 min")
        if minutes < 60:
            return self.say("%(n)s min", n=minutes)
        if minutes < 48 * 60:
            return self.say("%(n)s h", n=minutes // 60)
        return self.say("%(n)s d", n=minutes // (24 * 60))

    def clock(self, seconds: int) -> str:
        """How long a call lasted, as a clock shows it."""
        hours, rest = divmod(seconds, 3600)
        minutes, left = divmod(rest, 60)
        return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"

    def since(self, at: datetime) -> str:
        return self.lasting((self.now - at).total_seconds())

    def size(self, size: int) -> str:
        if size < 1024:
            return self.say("%(n)s B", n=size)
        if size < 1024 * 1024:
            return self.say("%(n)s KB", n=self.number(round(size / 1024)))
        return self.say("%(n)s MB", n=self.number(round(size / 1024 / 1024, 1)))

    def money(self, kopecks: int) -> str:
        return self.say("%(amount)s RUB", amount=self.number(kopecks / 100))

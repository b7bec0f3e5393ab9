"""Moments and amounts in the reader's words, by his clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_ui.speaker import FALLBACK_ZONE, Speaker, read_zone
from agent_ui.words import LANGUAGES, words_in

NOW = datetime(2026, 3, 2, 21, 30, tzinfo=UTC)  # already the third in Moscow


def speaker(language: str = "ru", zone: str = "Europe/Moscow") -> Speaker:
    return Speaker(words_in(language), ZoneInfo(zone), NOW)


@pytest.mark.parametrize(
    ("at", "ru", "en"),
    [
        (datetime(2026, 3, 2, 21, 5, tzinfo=UTC), "00:05", "12:05\u202fAM"),
        (datetime(2026, 3, 2, 20, 55, tzinfo=UTC), "вчера, 23:55", "yesterday, 11:55\u202fPM"),
        (datetime(2026, 2, 1, 9, 0, tzinfo=UTC), "1 февр., 12:00", "Feb 1, 12:00\u202fPM"),
        (datetime(2024, 2, 1, 9, 0, tzinfo=UTC), "01.02.2024", "2/1/24"),
    ],
)
def test_a_moment_is_as_short_as_it_stays_clear(at: datetime, ru: str, en: str) -> None:
    assert speaker("ru").moment(at) == ru
    assert speaker("en").moment(at) == en


def test_the_same_moment_is_another_day_elsewhere() -> None:
    at = datetime(2026, 3, 2, 20, 55, tzinfo=UTC)
    assert speaker(zone="Europe/Moscow").day(at) == "Вчера"
    assert speaker(zone="Europe/London").day(at) == "Сегодня"
    assert speaker("en", zone="Asia/Vladivostok").day(at - timedelta(days=3)) == "February 28"


@pytest.mark.parametrize(
    ("seconds", "ru"),
    [
        (-5, "< 1 мин"),
        (59, "< 1 мин"),
        (60, "1 мин"),
        (3599, "59 мин"),
        (3600, "1 ч"),
        (172_800, "2 дн"),
    ],
)
def test_what_lasts_is_told_in_its_largest_unit(seconds: int, ru: str) -> None:
    assert speaker().lasting(seconds) == ru


def test_amounts_are_written_as_the_language_does() -> None:
    assert speaker("ru").money(145_050) == "1\u00a0450,5 ₽"
    assert speaker("ru").size(2_500_000) == "2,4 МБ"
    assert speaker("en").size(2_500_000) == "2.4 MB"
    assert speaker("ru").clock(3_725) == "1:02:05"


@given(st.integers(-40_000, 2_900_000))
def test_every_moment_can_be_said(hours: int) -> None:
    at = NOW + timedelta(hours=hours)
    for language in LANGUAGES:
        said = speaker(language)
        assert all((said.moment(at), said.day(at), said.exactly(at), said.since(at), said.date(at)))


@given(st.text())
def test_whatever_a_browser_says_of_its_zone_there_is_one(name: str) -> None:
    assert read_zone(name, "") is not None
    assert read_zone("../../etc/passwd", "\0", name * 100, "Asia/Tokyo").key in ("Asia/Tokyo", FALLBACK_ZONE)

"""Hours are read by the clock on the department's own wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.employee import Department, Hours
from crm.errors import BadInput
from router.hours import check_hours, is_open, opens_next
from tests.router.records import a_department

OFFICE = tuple(Hours(day=day, opens="09:00", closes="18:00") for day in range(5))
MOSCOW = a_department(hours=OFFICE)
NIGHT = a_department(hours=(Hours(day=4, opens="22:00", closes="06:00"),))


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in March 2026; the 2nd is a Monday, and Moscow is three hours ahead."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_a_department_without_hours_is_always_open() -> None:
    assert is_open(a_department(), utc(1, 3))
    assert opens_next(a_department(), utc(1, 3)) is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (utc(2, 5, 59), False),
        (utc(2, 6), True),
        (utc(2, 14, 59), True),
        (utc(2, 15), False),
        (utc(1, 9), False),
    ],
)
def test_office_hours_are_local(at: datetime, expected: bool) -> None:
    assert is_open(MOSCOW, at) is expected


def test_after_friday_evening_comes_monday_morning() -> None:
    assert opens_next(MOSCOW, utc(6, 16)) == utc(9, 6)


def test_while_open_the_next_opening_is_tomorrow() -> None:
    assert opens_next(MOSCOW, utc(2, 9)) == utc(3, 6)


def test_a_night_shift_goes_on_after_midnight() -> None:
    assert is_open(NIGHT, utc(6, 20)), "Friday 23:00 in Moscow"
    assert is_open(NIGHT, utc(7, 2)), "Saturday 05:00"
    assert not is_open(NIGHT, utc(7, 3)), "Saturday 06:00"


def test_from_midnight_to_midnight_is_the_whole_day() -> None:
    for closes in ("24:00", "00:00"):
        around = a_department(hours=(Hours(day=0, opens="00:00", closes=closes),))
        assert is_open(around, utc(2, 20, 59))
        assert not is_open(around, utc(2, 21))


def test_hours_follow_summer_time() -> None:
    berlin = a_department(hours=OFFICE, timezone="Europe/Berlin")
    winter, summer = datetime(2026, 3, 27, 7, 30, tzinfo=UTC), datetime(2026, 3, 30, 7, 30, tzinfo=UTC)
    assert not is_open(berlin, winter)
    assert is_open(berlin, summer)


@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    hours=st.lists(
        st.builds(
            lambda day, opens, closes: Hours(day=day, opens=f"{opens:02}:30", closes=f"{closes:02}:00"),
            st.integers(0, 6),
            st.integers(0, 23),
            st.integers(0, 24),
        ),
        min_size=1,
        max_size=8,
    ),
    zone=st.sampled_from(["Europe/Moscow", "Asia/Vladivostok", "Europe/Berlin", "America/New_York"]),
)
def test_the_next_opening_is_open_and_within_eight_days(at: datetime, hours: list[Hours], zone: str) -> None:
    department = Department(id="d", names={}, hours=tuple(hours), timezone=zone)
    opening = opens_next(department, at)
    assert opening is not None
    assert at < opening <= at + timedelta(days=8)
    assert is_open(department, opening)


@pytest.mark.parametrize(
    ("hours", "zone", "field"),
    [
        (Hours(day=7, opens="09:00", closes="18:00"), "Europe/Moscow", "hours"),
        (Hours(day=0, opens="9:00", closes="18:00"), "Europe/Moscow", "hours"),
        (Hours(day=0, opens="24:00", closes="18:00"), "Europe/Moscow", "hours"),
        (Hours(day=0, opens="09:00", closes="25:00"), "Europe/Moscow", "hours"),
        (Hours(day=0, opens="09:00", closes="18:00"), "Mars/Olympus", "timezone"),
        (Hours(day=0, opens="09:00", closes="18:00"), "../etc/passwd", "timezone"),
    ],
)
def test_hours_that_no_clock_shows_are_refused(hours: Hours, zone: str, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_hours([hours], zone)
    assert refused.value.field == field

"""Call detail records: every layout, both clocks, the hour that comes twice, and lines that are none."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.phone.cdr import Layout, Leg, layout_of, read_cdr
from channels.phone.lines import BadLine
from channels.phone.moments import reader_of
from tests.channels.phone.logs import MOMENT, SAMPLES, a_leg

FULL = layout_of(uniqueid=True, userfield=True, new_columns=True)
BERLIN = ZoneInfo("Europe/Berlin")


def read(line: bytes, layout: Layout = FULL, *, zone: str = "Europe/Moscow", gmt: bool = False) -> Leg:
    return read_cdr(line.rstrip(b"\n"), layout, reader_of(zone, gmt=gmt))


def test_a_line_becomes_a_leg_with_times_in_utc() -> None:
    leg = read(a_leg(name="Иван", userfield="запрос 5", sequence=7))
    assert (leg.call, leg.key, leg.uniqueid) == ("1795426200.1", "1795426200.1/7", "1795426200.1")
    assert (leg.src, leg.dst, leg.name) == ("79161234567", "600", "Иван")
    assert (leg.start, leg.answer, leg.end) == (
        MOMENT,
        MOMENT + timedelta(seconds=5),
        MOMENT + timedelta(seconds=65),
    )
    assert (leg.duration, leg.billsec, leg.disposition, leg.userfield) == (65, 60, "ANSWERED", "запрос 5")


@pytest.mark.parametrize(("uniqueid", "userfield", "new"), list(product([False, True], repeat=3)))
def test_every_layout_is_read_by_its_configuration(uniqueid: bool, userfield: bool, new: bool) -> None:
    kept = [
        *range(16),
        *([16] if uniqueid else []),
        *([17] if userfield else []),
        *([18, 19, 20] if new else []),
    ]
    (row,) = csv.reader([a_leg(linkedid="1795426100.9", userfield="word").decode()])
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([row[place] for place in kept])
    leg = read(
        line.getvalue().rstrip().encode(), layout_of(uniqueid=uniqueid, userfield=userfield, new_columns=new)
    )
    assert leg.uniqueid == ("1795426200.1" if uniqueid else "")
    assert leg.userfield == ("word" if userfield else "")
    assert (leg.call == "1795426100.9") == new
    assert 16 <= len(kept) <= 21


def test_another_number_of_columns_is_told_with_the_settings_that_say_it() -> None:
    with pytest.raises(BadLine, match=r"expected 21 columns, found 17: cdr_uniqueid, cdr_userfield"):
        read(a_leg(columns=17))


def test_a_call_that_nobody_answered_has_no_answer() -> None:
    assert read(a_leg(disposition="NO ANSWER")).answer is None


def test_gmt_is_read_as_gmt() -> None:
    assert read(a_leg(zone=None), gmt=True).start == MOMENT
    assert read(a_leg(zone=None)).start == MOMENT - timedelta(hours=3)


@pytest.mark.parametrize("minutes", range(0, 240, 10))
def test_in_the_hour_that_comes_twice_the_id_tells_which_it_was(minutes: int) -> None:
    start = datetime(2026, 10, 24, 23, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    line = a_leg(f"{int(start.timestamp())}.5", start=start, zone=BERLIN, waited=300, talked=2400)
    leg = read(line, zone="Europe/Berlin")
    assert (leg.start, leg.end) == (start, start + timedelta(seconds=2700))


@pytest.mark.parametrize("minutes", range(0, 240, 10))
def test_without_an_id_a_call_lasts_as_long_as_it_says(minutes: int) -> None:
    start = datetime(2026, 10, 24, 23, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    line = a_leg(start=start, zone=BERLIN, waited=300, talked=2400, columns=16)
    leg = read(line, layout_of(uniqueid=False, userfield=False, new_columns=False), zone="Europe/Berlin")
    assert leg.end - leg.start == timedelta(seconds=2700)
    assert leg.start in (start, start - timedelta(hours=1), start + timedelta(hours=1))


@pytest.mark.parametrize("days", range(0, 365, 7))
def test_local_time_is_right_the_whole_year(days: int) -> None:
    start = datetime(2026, 1, 1, 12, 34, 56, tzinfo=UTC) + timedelta(days=days)
    assert read(a_leg("x", start=start, zone=BERLIN), zone="Europe/Berlin").start == start


def test_the_same_line_without_ids_is_the_same_leg_whatever_file_it_is_in() -> None:
    layout = layout_of(uniqueid=False, userfield=False, new_columns=False)
    one, other = (read(a_leg(columns=16, account=account), layout) for account in ("", "sales"))
    assert (one.call, one.key) == (other.call, other.key)


def test_windows_1251_is_read_where_it_is_no_utf_8() -> None:
    assert read(a_leg(name="Иван Петров").decode().encode("cp1251")).name == "Иван Петров"


@pytest.mark.parametrize("name", ["master.csv", "transfer.csv"])
def test_recorded_logs_are_read_whole(name: str) -> None:
    for line in (SAMPLES / name).read_bytes().splitlines():
        assert read(line).call


def test_recorded_broken_lines_each_have_a_reason() -> None:
    reasons = set()
    for line in (SAMPLES / "broken.csv").read_bytes().splitlines():
        with pytest.raises(BadLine) as bad:
            read(line)
        assert "79161234567" not in str(bad.value)
        reasons.add(str(bad.value))
    assert len(reasons) == 6


@given(
    st.binary(max_size=400)
    | st.lists(st.text(max_size=25), min_size=21, max_size=21).map(
        lambda row: ",".join('"' + cell.replace('"', '""') + '"' for cell in row).encode()
    )
)
def test_whatever_comes_is_a_leg_or_a_bad_line(raw: bytes) -> None:
    try:
        leg = read(raw)
    except BadLine:
        return
    assert leg.start <= leg.end

"""Whatever HylaFAX, a machine or a stranger writes: it is read, or said to be wrong, in bounded time."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from datetime import UTC
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from channels.fax.frames import File
from channels.fax.hylafax import (
    NUMBERED_FIELDS,
    BadLine,
    read_faxrcvd,
    read_job,
    read_lasted,
    read_log_line,
    read_notify,
)
from channels.fax.letters import read_fax_address, read_pairs
from channels.fax.press import Developed, develop
from channels.fax.tiff import MOST_PAGES, read_tiff
from tests.channels.fax.machines import FINE, STANDARD, Received, a_fax, a_page

T = TypeVar("T")

FIELDS = Received(12, reason="No carrier", pages=3).line().rstrip("\n").split("\t")
OLDEST = [*FIELDS[:2], "+7 495", "84955550000", "x", "x", "3", "0:58", '"No carrier"']
OLD = [*FIELDS[:2], "x", "fax", "84955550000", "+7 495", "x", "x", "3", "0:58", '"No carrier"']
OLDER = [*FIELDS[:4], "84955550000", "+7 495", "x", "x", "3", "0:58", '"No carrier"']
LAYOUTS = {
    9: OLDEST,
    11: OLD,
    12: [*OLDER[:4], "x", *OLDER[4:]],
    13: [*FIELDS[:11], *FIELDS[12:14]],
    **{count: FIELDS[:count] for count in (14, 16, 17, 18, 19)},
}


@pytest.mark.parametrize("count", sorted(NUMBERED_FIELDS))
def test_each_version_of_the_log_says_the_same(count: int) -> None:
    line = read_log_line("\t".join(LAYOUTS[count]), UTC)
    assert (line.kind, line.number, line.pages, line.seconds) == ("RECV", "84955550000", 3, 58)
    assert (line.reason, line.station[:6]) == ("No carrier", "+7 495")
    assert line.cid_number == ("+74951234567" if count >= 16 else "")


@pytest.mark.parametrize("text", ["??:??:??", "", "1", "-1:00", "1:2:3:4"])
def test_a_time_that_the_log_does_not_know_is_none(text: str) -> None:
    assert read_lasted(text) is None


def outcome_of(read: Callable[[], T]) -> tuple[T | None, str]:
    """What was read, or what was said to be wrong."""
    try:
        return read(), ""
    except BadLine as wrong:
        return None, str(wrong)


fields = st.one_of(st.sampled_from([*FIELDS, "??:??:??", "99/99/99 99:99", '"']), st.text(max_size=20))


@given(st.one_of(st.lists(fields, max_size=20).map("\t".join), st.text(max_size=300)))
def test_any_line_of_a_log_is_read_or_said_to_be_wrong(text: str) -> None:
    line, wrong = outcome_of(lambda: read_log_line(text, UTC))
    assert wrong.startswith("expected") if line is None else line.pages >= 0
    assert line is None or not any(letter in line.station + line.reason for letter in "\x1b\r\n\t")


@given(st.lists(st.text(max_size=40), max_size=24))
def test_any_arguments_of_a_script_are_read_or_said_to_be_wrong(arguments: list[str]) -> None:
    readers: tuple[Callable[[Sequence[str]], object], ...] = (read_faxrcvd, read_notify)
    for read in readers:
        _, wrong = outcome_of(partial(read, arguments))
        assert not wrong or wrong.startswith("expected")


@given(st.text(max_size=400))
def test_any_text_is_a_job_a_notice_or_an_address_or_is_not(text: str) -> None:
    read_job(text)
    assert all(key for key, _ in read_pairs(text))
    address = read_fax_address(f"fax={text}@example.com")
    assert address is None or address.number.lstrip("+").isdigit()


WHOLE = a_fax(a_page("one", height=60), a_page("two", height=60))


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=30), st.integers(0))
def test_any_tiff_is_read_as_far_as_it_can_be(changes: list[tuple[int, int]], cut: int) -> None:
    content = bytearray(WHOLE)
    for place, value in changes:
        content[place] = value
    tiff = read_tiff(bytes(content[: cut % len(WHOLE) + 1]))
    assert len(tiff.pages) <= MOST_PAGES
    assert tiff.pages or tiff.problems
    assert all(20 <= page.x_dpi <= 5000 and page.width > 0 for page in tiff.pages)


@given(st.binary(max_size=400))
def test_any_bytes_after_a_head_are_read_or_said_to_be_wrong(content: bytes) -> None:
    tiff = read_tiff(b"II*\x00\x08\x00\x00\x00" + content)
    assert tiff.pages or tiff.problems


def test_a_chain_of_thousands_of_pages_ends() -> None:
    page = struct.pack("<HHHIIHHIII", 2, 256, 4, 1, 1728, 257, 4, 1, 100, 0)
    chain = b"".join(page[:-4] + struct.pack("<I", 8 + len(page) * number) for number in range(1, 5001))
    tiff = read_tiff(b"II*\x00\x08\x00\x00\x00" + chain)
    assert (len(tiff.pages), tiff.problems) == (MOST_PAGES, ("too_many_pages",))


def of_size(content: bytes, width: int, height: int) -> bytes:
    """The same file, whose first page says that it is that large."""
    changed = bytearray(content)
    (at,) = struct.unpack_from("<I", changed, 4)
    (count,) = struct.unpack_from("<H", changed, at)
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag = struct.unpack_from("<H", changed, place)[0]
        if tag in (256, 257):
            struct.pack_into("<HII", changed, place + 2, 4, 1, width if tag == 256 else height)
    return bytes(changed)


async def developed(content: bytes) -> Developed:
    return await develop([File(name="fax.tif", content=content)], most=9, seconds=30)


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (2**31, 2**31), (1728, 2**32 - 1)])
async def test_a_page_of_impossible_size_is_said_so_and_not_opened(width: int, height: int) -> None:
    shown = await developed(of_size(a_fax(), width, height))
    assert [trouble.code for trouble in shown.troubles] == ["page_too_large"]
    assert shown.sheets == ()


@pytest.mark.parametrize(
    ("compression", "two_dimensional"), [("group3", False), ("group3", True), ("group4", False)]
)
@pytest.mark.parametrize("lines_per_inch", [STANDARD, FINE])
async def test_pages_are_shown_in_their_true_proportion(
    compression: str, two_dimensional: bool, lines_per_inch: int
) -> None:
    page = a_page("The lamp is red.", lines_per_inch=lines_per_inch)
    shown = await developed(
        a_fax(page, compression=compression, two_dimensional=two_dimensional, lines_per_inch=lines_per_inch)
    )
    assert shown.troubles == ()
    with Image.open(io.BytesIO(shown.sheets[0].png)) as picture:
        assert picture.width == 1728
        assert abs(picture.height - 500 * 204 / 196) <= 2

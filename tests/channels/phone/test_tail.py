"""The tail: whatever the writer does to the file, each whole line comes out once, in order."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from channels.phone.tail import Line, Place, Tail


def drain(tail: Tail) -> list[bytes]:
    return [line.raw for line in lines(tail)]


def lines(tail: Tail) -> list[Line]:
    """Everything there is now: a file that lost its name is left at the second look."""
    found: list[Line] = []
    ends = 0
    while ends < 3:
        chunk = tail.read()
        found += chunk.lines
        ends = ends + 1 if chunk.caught_up else 0
    return found


class Writer:
    """An exchange and its logrotate."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "Master.csv"
        self.path.touch()
        self.rotated = 0

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def _shift(self) -> Path:
        for number in range(self.rotated, 0, -1):
            self.path.with_name(f"Master.csv.{number}").rename(
                self.path.with_name(f"Master.csv.{number + 1}")
            )
        self.rotated += 1
        return self.path.with_name("Master.csv.1")

    def rename(self) -> None:
        self.path.rename(self._shift())
        self.path.touch()

    def copy_and_empty(self) -> None:
        shutil.copy(self.path, self._shift())
        os.truncate(self.path, 0)


def test_a_half_written_line_waits_for_its_rest(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    tail = Tail(writer.path)
    writer.write(b"one\ntw")
    assert drain(tail) == [b"one"]
    writer.write(b"o\nthree")
    assert drain(tail) == [b"two"]
    tail.close()


def test_a_line_that_is_too_long_is_told_once_and_the_next_one_is_read(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    tail = Tail(writer.path, line_limit=100)
    writer.write(b"x" * 5000)
    first = lines(tail)
    writer.write(b"x" * 3_000_000 + b"\nnext\n")
    then = lines(tail)
    assert [(len(line.raw), line.too_long) for line in first] == [(100, True)]
    assert [(line.raw, line.too_long) for line in then] == [(b"next", False)]
    tail.close()


def test_a_file_that_is_not_there_yet_is_read_when_it_is(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "Master.csv")
    assert drain(tail) == []
    Writer(tmp_path).write(b"one\n")
    assert drain(tail) == [b"one"]
    tail.close()


def test_a_writer_that_keeps_the_old_file_open_a_moment_loses_nothing(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    tail = Tail(writer.path)
    with writer.path.open("ab", buffering=0) as old:
        old.write(b"one\n")
        assert drain(tail) == [b"one"]
        writer.rename()
        tail.read()
        old.write(b"two\n")
    writer.write(b"three\n")
    assert drain(tail) == [b"two", b"three"]
    tail.close()


DEEDS = st.lists(
    st.sampled_from(["write", "half", "rename", "copy", "read", "restart"]), min_size=1, max_size=25
)


@given(DEEDS)
def test_each_line_comes_once_through_rotations_restarts_and_pauses(deeds: list[str]) -> None:
    with TemporaryDirectory() as folder:
        writer, written, read = Writer(Path(folder)), 0, list[bytes]()
        tail, place = Tail(writer.path), Place()
        open_half = bool(drain(tail))
        for deed in [*deeds, "write", "read"]:
            if deed in ("write", "half") or (deed in ("rename", "copy") and open_half):
                line = b"line %06d of many\n" % written
                if open_half:
                    writer.write(line[7:])
                    written, open_half = written + 1, False
                elif deed == "half":
                    writer.write(line[:7])
                    open_half = True
                else:
                    writer.write(line)
                    written += 1
            if deed == "rename":
                writer.rename()
            elif deed == "copy":
                # What is emptied between two looks is found again by how it began: it must have been seen.
                found = lines(tail)
                read += [one.raw for one in found]
                writer.copy_and_empty()
            elif deed in ("read", "restart"):
                read += drain(tail)
                place = tail.read().next
                if deed == "restart":
                    tail.close()
                    tail = Tail(writer.path, place)
        read += drain(tail)
        tail.close()
        whole = [b"line %06d of many" % number for number in range(written)]
        assert read == whole


def test_what_was_written_before_a_file_was_copied_and_emptied_is_read_from_the_copy(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    tail = Tail(writer.path)
    writer.write(b"one\n")
    assert drain(tail) == [b"one"]
    writer.write(b"two\nthree\n")
    writer.copy_and_empty()
    writer.write(b"four\n")
    assert drain(tail) == [b"two", b"three", b"four"]
    tail.close()


def test_two_rotations_while_nobody_read_are_read_in_order(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    tail = Tail(writer.path)
    writer.write(b"one\n")
    assert drain(tail) == [b"one"]
    place = tail.read().next
    tail.close()
    for number, line in enumerate([b"two\n", b"three\n", b"four\n"]):
        writer.write(line)
        os.utime(writer.path, (1_700_000_000 + number, 1_700_000_000 + number))
        if number < 2:
            writer.rename()
    later = Tail(writer.path, place)
    assert drain(later) == [b"two", b"three", b"four"]
    later.close()

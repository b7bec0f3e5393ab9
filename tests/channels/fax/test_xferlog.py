"""Each line of HylaFAX's log comes out once and in order, whatever becomes of the file meanwhile."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.fax.xferlog import MOST_BYTES, Place, read_log

START = Place(since=datetime(2026, 1, 1, tzinfo=UTC))


class Log:
    """A log that a test writes and rotates, and a reader that looks at it."""

    def __init__(self, home: Path) -> None:
        self.path = home / "xferfaxlog"
        self.place = START
        self.seen: list[str] = []
        self.written: list[str] = []

    def write(self, count: int) -> None:
        lines = [f"line {len(self.written) + number:05}" for number in range(count)]
        self.written += lines
        self.append("".join(f"{line}\n" for line in lines))

    def append(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def look(self) -> None:
        while True:
            chunk = read_log(self.path, self.place, at=time.time())
            self.seen += [line.decode() for line in chunk.lines]
            self.place = msgspec.json.decode(msgspec.json.encode(chunk.place), type=Place)
            if not chunk.more:
                return

    def rename(self) -> None:
        """As logrotate does it by default, and savelog."""
        for number in range(9, 0, -1):
            for ending in ("", ".gz"):
                old = self.path.with_name(f"xferfaxlog.{number}{ending}")
                if old.exists():
                    old.rename(self.path.with_name(f"xferfaxlog.{number + 1}{ending}"))
        if self.path.exists():
            self.path.rename(self.path.with_name("xferfaxlog.1"))

    def pack(self) -> None:
        """The one before the last, as with delaycompress."""
        plain = self.path.with_name("xferfaxlog.2")
        if plain.exists():
            packed = plain.with_name(f"{plain.name}.gz")
            packed.write_bytes(gzip.compress(plain.read_bytes()))
            os.utime(packed, ns=(plain.stat().st_atime_ns, plain.stat().st_mtime_ns))
            plain.unlink()

    def copy_and_cut(self) -> None:
        """As logrotate does it with copytruncate."""
        if self.path.exists():
            shutil.copy2(self.path, self.path.with_name("xferfaxlog.1"))
            os.truncate(self.path, 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["write", "write many", "look", "rename", "pack"]), max_size=16))
def test_every_line_comes_once_whatever_is_renamed_and_packed(doings: list[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        log = Log(Path(home))
        for doing in doings:
            if doing.startswith("write"):
                log.write(7 if doing == "write" else 40)
            elif doing == "look":
                log.look()
            elif doing == "rename":
                log.rename()
            else:
                log.pack()
        log.look()
        assert log.seen == log.written


def test_a_log_that_is_copied_away_and_cut_loses_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(5)
    log.look()
    log.write(3)
    log.copy_and_cut()
    log.write(20)  # by now it is longer than where we stood
    log.look()
    assert log.seen == log.written


def test_a_copy_that_somebody_keeps_beside_it_is_not_read(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(5)
    log.look()
    shutil.copy2(log.path, tmp_path / "xferfaxlog.bak")
    log.look()
    log.write(2)
    log.look()
    assert log.seen == log.written


def test_half_a_line_waits_for_its_end_unless_another_log_began(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.append("half a ")
    log.look()
    assert log.seen == []
    log.append("line\nbroken off")
    log.look()
    assert log.seen == ["half a line"]
    log.rename()
    log.append("next\n")
    log.look()
    assert log.seen == ["half a line", "broken off", "next"]


def test_more_than_one_look_takes_in_is_read_in_several(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(3)
    log.look()
    log.append("\n" * (MOST_BYTES + 10))  # no lines at all, and then some
    log.write(3)
    log.append("x" * (MOST_BYTES + 5) + "\n")
    log.rename()
    log.write(2)
    log.look()
    assert [line for line in log.seen if line.startswith("line")] == log.written


def test_a_log_that_was_thrown_away_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(5)
    log.look()
    log.path.unlink()
    log.look()
    log.write(2)
    log.look()
    assert log.seen == log.written

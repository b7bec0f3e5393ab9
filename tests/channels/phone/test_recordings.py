"""Recordings: attached when the log names them and they are whole, from one directory alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crm.contact import Contact
from tests.channels.phone.logs import MOMENT, a_leg
from tests.channels.phone.test_source import Desk, desk
from tests.polling import until

CALL = "1795426200.1"


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "monitor"
    folder.mkdir()
    return folder


def record(path: Path, content: bytes = b"RIFF____WAVE") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (MOMENT.timestamp(), MOMENT.timestamp()))


async def attached(at: Desk) -> list[tuple[str, int]]:
    calls: dict[str, Contact] = await at.calls()
    return [(file.name, file.size) for call in calls.values() for file in call.attachments]


@pytest.mark.parametrize(
    ("named", "lies"),
    [
        ("call.wav", "call.wav"),
        ("audio:sub/call.wav", "sub/call.wav"),
        ("call.wav", "2026/11/23/call.wav"),
    ],
)
async def test_a_recording_is_attached_to_its_call(
    tmp_path: Path, sounds: Path, named: str, lies: str
) -> None:
    record(sounds / lies)
    async with desk(tmp_path, recordings=str(sounds)) as at:
        at.log(a_leg(userfield=named))
        await until(lambda: attached(at), [("call.wav", 12)])


async def test_one_that_appears_later_is_attached_then_also_by_the_next_process(
    tmp_path: Path, sounds: Path
) -> None:
    async with desk(tmp_path, recordings=str(sounds)) as at:
        at.log(a_leg(userfield="late.wav"))
        await at.see({CALL: "answered"})
    async with desk(tmp_path, recordings=str(sounds), recording_wait=100_000) as at:
        record(sounds / "late.wav")
        await until(lambda: attached(at), [("late.wav", 12)])
        assert len(await at.house.contacts()) == 1


@pytest.mark.parametrize("named", ["../secret.wav", "/etc/passwd.wav", "link.wav", "folder.wav", "large.wav"])
async def test_nothing_is_read_from_elsewhere_nor_beyond_the_limit(
    tmp_path: Path, sounds: Path, named: str
) -> None:
    record(tmp_path / "secret.wav")
    (sounds / "link.wav").symlink_to(tmp_path / "secret.wav")
    (sounds / "folder.wav").mkdir()
    record(sounds / "large.wav", b"x" * 200)
    record(sounds / "good.wav")
    async with desk(tmp_path, recordings=str(sounds), recording_size_limit=100) as at:
        at.log(a_leg(userfield=named), a_leg("1795426300.7", userfield="good.wav", sequence=2))
        await until(lambda: attached(at), [("good.wav", 12)])

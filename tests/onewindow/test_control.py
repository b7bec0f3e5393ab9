"""A command reaches the store wherever it is open: here, or in a server that runs."""

from __future__ import annotations

import asyncio
import json
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crm.collections import EMPLOYEES
from crm.errors import BadInput, StoreDown
from crm.store import equals
from onewindow import commands, control
from onewindow.control import answer_commands, tell
from onewindow.core import open_core
from onewindow.settings import BadSetting, Settings, read_settings
from tests.onewindow.servers import kill, serving

ANNA = {"login": "anna", "name": "Анна", "password": "long enough"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings("[http]\nport = 0\n[chat]", {}, home=tmp_path)


async def names(settings: Settings) -> list[str]:
    async with open_core(settings) as core:
        return [employee.name for employee in await core.store.find(EMPLOYEES)]


async def test_a_command_works_on_the_store_itself_when_no_server_runs(settings: Settings) -> None:
    assert (await tell(settings, "add_user", **ANNA))["login"] == "anna"
    assert await names(settings) == ["Анна"]


@pytest.mark.slow
async def test_a_command_works_in_the_server_of_another_process(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "onewindow.toml").write_text("[http]\nport = 0\n[chat]", encoding="utf-8")
    with serving(tmp_path):
        assert (await tell(settings, "add_user", **ANNA))["login"] == "anna"
        with pytest.raises(BadInput, match="Somebody else has this login"):
            await tell(settings, "add_user", **ANNA)
        mode = (tmp_path / "var" / "control.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not (tmp_path / "var" / "control.sock").exists()
    assert await names(settings) == ["Анна"]


@pytest.mark.slow
async def test_what_a_killed_server_left_is_no_obstacle(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "onewindow.toml").write_text("[http]\nport = 0\n[chat]", encoding="utf-8")
    with serving(tmp_path) as server:
        kill(server.process)
    assert (tmp_path / "var" / "control.sock").exists()
    await tell(settings, "add_user", **ANNA)
    with serving(tmp_path):
        await tell(settings, "add_token", name="billing")
    assert await names(settings) == ["Анна"]


async def asked(settings: Settings, line: bytes) -> bytes:
    """What the server of this process says to a line."""
    async with open_core(settings) as core, answer_commands(core):
        path = control._socket_path(settings)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        writer.write_eof()
        said = await reader.read()
        writer.close()
        return said


@pytest.mark.parametrize(
    "asking",
    [
        {"command": "nothing", "arguments": {}},
        {"command": "add_user", "arguments": {"colour": "red"}},
        {"command": "add_user", "arguments": []},
        {"command": "add_user"},
        {},
        [],
        5,
    ],
)
async def test_a_program_of_another_version_is_told_so(settings: Settings, asking: object) -> None:
    said = json.loads(await asked(settings, json.dumps(asking).encode() + b"\n"))
    assert "different versions" in said["error"]


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"GET / HTTP/1.1\r\n", b"{", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"x" * 2_000_000]
)
async def test_whoever_does_not_speak_our_language_gets_no_answer_and_harms_nothing(
    settings: Settings, line: bytes
) -> None:
    async with open_core(settings) as core, answer_commands(core):
        path = control._socket_path(settings)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        writer.write_eof()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert (await tell(settings, "list_dead_letters"))["dead_letters"] == []


async def test_a_fault_of_a_command_says_where_to_look(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(_: Any) -> dict[str, Any]:
        raise KeyError("тайна")

    async def is_down(_: Any) -> dict[str, Any]:
        raise StoreDown("the disk is full")

    monkeypatch.setitem(commands.COMMANDS, "break", breaks)
    monkeypatch.setitem(commands.COMMANDS, "down", is_down)
    with pytest.raises(BadInput, match="the log of the server says where"):
        await tell(settings, "break")
    assert "KeyError at test_control.py" in caplog.text
    assert "тайна" not in caplog.text
    with pytest.raises(BadInput, match="not now, try again: the disk is full"):
        await tell(settings, "down")


async def test_a_server_that_stops_or_hangs_before_it_answers_is_said_to(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.1)
    hangs = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not hangs.is_set():
            hangs.set()
            await reader.read()
        writer.close()

    (tmp_path / "var").mkdir()
    async with await asyncio.start_unix_server(answer, tmp_path / "var" / "control.sock"):
        with pytest.raises(BadInput, match="did not answer within"):
            await tell(settings, "list_dead_letters")
        with pytest.raises(BadInput, match="stopped before it answered"):
            await tell(settings, "list_dead_letters")


async def test_a_directory_too_deep_for_a_socket_is_named(tmp_path: Path) -> None:
    deep = read_settings(f"data = '{'/'.join(['d' * 30] * 5)}'", {}, home=tmp_path)
    async with open_core(deep) as core:
        with pytest.raises(BadSetting, match="shorter path") as caught:
            async with answer_commands(core):
                pass
    assert caught.value.field == "data"


async def test_a_directory_that_is_deep_but_near_is_not_too_deep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path.joinpath(*["d" * 30] * 5)
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    settings = read_settings("", {}, home=home)
    async with open_core(settings) as core, answer_commands(core):
        await tell(settings, "add_user", **ANNA)
        assert len(await core.store.find(EMPLOYEES, equals("login", "anna"))) == 1
    assert not (home / "var" / "control.sock").exists()

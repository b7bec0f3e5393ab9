"""The real program is killed while faxes come in by spool and hook: each becomes a contact, and only one."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from pathlib import Path

import pytest

from crm.collections import CONTACTS
from storage.sqlite import open_sqlite
from tests.channels.fax.machines import Machine, Received, a_fax, a_page
from tests.onewindow import servers
from tests.polling import until

pytestmark = pytest.mark.slow

SETTINGS = """
log_level = "warning"
[http]
port = {http}
[fax]
spool = "{spool}"
poll_seconds = 0.05
history_days = 10000
time_zone = "UTC"
ocr = false
"""


async def keys_stored(home: Path) -> Counter[str]:
    async with open_sqlite(home / "var" / "onewindow.sqlite") as store:
        contacts = await store.find(CONTACTS, limit=1_000_000)
    return Counter(contact.key for contact in contacts)


class Line:
    """A fax line: what comes in by it lies in recvq, and its line in the log."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.machine = Machine(home / "spool")
        self.keys: list[str] = []
        self._page = a_page("The lamp is red.", height=120)

    def receives(self, count: int) -> None:
        for _ in range(count):
            call = Received(len(self.keys) + 1)
            content = a_fax(self._page, station=f"+7 495 {call.number:07}")
            self.machine.receives(call, content)
            self.keys.append(f"fax{call.number:09}")

    def hands_over(self) -> None:
        """The hook is called with the latest one too."""
        call = Received(len(self.keys))
        arguments = (call.qfile, "ttyS0", f"{call.number:09}", "", call.caller, call.name, "84955550000")
        done = servers.run(self._home, "fax-received", "--config", "onewindow.toml", *arguments)
        assert done.returncode == 0, done.stderr

    def rotates(self) -> None:
        self.machine.log.rename(self.machine.log.with_name(f"xferfaxlog.{1000 - len(self.keys)}"))

    async def waiting(self) -> tuple[int, int]:
        """What was not taken yet, and what lies in the tray."""
        files = [path.suffix for path in (self._home / "var" / "fax" / "tray").glob("*")]
        return len(self.keys) - files.count(".done"), files.count(".fax")


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_a_kill_while_faxes_come_in_loses_none_and_doubles_none(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    line = Line(tmp_path)
    (tmp_path / "onewindow.toml").write_text(SETTINGS.format(http=port, spool=line.machine.root))
    for round_ in range(kills):
        line.receives(3)
        process = await asyncio.to_thread(servers.spawn, tmp_path, tmp_path / "server.log")
        before, _ = await line.waiting()

        async def moves(before: int = before) -> bool:
            left, lie = await line.waiting()
            return lie > 0 or left < before

        await until(moves, True, patience=60)
        line.receives(1)
        await asyncio.sleep(chance.choice([0.0, 0.02, 0.3, 0.8]))  # a moment of no meaning
        await asyncio.to_thread(servers.kill, process)
        if round_ % 2:
            await asyncio.to_thread(line.hands_over)
        else:
            line.rotates()
        assert set((await keys_stored(tmp_path)).values()) <= {1}
    server = await asyncio.to_thread(servers.start, tmp_path, tmp_path / "server.log")
    try:
        line.receives(1)
        await until(line.waiting, (0, 0), patience=120)
    finally:
        await asyncio.to_thread(servers.stop, server.process)
    assert await keys_stored(tmp_path) == Counter(line.keys)

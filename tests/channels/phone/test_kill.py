"""The real program is killed while it reads logs that grow and rotate: each call is there, and only once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crm.collections import CASES, CONTACTS
from storage.sqlite import open_sqlite
from tests.channels.email.dovecot import free_port
from tests.onewindow import servers
from tests.polling import until

pytestmark = pytest.mark.slow

SETTINGS = """
log_level = "warning"
[http]
port = {http}
[phone]
time_zone = "UTC"
cdr = ["logs/Master.csv"]
poll_interval = 0.05
settle = 0.2
"""


class Exchange:
    """Writes its log line by line, as far as the disk took it, and turns it over now and then."""

    def __init__(self, home: Path, chance: random.Random) -> None:
        (home / "logs").mkdir()
        self._log = home / "logs" / "Master.csv"
        self._log.touch()
        self._chance = chance
        self._began = int(time.time()) - 3600
        self._turned = 0
        self.calls: list[str] = []

    def miss(self, count: int) -> None:
        """Calls that nobody answered, each of another number; the last line may stay half written."""
        for _ in range(count):
            line = self._line()
            half = self._chance.randrange(len(line)) if self._chance.random() < 0.1 else 0
            with self._log.open("ab") as log:
                log.write(line[:half])
                log.flush()
                log.write(line[half:])

    def turn(self) -> None:
        """A new log, as logrotate makes it: the old one keeps its place under another name."""
        self._turned += 1
        self._log.rename(self._log.with_name(f"Master.csv.{self._turned}"))
        self._log.touch()

    def _line(self) -> bytes:
        number = len(self.calls)
        id_ = f"{self._began}.{number}"
        self.calls.append(id_)
        at = datetime.fromtimestamp(self._began + number, UTC).strftime("%Y-%m-%d %H:%M:%S")
        caller = f"+7916{number:07}"
        columns = ["", caller, "600", "from-trunk", f'""{caller}"" <{caller}>', "PJSIP/trunk-00000001"]
        columns += ["PJSIP/101-00000002", "Dial", "PJSIP/101,30", at, "", at]
        quoted = [f'"{column}"' for column in columns] + ["25", "0", '"NO ANSWER"', '"DOCUMENTATION"']
        quoted += [f'"{id_}"', '""', '""', f'"{id_}"', f'"{number}"']
        return (",".join(quoted) + "\n").encode()


async def calls_stored(home: Path) -> Counter[str]:
    async with open_sqlite(home / "var" / "onewindow.sqlite") as store:
        contacts = await store.find(CONTACTS, limit=1_000_000)
        cases = await store.find(CASES, limit=1_000_000)
    assert all(case.state == "queued" for case in cases), "a missed call waits to be called back"
    assert len(cases) == len(contacts)
    return Counter(contact.fields["call"] for contact in contacts)


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_a_kill_while_logs_are_read_loses_no_call_and_doubles_none(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    exchange = Exchange(tmp_path, chance)
    (tmp_path / "onewindow.toml").write_text(SETTINGS.format(http=free_port()))
    log = tmp_path / "server.log"
    exchange.miss(5)

    async def all_there() -> bool:
        """The store serves one process: let the program read on for a while, stop it, and look."""
        server = await asyncio.to_thread(servers.start, tmp_path, log)
        await asyncio.sleep(1)
        await asyncio.to_thread(servers.stop, server.process)
        return await calls_stored(tmp_path) == Counter(exchange.calls)

    await until(all_there, wanted=True, patience=60)  # a log that it never saw cannot be followed
    for number in range(kills):
        exchange.miss(chance.choice([50, 300]))
        process = await asyncio.to_thread(servers.spawn, tmp_path, log)
        place = tmp_path / "var" / "onewindow.sqlite-wal"
        before = place.stat().st_size if place.exists() else 0

        async def writes(place: Path = place, before: int = before) -> bool:
            return place.exists() and place.stat().st_size != before

        await until(writes, wanted=True, patience=30)
        exchange.miss(30)
        if number % 2:
            exchange.turn()
            exchange.miss(20)
        await asyncio.sleep(chance.choice([0.0, 0.02, 0.1, 0.4]))  # a moment of no meaning
        await asyncio.to_thread(servers.kill, process)
        there = await calls_stored(tmp_path)
        assert set(there.values()) <= {1}
        assert set(there) <= set(exchange.calls)
    exchange.miss(5)
    await until(all_there, wanted=True, patience=60)

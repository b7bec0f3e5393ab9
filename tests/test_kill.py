"""Nothing lost, nothing doubled: a server is killed again and again under load, and everything is counted."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import aiohttp
import aiosmtplib
import pytest

from crm.case import Case
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS
from crm.contact import Contact
from storage.sqlite import open_sqlite
from tests.onewindow import servers
from tests.onewindow.servers import Running
from tests.polling import until

SETTINGS = """
log_level = "warning"
[http]
port = {http}
[email]
addresses = ["help@example.com"]
port = {smtp}
sender_messages_per_minute = 1000000
[chat]
visitor_messages_per_minute = 1000000
peer_messages_per_minute = 1000000
"""
SENDERS = 8
VISITORS = 8
PATIENCE = 5.0


@dataclass
class Load:
    """What the peers say, and what they were told is received. Each says one thing at a time, until it is."""

    http: int
    smtp: int
    acknowledged: list[str] = field(default_factory=list)
    tries: int = 0
    seqs: dict[str, list[int]] = field(default_factory=dict)  # of each visitor, in the order he spoke
    over: asyncio.Event = field(default_factory=asyncio.Event)
    peers: list[asyncio.Task[None]] = field(default_factory=list)

    async def all_have_ended(self) -> None:
        """Every peer has been told of the last thing he said."""
        async with asyncio.timeout(60):
            await asyncio.wait(self.peers)

    async def write_letters(self, sender: int) -> None:
        """A mail server that holds a letter until it is taken. Two of them each send for one person."""
        number = 0
        while not self.over.is_set():
            words = f"letter {number} of {sender}"
            letter = EmailMessage()
            letter["From"], letter["To"] = f"person{sender // 2}@example.org", "help@example.com"
            letter["Message-ID"], letter["Subject"] = f"<{sender}.{number}@example.org>", f"Letter {number}"
            letter.set_content(words)
            await self._until_taken(letter)
            self.acknowledged.append(words)
            number += 1

    async def _until_taken(self, letter: EmailMessage) -> None:
        while True:
            self.tries += 1
            try:
                client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self.smtp, timeout=PATIENCE)
                async with client:
                    await client.send_message(letter)
                    return
            except (aiosmtplib.SMTPException, OSError):
                await asyncio.sleep(0.05)

    async def talk(self, visitor: int) -> None:
        """A page that says a thing again, under the same id, until it hears that it was received."""
        seqs = self.seqs[f"visitor {visitor}"] = []
        token, number = "", 0
        async with aiohttp.ClientSession() as client:
            while not self.over.is_set():
                try:
                    async with (
                        asyncio.timeout(PATIENCE),
                        client.ws_connect(f"http://127.0.0.1:{self.http}/chat/ws") as line,
                    ):
                        await line.send_json({"type": "hello", "token": token})
                        token = (await _heard(line, "welcome"))["token"] or token
                        while not self.over.is_set():
                            words = f"message {number} of {visitor}"
                            self.tries += 1
                            await line.send_json({"type": "say", "id": f"say-{number:06}", "text": words})
                            seqs.append(int((await _heard(line, "received"))["seq"]))
                            self.acknowledged.append(words)
                            number += 1
                            await asyncio.sleep(0.002)
                except (aiohttp.ClientError, OSError, TimeoutError, ConnectionError):
                    await asyncio.sleep(0.05)


async def _heard(line: aiohttp.ClientWebSocketResponse, wanted: str) -> dict[str, str]:
    """The frame of that type. Raises `ConnectionError` for a line that ended, or one told to try again."""
    while True:
        message = await line.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError("the line ended")
        frame: dict[str, str] = json.loads(message.data)
        if frame["type"] == wanted:
            return frame
        if frame["type"] == "try_again":
            raise ConnectionError("told to try again")
        assert frame["type"] != "refused", frame


@dataclass
class Report:
    """How the server was treated, and how long it took to be back at worst."""

    kills: int = 0
    while_starting: int = 0
    slowest: float = 0.0


async def kill_again_and_again(home: Path, load: Load, kills: int, chance: random.Random) -> Report:
    """Start it, let it work for a while, kill it, and so on; in the end it is stopped as it should be."""
    report, log = Report(), home / "server.log"
    while report.kills < kills:
        report.kills += 1
        if chance.random() < 0.2:
            process = await asyncio.to_thread(servers.spawn, home, log)
            await asyncio.sleep(chance.uniform(0, 1.2 * report.slowest))
            report.while_starting += 1
        else:
            process = (await start(home, log, report)).process
            await work_goes_on(load, chance.choice([1, 5, 25, 100]))
            await asyncio.sleep(chance.uniform(0, 0.05))
        await asyncio.to_thread(servers.kill, process)
    server = await start(home, log, report)
    await work_goes_on(load, 100)
    load.over.set()
    await load.all_have_ended()
    await asyncio.to_thread(servers.stop, server.process)
    return report


async def start(home: Path, log: Path, report: Report) -> Running:
    server = await asyncio.to_thread(servers.start, home, log)
    report.slowest = max(report.slowest, server.took)
    return server


async def work_goes_on(load: Load, more: int) -> None:
    """Until so many more were received."""
    wanted = len(load.acknowledged) + more

    async def enough() -> bool:
        return len(load.acknowledged) >= wanted

    await until(enough, True, patience=60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("kills", [5, pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_every_acknowledged_contact_is_there_once_with_its_case(
    tmp_path: Path, kills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    load = Load(free_port(), free_port())
    (tmp_path / "onewindow.toml").write_text(
        SETTINGS.format(http=load.http, smtp=load.smtp), encoding="utf-8"
    )
    async with asyncio.TaskGroup() as peers:
        load.peers += [peers.create_task(load.write_letters(n)) for n in range(SENDERS)]
        load.peers += [peers.create_task(load.talk(n)) for n in range(VISITORS)]
        report = await kill_again_and_again(tmp_path, load, kills, random.Random(f"{kills} kills"))
    contacts, cases = await check_store(tmp_path / "var" / "onewindow.sqlite")
    stored = Counter(contact.text.strip() for contact in contacts)
    lost = [words for words in load.acknowledged if words not in stored]
    doubled = [words for words, times in stored.items() if times > 1]
    with capsys.disabled():
        sys.stdout.write(
            f"\nkill test: kills={report.kills} (while starting: {report.while_starting}) tries={load.tries} "
            f"acknowledged={len(load.acknowledged)} stored={len(contacts)} cases={len(cases)} "
            f"lost={len(lost)} doubled={len(doubled)} slowest restart={report.slowest:.2f} s\n"
        )
    assert (lost, doubled) == ([], [])
    assert len(set(load.acknowledged)) == len(load.acknowledged)
    assert len(contacts) <= len(load.acknowledged) + VISITORS, "what nobody sent"
    check_numbers(contacts, cases)
    check_talks(load, contacts)


async def check_store(path: Path) -> tuple[Sequence[Contact], Sequence[Case]]:
    """The file is whole, and every contact has its customer and its case; one customer for each address."""
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    async with open_sqlite(path) as store:
        contacts = await store.find(CONTACTS, limit=1_000_000)
        cases = await store.find(CASES, limit=1_000_000)
        customers = {customer.id for customer in await store.find(CUSTOMERS, limit=1_000_000)}
        addresses = await store.find(ADDRESSES, limit=1_000_000)
    owner_of = {address.id: address.customer_id for address in addresses}
    assert set(owner_of.values()) == customers
    assert len(owner_of) == len(customers) == SENDERS // 2 + VISITORS
    for contact in contacts:
        assert contact.customer_id == owner_of[f"{contact.sender.kind}:{contact.sender.value}"]
    return contacts, cases


def check_numbers(contacts: Sequence[Contact], cases: Sequence[Case]) -> None:
    """The contacts of each case are numbered 1 to n, and it knows how many they are."""
    numbers: dict[str, list[int]] = {case.id: [] for case in cases}
    for contact in contacts:
        numbers[contact.case_id].append(contact.number)
    assert {case.id: sorted(numbers[case.id]) for case in cases} == {
        case.id: list(range(1, case.contacts + 1)) for case in cases
    }
    assert all(case.contacts for case in cases)


def check_talks(load: Load, contacts: Sequence[Contact]) -> None:
    """Each visitor was told growing numbers, and what he said is one case in the order he said it."""
    for visitor, seqs in load.seqs.items():
        assert seqs == sorted(set(seqs)), visitor
        said = [
            (contact.number, contact.case_id, contact.text)
            for contact in contacts
            if contact.text.endswith(f" of {visitor.removeprefix('visitor ')}") and contact.channel == "chat"
        ]
        assert len({case_id for _, case_id, _ in said}) == 1
        words = [text for _, _, text in sorted(said)]
        assert words == [
            f"message {number} of {visitor.removeprefix('visitor ')}" for number in range(len(words))
        ]

"""The real program is killed while it empties a real mailbox: each letter becomes a contact, and only one."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from crm.collections import CONTACTS
from crm.contact import Contact
from storage.sqlite import open_sqlite
from tests.channels.email.dovecot import PASSWORD, Box, a_dovecot, free_port
from tests.onewindow import servers
from tests.polling import until

pytestmark = [pytest.mark.component("dovecot"), pytest.mark.slow]

SETTINGS = """
log_level = "warning"
[http]
port = {http}
[[mailbox]]
user = "{user}"
host = "127.0.0.1"
port = {port}
tls = "none"
password = "{password}"
afterwards = "{afterwards}"
move_to = "Taken"
verify_dkim = false
"""


def a_letter(key: str) -> bytes:
    return (
        f"Return-Path: <ivan@example.org>\r\nDelivered-To: help@example.com\r\n"
        f"From: Ivan <ivan@example.org>\r\nTo: help@example.com\r\nSubject: Letter {key}\r\n"
        f"Message-ID: <{key}@example.org>\r\n\r\nWords of {key}.\r\n"
    ).encode()


class Post:
    """Letters that arrive all the while, and how many there were."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.sent: list[str] = []

    async def deliver(self, count: int) -> None:
        keys = [f"letter-{len(self.sent) + number:05}" for number in range(count)]
        await asyncio.to_thread(self._box.put, *map(a_letter, keys))
        self.sent += keys

    async def left(self) -> int:
        return await asyncio.to_thread(self._box.count)


async def stored(home: Path) -> Sequence[Contact]:
    with sqlite3.connect(home / "var" / "onewindow.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    async with open_sqlite(home / "var" / "onewindow.sqlite") as store:
        return await store.find(CONTACTS, limit=1_000_000)


def keys_of(contacts: Sequence[Contact]) -> Counter[str]:
    return Counter(contact.key.partition("@")[0] for contact in contacts)


def keys_in(box: Box, folder: str = "INBOX") -> set[str]:
    with box.client() as client:
        if not client.folder_exists(folder):
            return set()
        client.select_folder(folder, readonly=True)
        numbers = client.search()
        found = client.fetch(numbers, ["BODY.PEEK[HEADER.FIELDS (SUBJECT)]"]) if numbers else {}
    heads = [next(value for name, value in data.items() if b"HEADER" in name) for data in found.values()]
    return {head.split()[-1].decode() for head in heads}


def kill_when_letters_go(process: subprocess.Popen[bytes], box: Box, later: float) -> None:
    """The worst moment there is: what was removed a moment ago must be stored already."""
    deadline = time.monotonic() + 20
    most = box.files()
    while (there := box.files()) >= most and time.monotonic() < deadline:
        most = there
        time.sleep(0.0005)
    time.sleep(later)
    servers.kill(process)


@pytest.mark.parametrize("afterwards", ["delete", "move"])
@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_a_kill_while_a_mailbox_is_emptied_loses_nothing_and_doubles_nothing(
    tmp_path: Path, kills: int, afterwards: str
) -> None:
    chance = random.Random(f"{kills} {afterwards}")
    with a_dovecot() as server:
        box = Box(server, "help@example.com")
        post = Post(box)
        (tmp_path / "onewindow.toml").write_text(
            SETTINGS.format(
                http=free_port(), user=box.user, port=server.port, password=PASSWORD, afterwards=afterwards
            )
        )
        for _ in range(kills):
            await post.deliver(chance.choice([20, 120]))
            process = await asyncio.to_thread(servers.spawn, tmp_path, tmp_path / "server.log")
            more = asyncio.create_task(post.deliver(15))
            await asyncio.to_thread(kill_when_letters_go, process, box, chance.choice([0, 0, 0.01, 0.1]))
            await more
            there = keys_of(await stored(tmp_path))
            assert set(there.values()) <= {1}
            gone = set(post.sent) - await asyncio.to_thread(keys_in, box)
            assert gone <= there.keys(), "a letter was taken away before it was stored"
        with_server = await asyncio.to_thread(servers.start, tmp_path, tmp_path / "server.log")
        try:
            await post.deliver(5)
            await until(post.left, 0, patience=60)
        finally:
            await asyncio.to_thread(servers.stop, with_server.process)
        if afterwards == "move":
            assert await asyncio.to_thread(keys_in, box, "Taken") == set(post.sent)
    assert keys_of(await stored(tmp_path)) == Counter(post.sent)

"""The real program is killed while it polls: each update becomes a contact, and only one."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from pathlib import Path

import pytest

from crm.collections import CONTACTS
from storage.sqlite import open_sqlite
from tests.channels.telegram.bot_api import SHOP, BotApi, a_bot_api
from tests.channels.telegram.updates import a_text
from tests.onewindow import servers

pytestmark = pytest.mark.slow

SETTINGS = """
log_level = "warning"
[http]
port = {http}
[[telegram]]
name = "shop"
token = "{token}"
api_url = "{api}"
poll_timeout = 5
"""


async def keys_stored(home: Path) -> Counter[str]:
    async with open_sqlite(home / "var" / "onewindow.sqlite") as store:
        contacts = await store.find(CONTACTS, limit=1_000_000)
    return Counter(contact.text for contact in contacts)


async def write(api: BotApi, words: list[str], count: int) -> None:
    """Somebody writes, one message after another."""
    for _ in range(count):
        number = len(words) + 1
        words.append(f"message {number}")
        await api.post(a_text(words[-1], number))


async def until_offered(api: BotApi, words: list[str]) -> None:
    """Until some of what nobody confirmed was handed out: from here on it is our word that counts."""
    before = api.offered.total()
    async with asyncio.timeout(30), api.news:
        await api.news.wait_for(lambda: api.offered.total() > before)
    assert words


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_a_kill_while_polling_loses_no_update_and_doubles_none(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    words: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with a_bot_api() as api:
        (tmp_path / "onewindow.toml").write_text(SETTINGS.format(http=port, token=SHOP, api=api.url))
        for _ in range(kills):
            await write(api, words, chance.choice([30, 150]))
            offered = asyncio.create_task(until_offered(api, words))
            process = await asyncio.to_thread(servers.spawn, tmp_path, tmp_path / "server.log")
            await offered
            more = asyncio.create_task(write(api, words, 20))
            await asyncio.sleep(chance.choice([0.0, 0.005, 0.02, 0.1]))  # a moment of no meaning
            await asyncio.to_thread(servers.kill, process)
            await more
            there = await keys_stored(tmp_path)
            assert set(there.values()) <= {1}
            assert len(api.confirmed) <= len(there), "an update was confirmed before it was stored"
        server = await asyncio.to_thread(servers.start, tmp_path, tmp_path / "server.log")
        try:
            await write(api, words, 5)
            async with asyncio.timeout(60), api.news:
                await api.news.wait_for(lambda: not api.pending[SHOP])
        finally:
            await asyncio.to_thread(servers.stop, server.process)
        assert max(api.offered.values()) > 1, "no kill came between being handed an update and confirming it"
    assert await keys_stored(tmp_path) == Counter(words)

"""The real program, set up to answer by itself: a proven sender is answered, once, across a kill."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from pathlib import Path
from time import time

import aiohttp

from channels.signed import signed_headers
from tests.channels.email.dovecot import free_port
from tests.channels.email.peers import hand_in
from tests.channels.email.relays import Relay, a_relay
from tests.onewindow import servers
from tests.polling import until

SECRET = "sixteen characters at least"
SETTINGS = """
log_level = "warning"
[http]
port = {http}
[email]
addresses = ["help@example.com"]
port = {smtp}
authserv_ids = ["edge.example"]
[relay]
host = "127.0.0.1"
port = {relay}
mailbox = "help@example.com"
starttls = false
[automatic]
[[webhook]]
name = "shop"
secrets = ["sixteen characters at least"]
"""


def a_letter(key: str, result: str) -> bytes:
    return (
        "Received: from elsewhere by edge.example; Mon, 2 Mar 2026 12:00:00 +0300\r\n"
        f"Authentication-Results: edge.example; dmarc={result} header.from=example.org\r\n"
        f"From: Ivan <ivan-{result}@example.org>\r\nTo: help@example.com\r\nSubject: No internet\r\n"
        f"Message-ID: <{key}@example.org>\r\n\r\nThe lamp is red.\r\n"
    ).encode()


async def taken(relay: Relay) -> int:
    return len(relay.taken)


async def test_a_proven_sender_is_answered_once_across_a_kill_and_a_forged_one_never(tmp_path: Path) -> None:
    smtp = free_port()
    async with a_relay() as relay:
        settings = SETTINGS.format(http=free_port(), smtp=smtp, relay=relay.port)
        (tmp_path / "onewindow.toml").write_text(settings)
        server = await asyncio.to_thread(servers.start, tmp_path, tmp_path / "server.log")
        await hand_in(smtp, a_letter("one", "fail"))
        await hand_in(smtp, a_letter("two", "pass"))
        await until(lambda: taken(relay), 1, patience=30)
        await asyncio.to_thread(servers.kill, server.process)
        server = await asyncio.to_thread(servers.start, tmp_path, tmp_path / "server.log")
        try:
            await hand_in(smtp, a_letter("three", "pass"))
            told = await over_the_webhook(server.url)
        finally:
            await asyncio.to_thread(servers.stop, server.process)
        assert told == 200
        # After a kill the same answer may leave again, under the same Message-ID: its relay can tell.
        ids = {str(message_from_bytes(relay.content(n))["Message-ID"]) for n in range(len(relay.taken))}
        assert len(ids) == 1
        assert {tuple(envelope.rcpt_tos) for envelope in relay.taken} == {("ivan-pass@example.org",)}
        assert message_from_bytes(relay.content())["Auto-Submitted"] == "auto-replied"


async def over_the_webhook(url: str) -> int:
    body = b'{"key": "1", "sender": "90210", "text": "Where is my parcel?"}'
    headers = signed_headers(SECRET, "/webhook/shop", body, at=time())
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/webhook/shop", data=body, headers=headers) as answer,
    ):
        return answer.status

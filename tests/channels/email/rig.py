"""E-mail on the contract's bench: an SMTP client at the door, a mailbox, a relay behind the outlet."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from channels.base import Accept
from channels.email.letters import LetterReader
from channels.email.mailbox import MailboxSource
from channels.email.outlet import EmailOutlet
from channels.email.reading import read_email
from channels.email.settings import MailboxSettings
from crm.contact import Arrival, Contact, Receipt
from crm.record import now
from router.health import Doors
from storage.live import MemoryLive
from storage.sqlite import open_sqlite
from tests.channels.contract import Told
from tests.channels.email.dovecot import PASSWORD, Box, a_dovecot
from tests.channels.email.peers import MOMENT, TOKEN, a_door, hand_in
from tests.channels.email.relays import Relay, a_relay, an_answer, an_outlet


class _Customer:
    def __init__(self, port: int) -> None:
        self._port = port

    async def send(self, key: str, words: str) -> Told:
        try:
            await hand_in(self._port, _letter(key, words))
        except smtplib.SMTPResponseException as error:
            outcome: Literal["again later", "refused"] = "again later" if error.smtp_code < 500 else "refused"
            return Told(outcome, str(error.smtp_error))
        return Told("received", "")


def _letter(key: str, words: str) -> bytes:
    return f"From: ivan@example.org\r\nMessage-ID: <{key}@example.org>\r\n\r\n{words}\r\n".encode()


class EmailSourceRig:
    name = "email"

    @asynccontextmanager
    async def open(self, accept: Accept) -> AsyncIterator[_Customer]:
        async with a_door(accept) as door:
            yield _Customer(door.port)


class _Holder:
    """A provider that holds letters until they are taken away, which says that they are stored."""

    def __init__(self, box: Box, accept: Accept) -> None:
        self._box = box
        self._accept = accept
        self._failed = 0
        self._put = set[str]()
        self.doors = Doors(clock=now)

    async def accept(self, arrival: Arrival) -> Receipt:
        try:
            return await self._accept(arrival)
        except Exception:
            self._failed += 1
            raise

    async def send(self, key: str, words: str) -> Told:
        """Received is what is gone from the mailbox; "again later" what lies there after it was offered."""
        failed = self._failed
        if not self._box.files():
            self._put.clear()
        if key not in self._put:  # what lies there is offered again without anybody's doing
            await asyncio.to_thread(self._box.put, _letter(key, words))
            self._put.add(key)
        while self._box.files():
            if self._failed > failed:
                return Told("again later", " ".join(door.problem for door in self.doors.all()))
            await asyncio.sleep(0.01)
        return Told("received", "")


class MailboxSourceRig:
    name = "mailbox"
    needs = ("dovecot",)

    @asynccontextmanager
    async def open(self, accept: Accept) -> AsyncIterator[_Holder]:
        with a_dovecot() as server, TemporaryDirectory() as home:
            box = Box(server, "help@example.com")
            await asyncio.to_thread(box.put_files, [])
            holder = _Holder(box, accept)
            settings = MailboxSettings(
                user=box.user,
                host="127.0.0.1",
                port=server.port,
                tls="none",
                password=PASSWORD,
                afterwards="delete",
                idle_seconds=1,
            )
            async with open_sqlite(Path(home) / "onewindow.sqlite") as store:
                source = MailboxSource(
                    settings,
                    "INBOX",
                    letters=LetterReader(TOKEN),
                    store=store,
                    run_alone=MemoryLive().run_alone,
                    door=holder.doors.door("mailbox help@example.com", "email"),
                )
                async with source.listening(holder.accept):
                    yield holder


class _Peer:
    def __init__(self, relay: Relay, outlet: EmailOutlet) -> None:
        self._relay = relay
        self.outlet = outlet

    def answer(self, new_id: str, words: str) -> Contact:
        return an_answer(new_id, text=words)

    def be(self, mood: Literal["willing", "busy", "refusing"]) -> None:
        self._relay.at_data = {"willing": "", "busy": "451 4.3.0 busy", "refusing": "554 5.7.1 no"}[mood]

    async def received(self) -> list[tuple[str, str]]:
        letters = [
            read_email(self._relay.content(n), received_at=MOMENT) for n in range(len(self._relay.taken))
        ]
        return [(letter.contact.key, letter.contact.text) for letter in letters]


class EmailOutletRig:
    name = "email"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_Peer]:
        async with a_relay() as relay, an_outlet(relay.port) as outlet:
            yield _Peer(relay, outlet)

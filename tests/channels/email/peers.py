"""Builders for the tests of e-mail: a door that listens, and peers that write in."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

from channels.base import Accept
from channels.email.door import EmailSource
from channels.email.settings import EmailSettings
from channels.email.token import AddressToken
from crm.contact import Arrival, Receipt

T = TypeVar("T")

TOKEN = AddressToken(b"0123456789abcdef0123456789abcdef")
OURS = "help@example.com"
MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

LETTER = (
    b"From: Ivan Petrov <ivan@example.org>\r\nTo: help@example.com\r\nSubject: No internet\r\n"
    b"Message-ID: <one@example.org>\r\n\r\nThe lamp is red.\r\n"
)


class Shelf:
    """Takes what a door accepts, the same key once."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []

    async def accept(self, arrival: Arrival) -> Receipt:
        contact = arrival.contact
        repeated = any(kept.contact.id == contact.id for kept in self.arrivals)
        if not repeated:
            self.arrivals.append(arrival)
        return Receipt(contact.id, "customer", "case", len(self.arrivals), repeated)


@asynccontextmanager
async def a_door(accept: Accept, **settings: object) -> AsyncIterator[EmailSource]:
    """A door on a free port that takes mail for `help@example.com`."""
    given = EmailSettings(**{"addresses": (OURS,), "port": 0, **settings})  # type: ignore[arg-type]
    source = EmailSource(given, token=TOKEN, clock=lambda: MOMENT)
    async with source.listening(accept):
        yield source


async def with_client(port: int, talk: Callable[[smtplib.SMTP], T]) -> T:
    """Runs a blocking conversation of the standard library's client in a thread."""

    def run() -> T:
        client = smtplib.SMTP("127.0.0.1", port, timeout=20)
        try:
            return talk(client)
        finally:
            client.close()

    return await asyncio.to_thread(run)


async def hand_in(
    port: int, letter: bytes = LETTER, *, sender: str = "ivan@example.org", to: str = OURS
) -> dict[str, tuple[int, bytes]]:
    """Hands one letter in as an ordinary client does."""
    return await with_client(port, lambda client: client.sendmail(sender, [to], letter))


class Talk:
    """One conversation, spoken by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def begin(cls, port: int) -> Talk:
        talk = cls(*await asyncio.open_connection("127.0.0.1", port))
        await talk.hear()
        return talk

    async def hear(self) -> str:
        """One reply, its last line."""
        while line := (await asyncio.wait_for(self.reader.readline(), 10)).decode():
            if line[3:4] != "-":
                return line.strip()
        return ""

    async def say(self, line: str) -> str:
        self.writer.write(line.encode(errors="surrogateescape") + b"\r\n")
        return await self.hear()

    async def until_data(self, *, sender: str = "ivan@example.org") -> None:
        for line in ("EHLO client", f"MAIL FROM:<{sender}>", f"RCPT TO:<{OURS}>", "DATA"):
            assert (await self.say(line))[0] in "23"

    async def leave(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()

"""E-mail on the contract's bench: an SMTP client at the door, a relay behind the outlet."""

from __future__ import annotations

import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from channels.base import Accept
from channels.email.outlet import EmailOutlet
from channels.email.reading import read_email
from crm.contact import Contact
from tests.channels.contract import Told
from tests.channels.email.peers import MOMENT, a_door, hand_in
from tests.channels.email.relays import Relay, a_relay, an_answer, an_outlet


class _Customer:
    def __init__(self, port: int) -> None:
        self._port = port

    async def send(self, key: str, words: str) -> Told:
        letter = f"From: ivan@example.org\r\nMessage-ID: <{key}@example.org>\r\n\r\n{words}\r\n"
        try:
            await hand_in(self._port, letter.encode())
        except smtplib.SMTPResponseException as error:
            outcome: Literal["again later", "refused"] = "again later" if error.smtp_code < 500 else "refused"
            return Told(outcome, str(error.smtp_error))
        return Told("received", "")


class EmailSourceRig:
    name = "email"

    @asynccontextmanager
    async def open(self, accept: Accept) -> AsyncIterator[_Customer]:
        async with a_door(accept) as door:
            yield _Customer(door.port)


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

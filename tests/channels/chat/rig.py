"""The chat on the contract's bench: a visitor's page at the door, and the same page behind the outlet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from channels.base import Accept, Outlet, Reply
from channels.chat.outlet import ChatOutlet
from channels.chat.settings import ChatSettings
from channels.chat.source import ChatSource
from crm.collections import CONTACTS
from crm.contact import Address, Contact, contact_id
from crm.store import Insert
from storage.live import open_live
from storage.sqlite import open_sqlite
from tests.channels.chat.house import ChatHouse, open_house, serving
from tests.channels.chat.page import Page, open_page
from tests.channels.contract import Told

Mood = Literal["willing", "busy", "refusing"]


class _Customer:
    def __init__(self, page: Page) -> None:
        self._page = page

    async def send(self, key: str, words: str) -> Told:
        told = await self._page.say(f"message-{key}", words)
        outcomes: dict[str, Literal["received", "again later", "refused"]] = {
            "received": "received",
            "try_again": "again later",
            "refused": "refused",
        }
        return Told(outcomes[told["type"]], str(told))


class ChatSourceRig:
    name = "chat"

    @asynccontextmanager
    async def open(self, accept: Accept) -> AsyncIterator[_Customer]:
        with TemporaryDirectory() as directory:
            async with open_sqlite(Path(directory, "chat.sqlite")) as store, open_live() as live:
                source = ChatSource(ChatSettings(), store=store, live=live)
                async with source.listening(accept), serving(source, 0) as url, open_page(url) as page:
                    yield _Customer(page)


class _KeepingOutlet:
    """Stores an answer before it is delivered, as casework does."""

    channel = "chat"

    def __init__(self, house: ChatHouse, source: ChatSource) -> None:
        self._house = house
        self._outlet = ChatOutlet(source)

    def key_for(self, new_id: str) -> str:
        return self._outlet.key_for(new_id)

    async def deliver(self, reply: Reply) -> str:
        if not await self._house.store.get(CONTACTS, reply.contact.id):
            await self._house.store.commit([Insert(CONTACTS, reply.contact)])
        return await self._outlet.deliver(reply)


class _Peer:
    def __init__(self, house: ChatHouse, page: Page, case_id: str) -> None:
        closed = ChatSource(ChatSettings(), store=house.store, live=house.live)
        self._open = _KeepingOutlet(house, house.source)
        self._closed = _KeepingOutlet(house, closed)
        self._page = page
        self._case_id = case_id
        self._mood: Mood = "willing"

    @property
    def outlet(self) -> Outlet:
        return self._closed if self._mood == "busy" else self._open

    def answer(self, new_id: str, words: str) -> Contact:
        kind: Literal["visitor", "email"] = "email" if self._mood == "refusing" else "visitor"
        key = self.outlet.key_for(new_id)
        return Contact(
            id=contact_id("chat", key),
            channel="chat",
            key=key,
            direction="outbound",
            received_at=datetime.now(UTC),
            sender=Address(kind="visitor", value="", name="Anna"),
            recipients=(Address(kind=kind, value=self._page.visitor),),
            text=words,
            case_id=self._case_id,
            number=2,
        )

    def be(self, mood: Mood) -> None:
        """A closed door is a busy one; what is no visitor's address is refused."""
        self._mood = mood

    async def received(self) -> list[tuple[str, str]]:
        message = await self._page.until(lambda frame: frame["type"] == "message" and not frame["own"])
        await self._page.send("ping")
        await self._page.heard("pong")
        told = [message for message in self._page.messages if not message["own"]]
        assert message in told
        return [(message["id"], message["text"]) for message in told]


class ChatOutletRig:
    name = "chat"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_Peer]:
        with TemporaryDirectory() as directory:
            async with open_house(Path(directory), ChatSettings()) as house, open_page(house.url) as page:
                received = await page.say("message-1", "When?")
                yield _Peer(house, page, str(received["seq"] // 1_000_000))

"""What a channel's rig gives to the contract tests: a real peer on the other side of the real wire."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Literal, NamedTuple, Protocol

from channels.base import Accept, Outlet
from crm.contact import Contact


class Told(NamedTuple):
    """What the source told its peer, and in which words."""

    outcome: Literal["received", "again later", "refused"]
    words: str


class Customer(Protocol):
    """Writes in as a customer's program does."""

    async def send(self, key: str, words: str) -> Told:
        """Sends one contact under the peer's own id; the same key again is a resend."""
        ...


class SourceRig(Protocol):
    """Starts the channel's source on a free port, as many times as asked."""

    name: str

    def open(self, accept: Accept) -> AbstractAsyncContextManager[Customer]: ...


class Peer(Protocol):
    """Whom the outlet sends to."""

    @property
    def outlet(self) -> Outlet: ...

    def answer(self, new_id: str, words: str) -> Contact:
        """An outbound contact that this outlet can deliver."""
        ...

    def be(self, mood: Literal["willing", "busy", "refusing"]) -> None:
        """How it receives from now on."""
        ...

    async def received(self) -> list[tuple[str, str]]:
        """The keys and words it got, in order."""
        ...


class OutletRig(Protocol):
    """Starts a peer and an outlet that sends to it."""

    name: str

    def open(self) -> AbstractAsyncContextManager[Peer]: ...

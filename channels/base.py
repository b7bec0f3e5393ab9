"""What a channel is: a source that listens and an outlet that sends."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from crm.contact import Address, Arrival, Contact, Receipt, blob_id, contact_id


class Accept(Protocol):
    """Stores an arrival; when it returns, the contact is durable and the peer may be told "received".

    Raises `AgainLater` when it was not stored: the peer keeps it and sends it again.
    """

    async def __call__(self, arrival: Arrival) -> Receipt: ...


class Source(Protocol):
    """A door. `listening` is open while its context is; leaving it finishes what was begun."""

    @property
    def channel(self) -> str: ...

    def listening(self, accept: Accept) -> AbstractAsyncContextManager[None]: ...


class Door(Protocol):
    """Where a source tells how it fares, for the supervisor's eye. Telling never waits.

    One that listens in one place need not: the composition root sees it open and close. One that
    reconnects, or watches a file that grows, is given its own.
    """

    def up(self) -> None:
        """It is connected, or watches."""
        ...

    def down(self, problem: str) -> None:
        """It is not; why, to the operator: no customer's words, no secret."""
        ...

    def saw_contact(self) -> None:
        """A contact came in just now, and is stored."""
        ...

    def lag(self, seconds: float) -> None:
        """How far behind its peer it is: the age of the oldest thing there that it has not taken yet."""
        ...


class Reply(NamedTuple):
    """An outbound contact, stored already, with the bytes of its attachments by blob id."""

    contact: Contact
    blobs: Mapping[str, bytes] = {}


class Outlet(Protocol):
    """What a channel sends through."""

    @property
    def channel(self) -> str: ...

    def key_for(self, new_id: str) -> str:
        """The key that an answer with this new id will have on this channel."""
        ...

    async def deliver(self, reply: Reply) -> str:
        """Send it; the peer's id for it comes back. Raises `DeliveryDelayed` or `DeliveryFailed`.

        The same reply may come twice after a crash: the key lets the peer drop the second.
        """
        ...


def unreadable(channel: str, key: str, raw: bytes, *, why: str, at: datetime, **fields: str) -> Arrival:
    """What no reader could read, as a dead letter: kept as it came until somebody has it read again.

    The same bytes under the same key are the same dead letter.
    """
    key = f"{key}-{blob_id(raw)[:32]}"
    contact = Contact(
        id=contact_id(channel, key),
        channel=channel,
        key=key,
        received_at=at,
        sender=Address(kind="unknown", value=""),
        raw=blob_id(raw),
        fields=fields,
    )
    return Arrival(contact, {contact.raw: raw}, unreadable=why)

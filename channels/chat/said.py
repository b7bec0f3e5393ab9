"""What a visitor says becomes a contact: the same door for words, files and messages left at night."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from time import monotonic
from typing import NamedTuple

from channels.base import Accept
from channels.chat.border import report
from channels.chat.contacts import (
    claims_of,
    clean,
    is_client_id,
    key_of,
)
from channels.chat.protocol import (
    Place,
    Profile,
    Received,
    Refused,
    TryAgain,
    seq_of,
)
from channels.chat.settings import ChatSettings
from crm.contact import Address, Arrival, Attachment, Contact, Receipt, contact_id
from crm.errors import AgainLater
from crm.record import Clock
from router.limits import Pace

log = logging.getLogger("onewindow.chat")

AGAIN_AFTER = 3.0
"""Seconds after which a page tries again what could not be stored."""

FAULT_AGAIN_AFTER = 30.0
"""The same where the fault is ours and may not pass by itself."""


class Said(NamedTuple):
    """Something a visitor said, as it came. `id` is his page's own: the same again is a resend."""

    id: str
    text: str
    visitor: str
    profile: Profile
    files: tuple[Attachment, ...] = ()
    fields: Mapping[str, str] = {}


class Stored(NamedTuple):
    """It is durable, and what the visitor may be told."""

    contact: Contact
    receipt: Receipt
    answer: Received


class Mouth:
    """Brings what visitors say to the intake, as fast as they may speak.

    It is a context: whoever is in it brings something and tells the visitor what became of it.
    """

    def __init__(self, settings: ChatSettings, accept: Accept, clock: Clock) -> None:
        self._settings = settings
        self._accept = accept
        self._clock = clock
        self._visitors = Pace(settings.visitor_messages_per_minute)
        self._peers = Pace(settings.peer_messages_per_minute)
        self._shut = False
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> None:
        self._busy += 1
        self._idle.clear()

    def __exit__(self, *_: object) -> None:
        self._busy -= 1
        if not self._busy:
            self._idle.set()

    async def shut(self, patience: float) -> None:
        """From now on everybody is asked to come again; who is busy may finish within `patience` seconds."""
        self._shut = True
        try:
            async with asyncio.timeout(patience):
                await self._idle.wait()
        except TimeoutError:
            log.warning("chat: %d messages were not stored before the door closed", self._busy)

    async def bring(
        self, said: Said, peer: str, *, blobs: Mapping[str, bytes] = {}, expected: set[str] | None = None
    ) -> Stored | TryAgain | Refused:
        """Store it; only then is it received. In `expected` stands whose event will need no answer."""
        text = clean(said.text)
        if reason := self._problem(said, text):
            return Refused(id=said.id, reason=reason)
        if self._shut:
            return TryAgain(id=said.id, after=AGAIN_AFTER)
        moment = monotonic()
        if delay := self._visitors.delay(said.visitor, moment) or self._peers.delay(peer, moment):
            return TryAgain(id=said.id, after=delay)
        contact = as_contact(said, text, self._clock())
        if expected is not None:
            expected.add(contact.id)
        try:
            receipt = await self._accept(Arrival(contact, blobs))
        except AgainLater:
            _no_longer(expected, contact.id)
            return TryAgain(id=said.id, after=AGAIN_AFTER)
        except Exception as error:  # noqa: BLE001 - a bug of ours is no refusal: he keeps it and sends it again
            report(error, "storing a message")
            _no_longer(expected, contact.id)
            return TryAgain(id=said.id, after=FAULT_AGAIN_AFTER)
        if receipt.repeated or receipt.contact_id != contact.id:
            _no_longer(expected, contact.id)
        seq = seq_of(Place(receipt.case_id, receipt.number))
        return Stored(contact, receipt, Received(id=said.id, seq=seq, at=contact.received_at))

    def _problem(self, said: Said, text: str) -> str:
        if not is_client_id(said.id):
            return "bad_id"
        if not text and not said.files:
            return "empty"
        return "too_long" if len(text) > self._settings.text_limit else ""


def as_contact(said: Said, text: str, at: datetime) -> Contact:
    """The contact with its text cleaned, before anybody knows whose it is."""
    key = key_of(said.visitor, said.id)
    words = "\0".join((text, *(f"{file.blob} {file.name}" for file in said.files)))
    return Contact(
        id=contact_id("chat", key),
        channel="chat",
        key=key,
        received_at=at,
        sender=Address(kind="visitor", value=said.visitor, name=said.profile.name),
        claims=claims_of(said.profile),
        text=text,
        attachments=said.files,
        fingerprint=sha256(words.encode()).hexdigest(),
        fields=dict(said.fields),
    )


def _no_longer(expected: set[str] | None, contact: str) -> None:
    if expected is not None:
        expected.discard(contact)

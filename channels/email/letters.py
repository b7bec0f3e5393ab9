"""Reads letters for every mail door, so that the same one is the same contact whichever way it came."""

from __future__ import annotations

import asyncio
import logging
import traceback
from datetime import datetime
from functools import partial
from typing import NamedTuple

from channels.email.reading import read_email, unreadable_email
from channels.email.token import AddressToken
from channels.email.trust import SenderTrust
from crm.contact import Arrival

log = logging.getLogger(__name__)

_LARGE = 256 * 1024  # reading a larger letter would hold up everybody else


class Envelope(NamedTuple):
    """Who sent a letter and to whom. `sender` is empty for the null sender, None where it is unknown."""

    sender: str | None
    recipients: tuple[str, ...]


class LetterReader:
    """Reads any bytes as a letter; what its own reading fails on is kept whole, as a file."""

    def __init__(self, token: AddressToken, trust: SenderTrust | None = None) -> None:
        self._token = token
        self._trust = trust or SenderTrust()

    async def read(self, raw: bytes, envelope: Envelope, received_at: datetime) -> Arrival:
        """The contact that the letter is. Never fails."""
        read = partial(self._read, raw, envelope, received_at)
        arrival = read() if len(raw) < _LARGE else await asyncio.to_thread(read)
        try:
            return arrival._replace(contact=await self._trust.judged(raw, arrival.contact))
        except Exception as error:  # noqa: BLE001 - the letter is taken, whatever cannot be said of its sender
            tell_fault(error)
            return arrival

    def _read(self, raw: bytes, envelope: Envelope, received_at: datetime) -> Arrival:
        try:
            return read_email(
                raw,
                received_at=received_at,
                envelope_to=envelope.recipients,
                envelope_from=envelope.sender,
                thread_of=self._token.verify,
                answer_of=self._token.verify_bounce,
            )
        except Exception as error:  # noqa: BLE001 - a fault of our reader must not send the customer away
            tell_fault(error)
        return unreadable_email(
            raw,
            received_at=received_at,
            envelope_to=envelope.recipients,
            envelope_from=envelope.sender or "",
        )


def tell_fault(error: Exception) -> None:
    """Log a fault of ours. Frames only: the message of an exception may quote the customer."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("email: %s while serving\n%s", type(error).__name__, where)

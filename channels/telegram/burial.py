"""What could not be read or stored is kept as it came: listed with its reason, and replayable."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from traceback import extract_tb

import msgspec

from channels.telegram.keys import CHANNEL, unread_key
from channels.telegram.updates import UpdateId
from crm.collections import DEAD_LETTERS
from crm.contact import Address, Contact, blob_id, contact_id
from crm.dead_letter import DeadLetter
from crm.errors import Conflict
from crm.store import Insert, Store
from router.live import Event, Live

log = logging.getLogger("onewindow.telegram")


async def bury(store: Store, live: Live, bot: int, raw: bytes, *, reason: str, at: datetime) -> None:
    """Keep an update as a dead letter. Replayed, it is a contact without words, with all that came."""
    key = unread_key(bot, _name(raw))
    contact = Contact(
        id=contact_id(CHANNEL, key),
        channel=CHANNEL,
        key=key,
        received_at=at,
        sender=Address(kind="unknown", value=""),
        raw=blob_id(raw),
        fields={"content": "unreadable"},
    )
    letter = DeadLetter(id=contact.id, at=at, channel=CHANNEL, contact=contact, reason=reason[:300])
    try:
        await store.commit([Insert(DEAD_LETTERS, letter)], {contact.raw: raw})
    except Conflict:
        return  # it came before, and is kept
    log.error("telegram: an update was kept as a dead letter: %s", contact.id)
    await live.publish([Event(kind="dead_letter", at=at, contact_id=contact.id, channel=CHANNEL)])


def fault(error: BaseException) -> str:
    """Where and what went wrong, without the exception's text: that may quote the customer."""
    frames = extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {where}"


def _name(raw: bytes) -> str:
    """Two updates that are not the same have two names, also after a week when numbers begin anew."""
    try:
        number = str(msgspec.json.decode(raw, type=UpdateId).update_id)
    except msgspec.DecodeError:
        number = "?"
    return f"{number}-{blob_id(raw)[:12]}"

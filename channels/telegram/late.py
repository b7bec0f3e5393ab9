"""Files that could not be fetched when their message came: tried again for a day, and then added to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from channels.base import Accept
from channels.telegram.burial import fault
from channels.telegram.content import Wanted
from channels.telegram.fetching import attached, names
from channels.telegram.keys import CHANNEL
from channels.telegram.line import FileLate, FileRefused, Line
from crm.bookmark import Bookmark
from crm.collections import BOOKMARKS, CONTACTS
from crm.contact import Arrival, Contact, contact_id
from crm.errors import AgainLater, Conflict
from crm.record import Clock
from crm.store import Insert, Replace, Store

log = logging.getLogger("onewindow.telegram")

TRY_FOR = timedelta(days=1)
FIRST_PAUSE = 15.0
LONGEST_PAUSE = 3600.0
LOOK_EVERY = 5.0
MOST = 5000
"""Files that are remembered; more than that are missing only when Telegram has been failing for hours."""


class _Late(msgspec.Struct, frozen=True):
    """A file that a contact lacks."""

    key: str
    file: Wanted
    since: datetime
    due: datetime
    tries: int = 0


class LateFiles:
    """The list is kept in the store before the message is: a crash forgets none of it."""

    def __init__(self, line: Line, store: Store, clock: Clock, *, pause: float = FIRST_PAUSE) -> None:
        self._line = line
        self._store = store
        self._clock = clock
        self._pause = pause
        self._id = f"telegram {line.name.id} late files"
        self._wake = asyncio.Event()

    async def remember(self, contact: Contact, missing: Sequence[Wanted]) -> None:
        """These are to be fetched and added. Raises `AgainLater`."""
        key, now = contact.amends or contact.key, self._clock()
        new = [_Late(key, file, now, now + timedelta(seconds=self._pause)) for file in missing]
        await self._change(forget=new, add=new)
        self._wake.set()

    async def fetch_forever(self, accept: Accept) -> None:
        """Fetch what is due, for as long as the door is open."""
        while True:
            self._wake.clear()
            try:
                await self._fetch_due(accept)
                waiting = bool((await self._read())[0])
            except AgainLater:
                waiting = True
            except Exception as error:  # noqa: BLE001 - one file's fault must not end the fetching of all others
                log.error(
                    "telegram %s: fetching late files broke: %s", self._line.settings.name, fault(error)
                )
                waiting = True
            await self._sleep(min(LOOK_EVERY, self._pause) if waiting else None)

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
            await asyncio.sleep(min(LOOK_EVERY, self._pause))
        except TimeoutError:
            return

    async def _fetch_due(self, accept: Accept) -> None:
        now = self._clock()
        for one in (await self._read())[0]:
            if one.due > now:
                continue
            contact = await self._store.get(CONTACTS, contact_id(CHANNEL, one.key))
            if contact is None:
                await self._later(one)  # its message is not stored yet
            elif any(file.name == one.file.name for file in contact.attachments):
                await self._change(forget=[one])
            else:
                await self._fetch(one, contact, accept)

    async def _fetch(self, one: _Late, contact: Contact, accept: Accept) -> None:
        blobs: dict[str, bytes] = {}
        try:
            content = await self._line.fetch(one.file.id)
        except FileLate:
            if self._clock() - one.since < TRY_FOR:
                await self._later(one)
                return
            changed = self._told(contact, one, "files_left")
        except FileRefused:
            changed = self._told(contact, one, "files_left")
        else:
            file = attached(one.file, content)
            blobs[file.blob] = content
            changed = msgspec.structs.replace(self._told(contact, one), attachments=(file,))
        await accept(Arrival(changed, blobs))
        await self._change(forget=[one])

    def _told(self, contact: Contact, one: _Late, note: str = "") -> Contact:
        """What changes of the contact: the file is late no more."""
        late = [name for name in contact.fields.get("files_late", "").split(", ") if name != one.file.name]
        fields = {"files_late": ", ".join(filter(None, late))}
        if note:
            before = contact.fields.get(note, "")
            fields[note] = ", ".join(filter(None, (before, names([one.file]))))
        key = f"{one.key}:file:{one.file.id[-24:]}"
        return Contact(
            id=contact_id(CHANNEL, key),
            channel=CHANNEL,
            key=key,
            received_at=contact.received_at,
            sender=contact.sender,
            fields=fields,
            amends=one.key,
            amending="add",
            # No edit of the words is older for it, and no other addition is newer than what it says.
            revision=contact.amendments.fields if contact.amendments else 0,
        )

    async def _later(self, one: _Late) -> None:
        wait = min(self._pause * 2 ** min(one.tries + 1, 12), LONGEST_PAUSE)
        due = self._clock() + timedelta(seconds=wait)
        await self._change(forget=[one], add=[msgspec.structs.replace(one, tries=one.tries + 1, due=due)])

    async def _read(self) -> tuple[list[_Late], Bookmark | None]:
        mark = await self._store.get(BOOKMARKS, self._id)
        return (msgspec.json.decode(mark.place, type=list[_Late]) if mark else []), mark

    async def _change(self, *, forget: Sequence[_Late], add: Sequence[_Late] = ()) -> None:
        gone = {(one.key, one.file.name) for one in forget}
        for _ in range(40):
            files, mark = await self._read()
            kept = [one for one in files if (one.key, one.file.name) not in gone]
            place = msgspec.json.encode([*kept, *add][-MOST:]).decode()
            new = Bookmark(id=self._id, version=mark.version if mark else 1, place=place)
            write = Replace(BOOKMARKS, new) if mark else Insert(BOOKMARKS, new)
            try:
                await self._store.commit([write])
            except Conflict:
                continue
            return
        raise AgainLater("the list of late files changes too fast")

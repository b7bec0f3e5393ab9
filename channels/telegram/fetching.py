"""Fetching the files of a message before it is stored: so many at once, and for so long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from channels.telegram.content import Wanted
from channels.telegram.line import FileLate, FileRefused, Line
from channels.telegram.reading import Draft
from crm.contact import Attachment, Contact, blob_id

AT_ONCE = 4
"""Messages whose files are in memory at once."""

TRIES = 2

Fetched = tuple[Contact, dict[str, bytes], tuple[Wanted, ...]]


class Fetcher:
    """Brings the files of one bot's messages."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._room = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def fetched(self, draft: Draft) -> AsyncIterator[Fetched]:
        """The contact with its files, their bytes, and what could not be had yet.

        The bytes count against the room until the context is left: by then they are stored.
        """
        if not draft.files:
            yield (
                msgspec.structs.replace(draft.contact, attachments=draft.kept)
                if draft.kept
                else draft.contact,
                {},
                (),
            )
            return
        async with self._room:
            yield await self._fetch(draft)

    async def _fetch(self, draft: Draft) -> Fetched:
        contact, attachments, late, left = draft.contact, list(draft.kept), [], []
        blobs: dict[str, bytes] = {}
        deadline = asyncio.get_running_loop().time() + self._line.settings.download_timeout
        for wanted in draft.files:
            try:
                content = await self._bring(wanted, deadline)
            except FileRefused:
                left.append(wanted)
                continue
            except FileLate:
                late.append(wanted)
                continue
            attachment = attached(wanted, content)
            attachments.append(attachment)
            blobs[attachment.blob] = content
        notes = {"files_late": names(late), "files_left": names(left)}
        fields = contact.fields | {name: note for name, note in notes.items() if note}
        whole = msgspec.structs.replace(contact, attachments=tuple(attachments), fields=fields)
        return whole, blobs, tuple(late)

    async def _bring(self, wanted: Wanted, deadline: float) -> bytes:
        if wanted.size > self._line.settings.file_size_limit:
            raise FileRefused("too_large")
        try:
            async with asyncio.timeout_at(deadline):
                for _ in range(TRIES - 1):
                    try:
                        return await self._line.fetch(wanted.id)
                    except FileLate:
                        await asyncio.sleep(0.2)
                return await self._line.fetch(wanted.id)
        except TimeoutError:
            raise FileLate("too slow") from None


def attached(wanted: Wanted, content: bytes) -> Attachment:
    """The file as a contact has it."""
    return Attachment(name=wanted.name, mime=wanted.mime, size=len(content), blob=blob_id(content))


def names(files: Sequence[Wanted]) -> str:
    """The files, for the agent's eye."""
    return ", ".join(file.name for file in files)

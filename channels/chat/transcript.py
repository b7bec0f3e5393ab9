"""The transcript: a visitor's whole conversation as a text he may keep."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from aiohttp import web

from channels.chat.callers import bearer_of
from channels.chat.reading import read_all
from channels.chat.words import Words
from crm.contact import Contact
from crm.store import Store


class Transcripts:
    """Gives every visitor his own."""

    def __init__(self, store: Store, words: Words) -> None:
        self._store = store
        self._words = words

    async def give(self, request: web.Request) -> web.StreamResponse:
        """`?language=` and `?timezone=` (an IANA name) say how to write it."""
        visitor = bearer_of(request)
        language = self._words.choose(
            request.query.get("language", ""), accepted=request.headers.get("Accept-Language", "")
        )
        zone = _zone(request.query.get("timezone", ""))
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Disposition": "attachment; filename=conversation.txt",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
            }
        )
        await response.prepare(request)
        async for contact in read_all(self._store, visitor):
            await response.write(self._lines(contact, language, zone).encode())
        await response.write_eof()
        return response

    def _lines(self, contact: Contact, language: str, zone: tzinfo) -> str:
        words, own = self._words, contact.direction == "inbound"
        who = words.text(language, "you") if own else contact.sender.name or words.text(language, "agent")
        moment = contact.received_at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
        lines = [f"{moment} — {who}", *filter(None, [contact.text])]
        lines += [f"[{words.text(language, 'file')}: {file.name}]" for file in contact.attachments]
        return "\n".join(lines) + "\n\n"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # no such zone, or a machine without any
        return UTC

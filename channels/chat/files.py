"""Files in the chat: a file is a message of its own, and only who took part in it may fetch it again."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from urllib.parse import quote

from aiohttp import web

from channels.chat.callers import bearer_of, peer_of
from channels.chat.contacts import concerns
from channels.chat.protocol import Received, Refused, TryAgain, write_frame
from channels.chat.room import Room
from channels.chat.said import AGAIN_AFTER, Mouth, Said, Stored
from channels.chat.settings import ChatSettings
from channels.chat.visitor import Visitor
from crm.collections import CONTACTS
from crm.contact import Attachment, blob_id, contact_id
from crm.store import Store
from router.networks import Network

NAME_LIMIT = 150
"""Characters of a file's name."""

_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069\ud800-\udfff]')

_STATUS = {"type": 415, "too_big": 413}


class Files:
    """Takes files from visitors and gives them back."""

    def __init__(
        self, settings: ChatSettings, store: Store, room: Room, mouth: Mouth, *, trusted: tuple[Network, ...]
    ) -> None:
        self._settings = settings
        self._store = store
        self._room = room
        self._mouth = mouth
        self._trusted = trusted
        self._receiving = 0  # bytes promised by uploads under way

    async def take(self, request: web.Request) -> web.Response:
        """A file as the visitor's message. The URL names the message's id: the same again is a resend."""
        visitor = bearer_of(request)
        message, length = request.match_info["id"], request.content_length
        name = tidy_name(request.query.get("name", ""))
        if reason := self._problem(name, length):
            return _answer(Refused(id=message, reason=reason))
        size = length or 0
        if self._receiving + size > self._settings.upload_room:
            return _answer(TryAgain(id=message, after=AGAIN_AFTER))
        self._receiving += size
        try:
            async with asyncio.timeout(self._settings.upload_timeout):
                content = await request.content.readexactly(size)
            with self._mouth:
                return _answer(await self._bring(request, visitor, as_attachment(name, content), content))
        except TimeoutError as error:
            raise web.HTTPRequestTimeout(text="The file came too slowly.") from error
        except asyncio.IncompleteReadError as error:
            raise web.HTTPBadRequest(text="The file ended too soon.") from error
        finally:
            self._receiving -= size

    async def give(self, request: web.Request) -> web.Response:
        """A file of a message that the visitor sent or was sent."""
        visitor = bearer_of(request)
        contact = await self._store.get(CONTACTS, contact_id("chat", request.match_info["key"]))
        place = int(request.match_info["place"])
        if contact is None or not concerns(contact, visitor) or place >= len(contact.attachments):
            raise web.HTTPNotFound(text="There is no such file.")
        file = contact.attachments[place]
        content = await self._store.read_blob(file.blob)
        if content is None:
            raise web.HTTPNotFound(text="There is no such file.")
        return web.Response(body=content, headers=_harmless(file))

    async def _bring(
        self, request: web.Request, visitor: str, file: Attachment, content: bytes
    ) -> Received | TryAgain | Refused:
        here = self._room.visitors.get(visitor) or Visitor(visitor)
        said = Said(request.match_info["id"], "", visitor, here.profile, (file,), here.fields)
        peer = peer_of(request, self._trusted)
        outcome = await self._mouth.bring(said, peer, blobs={file.blob: content})
        return outcome.answer if isinstance(outcome, Stored) else outcome

    def _problem(self, name: str, length: int | None) -> str:
        if name.rpartition(".")[2].lower() not in self._settings.file_types:
            return "type"
        if not length:
            return "empty"
        return "too_big" if length > self._settings.file_size_limit else ""


def as_attachment(name: str, content: bytes) -> Attachment:
    """The file's record. Only what begins like a picture is called one, whatever its name says."""
    named = mimetypes.types_map.get("." + name.rpartition(".")[2].lower(), "application/octet-stream")
    if named.startswith("image/"):
        named = "application/octet-stream"
    mime = next((mime for begins, mime in _PICTURES if begins.match(content)), named)
    return Attachment(name=name, mime=mime, size=len(content), blob=blob_id(content))


def tidy_name(name: str) -> str:
    """The file's name, fit for any file system, its ending kept."""
    stem, dot, ending = " ".join(_UNFIT.sub(" ", name).split()).rstrip(". ").rpartition(".")
    if not dot:
        stem, ending = ending, ""
    ending = ending[-10:].strip()
    stem = stem[: NAME_LIMIT - 11].strip(". ") or "file"
    return f"{stem}.{ending}" if ending else stem


def _harmless(file: Attachment) -> dict[str, str]:
    """Headers under which no file can act as a page of ours."""
    pictures = {mime for _, mime in _PICTURES}
    return {
        "Content-Type": file.mime if file.mime in pictures else "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=86400, immutable",
    }


def _answer(frame: Received | TryAgain | Refused) -> web.Response:
    status, headers = 200, {"Cache-Control": "no-store"}
    if isinstance(frame, TryAgain):
        status, headers["Retry-After"] = 503, str(max(1, round(frame.after)))
    elif isinstance(frame, Refused):
        status = _STATUS.get(frame.reason, 400)
    return web.Response(
        body=write_frame(frame), status=status, headers=headers, content_type="application/json"
    )

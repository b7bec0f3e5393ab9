"""What came with a contact: attachments, the letter as it was laid out, the whole message as it arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from aiohttp import web

from agent_ui.heavy import is_too_heavy
from agent_ui.letters import Letter, lay_out, lay_out_words, policy
from agent_ui.opening import enter_contact, note_reading
from agent_ui.visit import Visit, get
from agent_ui.words import mark
from crm.case import Amended
from crm.collections import CUSTOMERS, ENTRIES
from crm.contact import Attachment, Contact
from crm.errors import NotFound

NOTHING_RUNS = "default-src 'none'; sandbox; frame-ancestors 'none'"
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


async def send_attachment(visit: Visit) -> web.Response:
    """A file of a contact: a picture may be shown in place, everything else is only ever saved."""
    contact = await enter_contact(visit, visit.request.query.get("id", ""))
    file = _attachment(await _files(visit, contact), visit.request.query)
    content = await _read(visit, file.blob)
    picture = read_picture_type(content)
    if picture and visit.request.query.get("inline"):
        return _sent(content, picture, f"inline; {_named(file.name)}")
    await _note(visit, contact, "file.read")
    sound = read_sound_type(content)
    if sound and visit.request.query.get("inline"):
        return _played(content, sound, _wanted(visit), f"inline; {_named(file.name)}")
    return _sent(content, "application/octet-stream", f"attachment; {_named(file.name)}")


async def send_raw(visit: Visit) -> web.Response:
    """The whole message, byte for byte as it came."""
    contact = await enter_contact(visit, visit.request.query.get("id", ""))
    content = await _read(visit, contact.raw)
    await _note(visit, contact, "raw.read")
    name = f"{contact.case_id}-{contact.number}.{'eml' if contact.channel == 'email' else 'json'}"
    return _sent(content, "application/octet-stream", f"attachment; {_named(name)}")


async def show_letter(visit: Visit) -> web.Response:
    """The letter as its sender laid it out, for a frame that can do nothing."""
    contact = await enter_contact(visit, visit.request.query.get("id", ""))
    remote = visit.request.query.get("images") == "1"
    html = (await _read(visit, contact.html)).decode("utf-8", "replace")
    pictures = await _inline_pictures(visit, contact)
    notice = visit.speaker.say(
        mark("This letter is too heavy to lay out: here are its words. The whole message can be saved.")
    )
    letter = await asyncio.to_thread(_lay_out, html, pictures, contact, notice, remote=remote)
    headers = {
        "Content-Security-Policy": policy(remote=remote),
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "no-referrer",
        "X-Left-Out": str(letter.left_out),
    }
    return web.Response(text=letter.html, content_type="text/html", headers=headers)


def _lay_out(
    html: str, pictures: Mapping[str, tuple[str, bytes]], contact: Contact, notice: str, *, remote: bool
) -> Letter:
    if is_too_heavy(html):
        words = "\n\n".join(filter(None, (contact.text, contact.signature, contact.quoted)))
        return lay_out_words(notice, words)
    return lay_out(html, pictures, remote=remote)


def read_picture_type(content: bytes) -> str:
    """The type of a picture by its first bytes, whatever its sender called it; empty for anything else."""
    for signature, mime in SIGNATURES.items():
        if content.startswith(signature):
            return mime
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


def read_sound_type(content: bytes) -> str:
    """The type of recorded sound by its first bytes; empty for anything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "audio/wav"
    if content.startswith(b"ID3") or (content[:1] == b"\xff" and content[1:2] in _MPEG_LAYER_3):
        return "audio/mpeg"
    for signature, mime in ((b"OggS", "audio/ogg"), (b"fLaC", "audio/flac")):
        if content.startswith(signature):
            return mime
    return "audio/mp4" if content[4:11] == b"ftypM4A" else ""


_MPEG_LAYER_3 = (b"\xfb", b"\xfa", b"\xf3", b"\xf2", b"\xe3", b"\xe2")


def _wanted(visit: Visit) -> slice:
    """The part that is asked for; of a range that is none, everything (RFC 9110)."""
    try:
        return visit.request.http_range
    except ValueError:
        return slice(None)


def _played(content: bytes, mime: str, wanted: slice, disposition: str) -> web.Response:
    """Sound, or the part of it that a player asks for: without parts nobody could move within it."""
    begin, end, _ = wanted.indices(len(content))
    answer = _sent(content[begin:end], mime, disposition)
    answer.headers["Accept-Ranges"] = "bytes"
    if wanted.start is not None or wanted.stop is not None:
        if begin >= end:
            raise web.HTTPRequestRangeNotSatisfiable
        answer.set_status(206)
        answer.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
    return answer


async def _inline_pictures(visit: Visit, contact: Contact) -> Mapping[str, tuple[str, bytes]]:
    pictures = {}
    for file in contact.attachments[:50]:
        if file.cid and file.size < 5 * 1024 * 1024:
            content = await visit.rooms.store.read_blob(file.blob) or b""
            if mime := read_picture_type(content):
                pictures[file.cid] = (mime, content)
    return pictures


async def _files(visit: Visit, contact: Contact) -> tuple[Attachment, ...]:
    """Those of the contact, or those it had before it was changed."""
    entry_id = visit.request.query.get("entry", "")
    if not entry_id:
        return contact.attachments
    entry = await visit.rooms.store.get(ENTRIES, entry_id)
    return entry.attachments if isinstance(entry, Amended) and entry.contact_id == contact.id else ()


def _attachment(files: Sequence[Attachment], query: Mapping[str, str]) -> Attachment:
    """The file of that place. A page names its bytes as well: other files may have come before it since."""
    meant, number = query.get("v", ""), query.get("n", "")
    if meant:
        files, number = [file for file in files if file.blob.startswith(meant)], "0"
    if number.isdecimal() and len(number) < 5 and int(number) < len(files):
        return files[int(number)]
    raise NotFound(mark("There is no such file."), field="n")


async def _read(visit: Visit, blob: str) -> bytes:
    content = await visit.rooms.store.read_blob(blob) if blob else None
    if content is None:
        raise NotFound(mark("There is no such file."), field="id")
    return content


async def _note(visit: Visit, contact: Contact, what: str) -> None:
    customer = await visit.rooms.store.get(CUSTOMERS, contact.customer_id)
    if customer:
        await note_reading(visit, what, customer, kind="contact", id=contact.id)


def _sent(content: bytes, mime: str, disposition: str) -> web.Response:
    headers = {
        "Content-Type": mime,
        "Content-Disposition": disposition,
        "Content-Security-Policy": NOTHING_RUNS,
        "Cache-Control": "private, max-age=900",
    }
    return web.Response(body=content, headers=headers)


def _named(name: str) -> str:
    """A file's name for every browser (RFC 6266)."""
    plain = "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter in "._- " else "_" for letter in name
    )
    return f"filename=\"{plain[-150:]}\"; filename*=UTF-8''{quote(name[-150:], safe='')}"


ROUTES = [
    get("/contacts/file", send_attachment),
    get("/contacts/raw", send_raw),
    get("/contacts/letter", show_letter),
]

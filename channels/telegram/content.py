"""What a message says: its words, what words can say of a place or a number, and the files it holds."""

from __future__ import annotations

import mimetypes
from typing import NamedTuple

import msgspec

from channels.telegram.entities import written_out
from channels.telegram.updates import File, Location, Message, SharedContact
from crm.contact import Address


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """A file that lies at Telegram."""

    id: str
    name: str
    mime: str
    size: int = 0  # bytes, as far as Telegram says


class Content(NamedTuple):
    """`known` is false where nothing of it was understood."""

    text: str = ""
    files: tuple[Wanted, ...] = ()
    claims: tuple[Address, ...] = ()
    proofs: tuple[Address, ...] = ()
    duration: int = 0
    known: bool = True


def read_content(message: Message) -> Content:
    """Everything that the message says. It may hold several things at once."""
    if message.text:
        return Content(written_out(message.text, message.entities).strip())
    caption = written_out(message.caption, message.caption_entities).strip() if message.caption else ""
    files = _files(message)
    claims, proofs = _numbers(message)
    lines = [line for line in (caption, *_said(message)) if line]
    heard = message.voice or message.audio or message.video or message.video_note
    return Content(
        text="\n".join(lines),
        files=files,
        claims=claims,
        proofs=proofs,
        duration=max(heard.duration, 0) if heard else 0,
        known=bool(lines or files or claims or proofs),
    )


def _said(message: Message) -> list[str]:
    """What is no text and can be said in one."""
    said: list[str] = []
    if message.sticker:
        said.append(message.sticker.emoji)
    if message.contact:
        said.append(f"{_name(message.contact)}\n{message.contact.phone_number}".strip())
    if message.venue:
        said.append(f"{message.venue.title}\n{message.venue.address}".strip())
    place = message.location or (message.venue.location if message.venue else None)
    if place:
        said.append(map_link(place))
    if message.poll:
        said.append("\n".join([message.poll.question, *(f"- {one.text}" for one in message.poll.options)]))
    if message.dice:
        said.append(f"{message.dice.emoji} {message.dice.value}".strip())
    return said


def map_link(place: Location) -> str:
    """Where it is, for anybody with a browser."""
    at = f"{place.latitude:.6f}", f"{place.longitude:.6f}"
    return f"https://www.openstreetmap.org/?mlat={at[0]}&mlon={at[1]}#map=17/{at[0]}/{at[1]}"


def _numbers(message: Message) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """The shared number, as a claim or as a proof.

    Telegram checked the number of an account; a contact that is not the sender's own is only told by him.
    """
    shared = message.contact
    if shared is None:
        return (), ()
    own = message.sender and shared.user_id == message.sender.id and not message.forward_origin
    number = _international(shared.phone_number) if own else shared.phone_number
    address = Address(kind="phone", value=number, name=_name(shared))
    return ((), (address,)) if own else ((address,), ())


def _international(number: str) -> str:
    """Telegram leaves the plus of its accounts' numbers out."""
    return f"+{number}" if number.isdecimal() else number


def _name(contact: SharedContact) -> str:
    return f"{contact.first_name} {contact.last_name}".strip()


def _files(message: Message) -> tuple[Wanted, ...]:
    number = message.message_id
    if message.photo:
        largest = max(message.photo, key=lambda size: (size.width * size.height, size.file_size))
        return (_wanted(largest, f"photo-{number}.jpg", "image/jpeg"),)
    if message.animation:  # it comes as a document too
        return (_wanted(message.animation, f"animation-{number}.mp4", "video/mp4"),)
    if message.document:
        return (_wanted(message.document, f"file-{number}", "application/octet-stream"),)
    if message.voice:
        return (_wanted(message.voice, f"voice-{number}.ogg", "audio/ogg"),)
    if message.audio:
        title = " - ".join(filter(None, (message.audio.performer, message.audio.title)))
        return (_wanted(message.audio, f"{title or f'audio-{number}'}.mp3", "audio/mpeg"),)
    if message.video:
        return (_wanted(message.video, f"video-{number}.mp4", "video/mp4"),)
    if message.video_note:
        return (_wanted(message.video_note, f"video-message-{number}.mp4", "video/mp4"),)
    if message.sticker:
        ending, mime = _sticker_type(message.sticker)
        return (_wanted(message.sticker, f"sticker-{number}.{ending}", mime),)
    return ()


def _sticker_type(sticker: File) -> tuple[str, str]:
    if sticker.is_animated:
        return "tgs", "application/x-tgsticker"
    if sticker.is_video:
        return "webm", "video/webm"
    return "webp", "image/webp"


def _wanted(file: File, name: str, mime: str) -> Wanted:
    """The file, by its own name and type where it has them."""
    kind = file.mime_type or mime
    own = " ".join(file.file_name.replace("/", "_").replace("\\", "_").split())[:200]
    if not own and "." not in name:
        name += mimetypes.guess_extension(kind) or ""
    return Wanted(file.file_id, own or name, kind[:100], max(file.file_size, 0))

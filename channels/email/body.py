"""What a letter's parts say: its text, its HTML, its files."""

from __future__ import annotations

import re
from html import escape
from mimetypes import guess_extension
from typing import NamedTuple

from channels.email.headers import decode_words, split_head
from channels.email.invitation import read_invitation
from channels.email.page import page_text
from channels.email.parts import Part, read_parts
from crm.contact import Attachment, blob_id

FILES_LIMIT = 200
TEXT_LIMIT = 500_000  # a longer text is cut and comes whole as a file

_EXCUSE = re.compile(
    r"(?:not|n't|cannot|unable to) (?:support|display|view|read|show|render)"
    r"|view (?:this|the) (?:e-?mail|message)|html[ -](?:e-?mail|message|version|compatible|capable)"
    r"|in your browser"
    r"|не поддерживает|не может (?:показать|отобразить|прочитать)|в формате html|html-верси|в браузере",
    re.IGNORECASE,
)
_EXCUSE_LENGTH = 400
_UNSAFE_IN_NAME = re.compile(r'[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff<>:"|?*]')
_NAME_LENGTH = 150
_WORDS = {"text/plain", "text/html"}


class Body(NamedTuple):
    """`html` is empty unless the sender wrote any; `forwarded` is the text of a letter sent on as a file."""

    text: str
    html: str
    files: list[Part]
    forwarded: str = ""


class _Piece(NamedTuple):
    """The same words as plain text and as HTML; either may be missing."""

    plain: str = ""
    html: str = ""


class _Found:
    def __init__(self) -> None:
        self.pieces: list[_Piece] = []
        self.files: list[Part] = []


def read_body(root: Part) -> Body:
    """The best of what the parts offer."""
    found = _Found()
    _gather(root, found)
    html = "\n".join(map(_page, found.pieces)) if any(piece.html for piece in found.pieces) else ""
    text = "\n\n".join(filter(None, map(_text, found.pieces)))
    if not text.strip():
        text = "\n\n".join(
            read_invitation(part.text()) for part in found.files if part.mime == "text/calendar"
        )
    forwarded = ""
    if not text.strip():
        forwarded = "\n\n".join(_letter(part) for part in found.files if part.mime == "message/rfc822")
    return Body(text, html, found.files, forwarded)


def read_files(files: list[Part]) -> tuple[tuple[Attachment, ...], dict[str, bytes]]:
    """The files as attachments, and their bytes by blob id."""
    attachments = []
    blobs = {}
    for number, part in enumerate(files[:FILES_LIMIT], start=1):
        content = part.content()
        blob = blob_id(content)
        blobs[blob] = content
        cid = (
            decode_words(part.headers.first(b"content-id")).strip("<> ")
            if part.mime.startswith("image/")
            else ""
        )
        attachments.append(
            Attachment(name=_name(part, number), mime=part.mime, size=len(content), blob=blob, cid=cid)
        )
    return tuple(attachments), blobs


def _gather(part: Part, found: _Found) -> None:
    if part.mime == "multipart/alternative":
        _choose(part, found)
    elif part.children:
        for child in part.children:
            _gather(child, found)
    elif _is_said(part, first=not found.pieces):
        text = part.text()
        if text.strip():
            is_page = part.mime == "text/html"
            found.pieces.append(_Piece(html=text) if is_page else _Piece(plain=_flowed(part, text)))
    else:
        found.files.append(part)


def _is_said(part: Part, *, first: bool) -> bool:
    """Whether the part is words of the letter, not a file; some programs name or attach the only words."""
    if part.mime not in _WORDS:
        return False
    if part.disposition == "attachment":
        return first and not part.filename
    return first or not part.filename


def _choose(part: Part, found: _Found) -> None:
    """Of several ways to say the same, the first plain one and the last (richest) HTML one."""
    plain = html = ""
    for child in part.children:
        offer = _Found()
        _gather(child, offer)
        found.files.extend(offer.files)
        rich = "\n".join(map(_page, offer.pieces)) if any(piece.html for piece in offer.pieces) else ""
        html = rich or html
        if not plain and not rich:
            plain = "\n".join(piece.plain for piece in offer.pieces)
    if plain or html:
        found.pieces.append(_Piece(plain, html))


def _text(piece: _Piece) -> str:
    plain = piece.plain
    if not piece.html:
        return plain
    if plain.strip() and not (len(plain) < _EXCUSE_LENGTH and _EXCUSE.search(plain)):
        return plain
    return page_text(piece.html) or plain


def _page(piece: _Piece) -> str:
    return piece.html or f"<pre>{escape(piece.plain)}</pre>"


def _letter(part: Part) -> str:
    inner = read_parts(part.content())
    found = _Found()
    _gather(inner, found)
    lines = [
        f"{name.decode().capitalize()}: {inner.headers.text(name)}"
        for name in (b"from", b"date", b"subject")
        if name in inner.headers
    ]
    return "\n".join([*lines, "", *filter(None, map(_text, found.pieces))])


def _flowed(part: Part, text: str) -> str:
    """Paragraphs that RFC 3676 broke into lines, whole again; quoted lines stay as they are."""
    if part.parameter("format").lower() != "flowed" or " \n" not in text:
        return text
    delete_space = part.parameter("delsp").lower() == "yes"
    lines: list[str] = []
    continued = False
    for raw in text.split("\n"):
        line = raw.removeprefix(" ")
        soft = line.endswith(" ") and line != "-- " and not line.startswith(">")
        shown = line[:-1] if soft and delete_space else line
        if continued and not line.startswith(">") and line != "-- ":
            lines[-1] += shown
        else:
            lines.append(shown)
        continued = soft
    return "\n".join(lines)


def _name(part: Part, number: int) -> str:
    """A name that is safe to show and to offer for saving: no path, nothing invisible."""
    name = _UNSAFE_IN_NAME.sub("", part.filename.replace("\\", "/").rpartition("/")[2]).strip(". ")
    if not name and part.mime == "message/rfc822":
        subject = split_head(part.content())[0].text(b"subject").replace("/", "-").replace("\\", "-")
        name = _UNSAFE_IN_NAME.sub("", subject).strip(". ")[:_NAME_LENGTH]
        name = f"{name or f'message-{number}'}.eml"
    if not name:
        kind = part.mime.partition("/")[0]
        kind = kind if kind in {"image", "audio", "video"} else "file"
        name = f"{kind}-{number}{guess_extension(part.mime) or ''}"
    if len(name) > _NAME_LENGTH:
        stem, dot, extension = name.rpartition(".")
        short = dot and len(extension) <= 10
        name = f"{stem[: _NAME_LENGTH - 11]}.{extension}" if short else name[:_NAME_LENGTH]
    return name

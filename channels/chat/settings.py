"""What the operator sets for the web chat: who may embed it, how it looks, how much one visitor may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec

from channels.chat.words import spoken
from crm.wrong import Wrong
from router.networks import is_origin, wrong_networks

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]

MOST_BYTES = 4
"""Of one character in UTF-8."""

FRAME = 1024
"""Bytes of a frame around its text, more than enough."""

_ENDING = re.compile(r"[a-z0-9]{1,10}")
_SMALL_ENDING = "expected an ending in small letters, such as pdf"
_SITE = "expected a site such as https://www.example.com, without a path, or *"


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The chat. `allowed_origins` are the sites that may embed it, such as `https://example.com`.

    Our own origin is always allowed; `*` allows everybody. `trusted_proxies` are networks, such as
    `10.0.0.0/8`, whose X-Forwarded-For is believed, so that limits count visitors and not proxies.
    """

    title: dict[str, str] = {}  # by language code; else what `languages/` say
    languages: tuple[str, ...] = ("en", "ru")  # the first one is used where the visitor's is not among them
    allowed_origins: tuple[str, ...] = ("*",)
    trusted_proxies: tuple[str, ...] = ()
    department_id: str = ""  # whose hours are the chat's hours; empty: always open

    text_limit: Count = 10_000  # characters of one message
    frame_limit: Count = 64 * 1024  # bytes of one WebSocket message
    file_size_limit: Count = 10 * 1024 * 1024
    upload_room: Count = 64 * 1024 * 1024  # bytes of files being received at once, from everybody together
    file_types: tuple[str, ...] = (  # endings of names; none: no files at all
        *("png", "jpg", "jpeg", "gif", "webp", "heic", "pdf", "txt", "log", "csv", "rtf", "zip"),
        *("doc", "docx", "xls", "xlsx", "odt", "ods", "mp3", "m4a", "ogg", "wav", "mp4", "mov"),
    )

    connections: Count = 20_000
    connections_per_peer: Count = 500
    visitor_messages_per_minute: Count = 30
    peer_messages_per_minute: Count = 600
    bad_frames: Count = 20  # frames of one connection that make no sense, before it is closed
    hello_timeout: Seconds = 10
    ping_after: Seconds = 45  # of silence
    closed_after: Seconds = 120  # of silence
    send_timeout: Seconds = 10  # for a page that does not read
    upload_timeout: Seconds = 120
    closing_timeout: Seconds = 10  # how long what is being stored may take when we stop

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        yield from self._wrong_languages()
        yield from wrong_networks(self.trusted_proxies, "trusted_proxies")
        for number, origin in enumerate(self.allowed_origins):
            if origin != "*" and not is_origin(origin):
                yield Wrong(f"allowed_origins[{number}]", f"{_SITE}, got {origin!r}")
        for number, ending in enumerate(self.file_types):
            if not _ENDING.fullmatch(ending):
                yield Wrong(f"file_types[{number}]", f"{_SMALL_ENDING}, got {ending!r}")
        if self.frame_limit < (room := MOST_BYTES * self.text_limit + FRAME):
            yield Wrong("frame_limit", f"expected at least {room}, so that a text of text_limit fits in")
        if self.closed_after <= self.ping_after:
            yield Wrong("closed_after", "expected more than ping_after")

    def _wrong_languages(self) -> Iterator[Wrong]:
        known = spoken()
        expected = f"expected one of the languages {', '.join(known)}"
        if not self.languages:
            yield Wrong("languages", f"{expected} at least")
        for number, language in enumerate(self.languages):
            if language not in known:
                yield Wrong(f"languages[{number}]", f"{expected}, got {language!r}")
        for language in sorted(self.title.keys() - known):
            yield Wrong("title", f"{expected}, got {language!r}")

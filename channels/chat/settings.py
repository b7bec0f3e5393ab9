"""What the operator sets for the web chat: who may embed it, how it looks, how much one visitor may ask."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


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

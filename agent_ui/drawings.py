"""Which drawing of icons.svg stands for what."""

from __future__ import annotations

ICONS = {
    "email": "email",
    "chat": "chat",
    "telegram": "telegram",
    "phone": "phone",
    "fax": "fax",
    "letter": "letter",
    "visit": "visit",
    "api": "api",
}
"""By channel; the channels that a list can be narrowed to."""

ENTRIES = {
    "Note": "note",
    "Decision": "done",
    "Opened": "inbox",
    "Assigned": "hand",
    "Transferred": "transfer",
    "TransferAnswered": "transfer",
    "Closed": "check",
    "Reopened": "unlock",
    "Amended": "edit",
    "Identified": "user",
}

PREVIEWED = ("image/png", "image/jpeg", "image/gif", "image/webp")


def channel_icon(channel: str) -> str:
    """The drawing of a channel; a channel without one of its own looks like another system."""
    return ICONS.get(channel, "api")


def is_heard(mime: str) -> bool:
    """Sound that browsers play in place."""
    return mime in ("audio/wav", "audio/mpeg", "audio/ogg", "audio/mp4", "audio/flac")


def is_previewed(mime: str) -> bool:
    """Whether a file of this type is a picture that the page shows."""
    return mime in PREVIEWED

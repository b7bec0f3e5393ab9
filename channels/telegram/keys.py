"""Keys of Telegram's messages: which bot, which chat, which message."""

from __future__ import annotations

import re
from typing import NamedTuple

CHANNEL = "telegram"

_PLACE = re.compile(r"(\d+):(-?\d+):(?:album:)?(\d+)\Z")


class Place(NamedTuple):
    """Where a talk goes on: the chat, as that bot sees it."""

    bot: int
    chat: int


def message_key(place: Place, message_id: int) -> str:
    """The same message is the same key, however often and on whatever way it comes."""
    return f"{place.bot}:{place.chat}:{message_id}"


def album_key(place: Place, group: str) -> str:
    """The pictures of an album are messages of their own that share its id: together one contact."""
    return f"{place.bot}:{place.chat}:album:{group}"


def invitation_key(bot: int, mark: str) -> str:
    """The contact that redeems an invitation: it has one key, so that it is redeemed once."""
    return f"{bot}:invitation:{mark}"


def unread_key(bot: int, name: str) -> str:
    """An update that could not be read."""
    return f"{bot}:update:{name}"


def place_of(key: str) -> Place | None:
    """Where the message of this key was written; None for a key of ours that is no message's."""
    found = _PLACE.match(key)
    return Place(int(found[1]), int(found[2])) if found else None


def bot_of(key: str) -> int:
    """Which bot a key is of; 0 for a key that is no message's."""
    bot, colon, _ = key.partition(":")
    return int(bot) if colon and bot.isdecimal() else 0


def message_of(key: str) -> int:
    """Its number in the chat; 0 for what has none."""
    found = _PLACE.match(key)
    return int(found[3]) if found and ":album:" not in key else 0

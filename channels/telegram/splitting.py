"""Cutting a long answer into messages that Telegram takes: at paragraphs, lines, sentences, words."""

from __future__ import annotations

import re
import unicodedata

from channels.telegram.entities import units

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
"""UTF-16 units of a message and of the words under a picture."""

_ENDS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…])[\"»”’)\]]*\s"),
    re.compile(r"\s"),
)
"""Where one message may end, the best first."""

_JOINERS = {"\u200d", "\ufe0f", "\u20e3"}


def split_text(text: str, limit: int = TEXT_LIMIT) -> list[str]:
    """The text in pieces of at most so many units. Nothing but blanks at the cuts is left out."""
    pieces = []
    rest = text.strip()
    while units(rest) > limit:
        room = _longest(rest, limit)
        cut = _place_to_cut(rest, room)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest] if rest else pieces


def _longest(text: str, limit: int) -> int:
    """How many characters fit."""
    head = text[:limit]
    if len(head) == units(head):
        return len(head)
    wide = head.encode("utf-16-le", "surrogatepass")[: 2 * limit]
    fitting = len(wide.decode("utf-16-le", "ignore"))
    return max(fitting, 1)


def _place_to_cut(text: str, room: int) -> int:
    """The last good end in the second half of the room; else between two characters that can be parted."""
    for end in _ENDS:
        last = 0
        for found in end.finditer(text, room // 2, room + 1):
            if found.start() > 0 and units(text[: found.start()]) <= units(text[:room]):
                last = found.end()
        if last:
            return last
    return next((at for at in range(room, max(room - 32, 1), -1) if _may_part(text, at)), room)


def _may_part(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    return not (before == "\u200d" or after in _JOINERS or unicodedata.combining(after))

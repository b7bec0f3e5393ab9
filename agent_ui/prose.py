"""Customers' words as they may stand in a page: escaped, with their web addresses made links."""

from __future__ import annotations

import re

import phonenumbers
from markupsafe import Markup, escape

# Stops before what usually ends a sentence around an address.
_URL = re.compile(r"\bhttps?://[^\s<>\"'«»]{1,2000}?(?=[.,;:!?)\]}…]*(?:[\s<>\"'«»]|$))", re.IGNORECASE)


def linkify(text: str) -> Markup:
    """The text escaped; what looks like a web address leads there, in a window that knows nothing of ours."""
    pieces = []
    end = 0
    for match in _URL.finditer(text):
        pieces.append(escape(text[end : match.start()]))
        pieces.append(
            Markup('<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>').format(
                match.group()
            )
        )
        end = match.end()
    pieces.append(escape(text[end:]))
    return Markup("").join(pieces)


def spaced_number(value: str) -> str:
    """A telephone number as people read it, `+7 921 555-00-00`; anything else as it is."""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return value
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


AROUND = 40
SEEN = 160


def excerpt(text: str, words: str) -> Markup:
    """The place of a text where the first of the words stands, in any form, with all of them marked."""
    found = [word[: max(3, len(word) - 2)] for word in re.findall(r"\w+", words) if len(word) > 1]
    stems = [re.escape(stem).replace("ё", "е").replace("е", "[её]") for stem in found]
    line = " ".join(text.split())
    sought = re.compile(rf"\b(?:{'|'.join(stems)})\w*", re.IGNORECASE) if stems else None
    first = sought.search(line) if sought else None
    begin = max(0, first.start() - AROUND) if first and first.start() > SEEN // 2 else 0
    shown = ("…" if begin else "") + line[begin : begin + SEEN]
    if sought is None:
        return escape(shown)
    pieces, end = [], 0
    for match in sought.finditer(shown):
        pieces += [escape(shown[end : match.start()]), Markup("<mark>{}</mark>").format(match.group())]
        end = match.end()
    return Markup("").join([*pieces, escape(shown[end:])])

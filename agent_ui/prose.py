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

"""Letters that are too heavy to lay out: a few kilobytes that become megabytes, or seconds, when parsed."""

from __future__ import annotations

import re

SIZE = 2_000_000
"""Characters of a letter that are laid out; what people and shops send is a tenth of it."""

TAGS = 40_000
"""Tags of a letter, opening and closing. A parser walks what is open for each, so this bounds the nesting."""

COPIES = 16_000_000
"""Characters of formatting that a parser may have to repeat: tags times all different formatting tags."""

WORDS_IN_TAG = 2_000
"""Attributes of one tag; each is compared with all before it."""

# The "formatting elements" of the HTML standard (13.2.4.3): one left open is opened again in each paragraph.
FORMATTING = re.compile(
    r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])[^>]*", re.IGNORECASE
)
QUOTED = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
BETWEEN_ATTRIBUTES = re.compile(r"[\s/]+")


def is_too_heavy(html: str) -> bool:
    """Whether parsing the letter could cost more than it is worth: counted without parsing it.

    What is closed is not believed closed, since a parser may ignore a closing tag in the wrong place.
    """
    tags = html.count("<")
    if len(html) > SIZE or tags > TAGS:
        return True
    formatting = set(FORMATTING.findall(html))
    if sum(map(len, formatting)) * tags > COPIES or any(map(_goes_on, formatting)):
        return True
    return _has_crowded_tag(html)


def _goes_on(tag: str) -> bool:
    """Whether a ">" within quotes ended the tag for us but not for a parser: its length is not known."""
    rest = QUOTED.sub("", tag)
    return '"' in rest or "'" in rest


def _has_crowded_tag(html: str) -> bool:
    words = 0
    for piece in html.split("<")[1:]:
        tag, closed, _ = piece.rpartition(">")
        words += len(BETWEEN_ATTRIBUTES.findall(tag if closed else piece))
        if words > WORDS_IN_TAG:
            return True
        if closed:
            words = 0
    return False

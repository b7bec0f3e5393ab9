"""Tells the customer's new words from what he quotes and from his signature, in Russian and English.

Nothing is dropped: every word of a letter is in one of the three.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from channels.email.signature import signature_start


class Spoken(NamedTuple):
    """A letter's words, parted."""

    text: str
    quoted: str = ""
    signature: str = ""


class _Marked(NamedTuple):
    """Which lines are quoted, and what said so."""

    quoted: list[bool]
    forwarded: bool = False
    unmarked: bool = False  # a quote runs to the end without `>`: the customer may have written into it
    attributed: bool = False


_HINTS = (
    ">",
    "wrote",
    "writes",
    "пиш",
    "писал",
    "message",
    "сообщени",
    "письмо",
    "переслан",
    "from",
    "от",
    "@",
)
"""A letter without any of these in small letters quotes nothing."""

_DATE = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}-\d\d-\d\d"
    r"|\b\d{1,2}\.?\s(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|\b\d{1,2}\.?\s(?:янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек)"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s\d",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b\d{1,2}[:.]\d\d\b")
_MAILBOX = re.compile(r"[^\s<>\[\]\"',;:]+@[^\s<>\[\]\"',;:]+\.\w")
_SAID = re.compile(
    r"(?:wrote|writes|пишет|писал(?:[аи]|\([аи]\))?|написал(?:[аи]|\([аи]\))?|сообщил(?:а|\(а\))?"
    r"|(?:you wrote|вы писали|вы написали).{0,60})\s*:\s*\Z",
    re.IGNORECASE,
)

_RULE = re.compile(
    r"[\s*_=>-]{2,}(?:original (?:message|appointment)|reply message|forwarded (?:message|by)|"
    r"(?:начало )?(?:пересылаемо|пересланно|переадресованно)(?:е|го) (?:сообщени[ея]|письм[оа])|"
    r"(?:исходное|первоначальное|оригинальное|предыдущее) (?:сообщение|письмо))[^\n]{0,80}\Z"
    r"|(?:begin forwarded message"
    r"|начало (?:переадресованного|пересылаемого|пересланного) (?:сообщения|письма)"
    r"|(?:пересылаемое|пересланное) (?:сообщение|письмо))\s*:\s*\Z",
    re.IGNORECASE,
)
_RULE_END = re.compile(
    r"[\s*_=-]{2,}(?:(?:конец|завершение) (?:пересылаемого|пересланного|переадресованного)"
    r"|end (?:of )?forwarded)\b",
    re.IGNORECASE,
)
_FORWARDED = re.compile(r"forwarded|пересыл|пересл|переадрес", re.IGNORECASE)
_FORWARDED_SUBJECT = re.compile(r"\s*(?:fwd?|пересл\w*|пер|вн)\s*:", re.IGNORECASE)
_LINE = re.compile(r"[-_=*\s]{5,}\Z")

_FIELDS = re.compile(
    r"[\s*_>]*(?:(?P<who>from|от(?: кого)?|отправитель)"
    r"|(?P<when>sent|date|отправлено|дата(?: отправки)?|когда)"
    r"|(?P<whom>to|cc|кому|копия|получател[ьи])|(?P<what>subject|тема))[*_]*\s*:",
    re.IGNORECASE,
)
_LETTERHEAD_LINES = 12

_WIDTH = 300  # no line that introduces a quote is longer
_ATTRIBUTION_LINES = 4


def part_words(body: str, subject: str = "") -> Spoken:
    """Parts a letter. The subject tells a forward, whose words are the message, from a reply."""
    lines = body.split("\n")
    small = body.lower()
    if not any(hint in small for hint in _HINTS):
        return _spoken([lines], [])
    marked = _mark(lines)
    if not any(marked.quoted):
        return _spoken([lines], [])
    blocks = [
        [index for index, _ in group] for _, group in groupby(enumerate(marked.quoted), lambda pair: pair[1])
    ]
    quoted = [[lines[index] for index in block] for block in blocks if marked.quoted[block[0]]]
    own = [block for block in blocks if not marked.quoted[block[0]] and any(lines[i].strip() for i in block)]
    if not any(signature_start([lines[i] for i in block]) for block in own):
        return _without_own_words(lines, marked, subject)
    first = marked.quoted.index(True)
    last = len(lines) - 1 - marked.quoted[::-1].index(True)
    if any(first < block[0] < last for block in own):
        # Questions and answers in turns: apart, neither could be understood.
        end = own[-1][-1] + 1
        return _spoken([lines[:end]], [lines[end:]])
    return _spoken([[lines[i] for i in block] for block in own], quoted)


def _spoken(own: list[list[str]], quoted: list[list[str]]) -> Spoken:
    """Each block of own words may end in a signature of its own."""
    texts, signatures = [], []
    for block in own:
        start = signature_start(block)
        texts.append(_joined([block[:start]]))
        signatures.append(_joined([block[start:]]))
    return Spoken("\n\n".join(filter(None, texts)), _joined(quoted), "\n\n".join(filter(None, signatures)))


def _without_own_words(lines: list[str], marked: _Marked, subject: str) -> Spoken:
    own = [line for line, quoted in zip(lines, marked.quoted, strict=True) if not quoted]
    others = [line for line, quoted in zip(lines, marked.quoted, strict=True) if quoted]
    forwarded = marked.forwarded or marked.unmarked or not marked.attributed
    if forwarded or _FORWARDED_SUBJECT.match(subject):
        return Spoken(_joined([others]), "", _joined([own]))
    return Spoken("", _joined([others]), _joined([own]))


def _joined(blocks: list[list[str]]) -> str:
    return "\n".join("\n".join(block) for block in blocks).strip()


def _mark(lines: list[str]) -> _Marked:
    quoted = [line.lstrip().startswith(">") for line in lines]
    attributed = False
    for index, line in enumerate(lines):
        if quoted[index] or (":" not in line and not line.lstrip().startswith(("-", "_", "*", "="))):
            continue
        stripped = line.strip()
        if not stripped or len(stripped) > _WIDTH:
            continue
        begin = _attribution(lines, quoted, index)
        if begin >= 0:
            following = next((at for at in range(index + 1, len(lines)) if lines[at].strip()), -1)
            if following >= 0 and quoted[following]:
                quoted[begin:following] = [True] * (following - begin)
                attributed = True
                continue
            if following >= 0 and _is_certain("\n".join(lines[begin : index + 1])):
                return _tail(lines, quoted, begin, forwarded=False)
        if _RULE.match(stripped):
            return _tail(lines, quoted, index, forwarded=bool(_FORWARDED.search(stripped)))
        if _is_letterhead(lines, index):
            return _tail(lines, quoted, index, forwarded=False)
    return _Marked(quoted, attributed=attributed)


def _tail(lines: list[str], quoted: list[bool], begin: int, *, forwarded: bool) -> _Marked:
    """From here on all is quoted, unless a forwarding program says where its part ends."""
    ends = (
        at
        for at in range(begin + 1, len(lines))
        if lines[at][:1] in "-*_=" and _RULE_END.match(lines[at][:_WIDTH])
    )
    end = next(ends, len(lines) - 1)
    if begin and _LINE.match(lines[begin - 1][:_WIDTH]) and lines[begin - 1].strip():
        begin -= 1
    quoted[begin : end + 1] = [True] * (end + 1 - begin)
    return _Marked(quoted, forwarded=forwarded, unmarked=True)


def _attribution(lines: list[str], quoted: list[bool], index: int) -> int:
    """The first line of "On …, somebody wrote:" that ends in this line; -1 if it is no such thing."""
    if not lines[index].rstrip().endswith(":"):
        return -1
    text = ""
    for begin in range(index, max(-1, index - _ATTRIBUTION_LINES), -1):
        if quoted[begin] or not lines[begin].strip() or len(lines[begin]) > _WIDTH:
            return -1
        text = f"{lines[begin].strip()} {text}".rstrip()
        mailbox, date = _MAILBOX.search(text), _DATE.search(text)
        if (_SAID.search(text) and (mailbox or date or _TIME.search(text))) or (mailbox and date):
            above = lines[begin - 1] if begin else ""
            wrapped = not date and len(above) < _WIDTH and _DATE.search(above) and not quoted[begin - 1]
            return begin - 1 if wrapped else begin
    return -1


def _is_certain(attribution: str) -> bool:
    """Without `>` after it, only a line that no person would type by hand begins a quote."""
    return bool(_DATE.search(attribution) and _MAILBOX.search(attribution))


def _is_letterhead(lines: list[str], index: int) -> bool:
    """Whether the fields of a quoted letter (From, Sent, To, Subject) begin here."""
    first = _FIELDS.match(lines[index])
    if first is None:
        return False
    found = {first.lastgroup}
    for line in lines[index + 1 : index + 1 + _LETTERHEAD_LINES]:
        field = _FIELDS.match(line[:_WIDTH])
        if field:
            found.add(field.lastgroup)
        elif line.strip() and len(found) == 1:
            break
    return "who" in found and len(found) >= 3

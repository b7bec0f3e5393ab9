"""What a mail server of ours found out about a sender: the results it wrote into the letter (RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from channels.email.mailboxes import split_address

_HEAD_LIMIT = 256 * 1024
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LINE = re.compile(rb"\r?\n")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|[();\\]|[^"();\\]+', re.DOTALL)
_METHOD = re.compile(r"\s*([a-z][a-z0-9-]*)\s*(?:/\s*(\d+)\s*)?=\s*([a-z]+)\b", re.IGNORECASE)
_PROPERTY = re.compile(
    r'\b([a-z][a-z0-9-]*)\s*\.\s*([a-z][a-z0-9_-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]+)', re.IGNORECASE
)
_VERSION = "1"
_RESULTS_LIMIT = 50


class Edge(NamedTuple):
    """Our servers that letters come through before they come here.

    `ids` are the names (authserv-id) under which they write results; none: nobody is believed. `hops` is how
    many `Received` lines they write themselves: what stands below those was in the letter when it came to us.
    """

    ids: frozenset[str] = frozenset()
    hops: int = 1


class Result(NamedTuple):
    """One method's result, such as `dkim` `pass`; properties such as `header.d` by their lower-case names."""

    method: str
    result: str
    properties: dict[str, str]


def read_results(raw: bytes, edge: Edge) -> list[Result]:
    """What our own servers found; empty where they wrote nothing. Never fails."""
    ids = {_domain(one) for one in edge.ids}
    found: list[Result] = []
    for value in _own_headers(raw, edge.hops) if ids else ():
        found += _read_header(value, ids)
    return found[:_RESULTS_LIMIT]


def is_aligned(proven: str, domain: str) -> bool:
    """Whether the proven domain speaks for the sender's: the same, or one within the other (RFC 7489, 3.1).

    Two siblings are not: without a list of public suffixes nobody knows whether one owner has both.
    """
    if not proven or not domain or "." not in proven or "." not in domain:
        return False
    return proven == domain or proven.endswith("." + domain) or domain.endswith("." + proven)


def _own_headers(raw: bytes, hops: int) -> Iterator[str]:
    """Values of the headers that our servers may have written: those above a stranger's `Received` lines."""
    head, _, _ = raw[:_HEAD_LIMIT].replace(b"\r\n", b"\n").partition(b"\n\n")
    received = 0
    for line in _LINE.split(_FOLD.sub(b" ", head)):
        name, colon, value = line.partition(b":")
        match name.strip().lower() if colon else b"":
            case b"received":
                received += 1
            case b"authentication-results" if received <= hops:
                yield value.decode("utf-8", "replace")
            case _:
                pass
        if received > hops:
            return


def _read_header(value: str, ids: Collection[str]) -> Iterator[Result]:
    who, *said = _without_comments(value)
    name, _, version = who.strip().partition(" ")
    if _domain(_unquoted(name)) not in ids or version.strip() not in ("", _VERSION):
        return
    for one in said:
        method = _METHOD.match(one)
        if method and method[2] in (None, _VERSION):
            properties = {
                f"{kind}.{name}".lower(): _unquoted(content)
                for kind, name, content in _PROPERTY.findall(one[method.end() :])
            }
            yield Result(method[1].lower(), method[3].lower(), properties)


def _without_comments(value: str) -> list[str]:
    """The parts between semicolons, without comments, which may hold others; quotations stay whole."""
    parts, depth = [""], 0
    pieces = _PIECES.finditer(value)
    for piece in pieces:
        text = piece[0]
        if text == "(":
            depth += 1
        elif text == ")":
            depth = max(depth - 1, 0)
            parts[-1] += " "
        elif text == "\\":
            next(pieces, None)  # what it quotes opens and closes nothing
        elif depth:
            continue
        elif text == ";":
            parts.append("")
        else:
            parts[-1] += text
    return parts


def _unquoted(text: str) -> str:
    quoted = _QUOTED.fullmatch(text.strip())
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text.strip()


def _domain(name: str) -> str:
    return split_address("@" + name)[1]

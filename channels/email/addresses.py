"""Addresses in a header: names and mailboxes, however they are punctuated."""

from __future__ import annotations

import re

from channels.email.charsets import decode_text
from channels.email.headers import decode_words
from crm.contact import Address

_SIMPLE = re.compile(rb"([^\"'(),:;<>@\\]*)<([^\s<>\"'(),:;\[\]=]+@[^\s<>\"'(),:;@]+)>\Z")
_TOKEN = re.compile(
    rb'"(?P<quoted>(?:[^"\\]|\\.)*)"?|\((?P<comment>(?:[^()]|\([^()]*\))*)\)|'
    rb'<+(?P<angle>[^<>]*)>*|(?P<comma>[,;])|(?P<word>[^\s"(<,;]+)|.',
    re.DOTALL,
)
_ADDRESS = re.compile(rb"[^\s<>\"'(),:;\[\]]+@[^\s<>\"'(),:;]+")
_GROUP = re.compile(rb"\A[^<>@\"]*:")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_SPACED_AT = re.compile(rb"\s*@\s*")
_LIMIT = 1000  # addresses in one header
_LENGTH = 64 * 1024


def read_addresses(value: bytes) -> list[Address]:
    """The mailboxes of one header, in order."""
    simple = _SIMPLE.match(value)
    if simple:
        return [_address(simple[2], simple[1])]
    value = value[:_LENGTH]
    found = _split(value)
    if not found and b'"' in value:  # a quotation mark nobody closed
        found = _split(value.replace(b'"', b""))
    if not found and b"=?" in value:  # some programs encode the whole field, brackets and all
        found = _split(decode_words(value).encode())
    return [address for address in found[:_LIMIT] if address.value]


def _split(value: bytes) -> list[Address]:
    addresses: list[Address] = []
    pieces: list[tuple[str, bytes]] = []
    for token in _TOKEN.finditer(_GROUP.sub(b"", value, count=1)):
        kind = token.lastgroup
        if kind == "comma":
            addresses.extend(_mailbox(pieces))
            pieces = []
        elif kind:
            pieces.append((kind, token[kind]))
    addresses.extend(_mailbox(pieces))
    return addresses


def _mailbox(pieces: list[tuple[str, bytes]]) -> list[Address]:
    """The mailbox these pieces of one list item make up, if they do."""
    comment = next((content for kind, content in pieces if kind == "comment"), b"")
    angle = next((content for kind, content in pieces if kind == "angle" and content.strip()), b"")
    words = [content for kind, content in pieces if kind in ("quoted", "word")]
    phrase = b" ".join(map(_unescaped, words))
    if angle:
        return [_address(angle, phrase or comment)]
    if [kind for kind, _ in pieces[:2]] == ["quoted", "word"] and words[1].startswith(b"@"):
        return [_address(b'"%b"%b' % (words[0], words[1]), comment)]
    phrase = _SPACED_AT.sub(b"@", phrase)
    match = _ADDRESS.search(phrase)
    return [_address(match[0], phrase.replace(match[0], b"", 1).strip() or comment)] if match else []


def _unescaped(content: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", content) if b"\\" in content else content


def _address(raw: bytes, phrase: bytes) -> Address:
    value = decode_words(raw) if b"=?" in raw else decode_text(raw)
    if value.startswith("@"):  # a route of RFC 822
        value = value.rpartition(":")[2]
    if not value.startswith('"'):
        value = "".join(value.split())
    value = value.removeprefix("mailto:").strip("<>' ")[:320]
    name = decode_words(phrase).strip("\"'<> ")
    return Address(kind="email", value=value, name="" if name == value else name)

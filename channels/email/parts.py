"""The parts a letter is made of: the tree of MIME (RFC 2045, RFC 2046), also where it is broken."""

from __future__ import annotations

import re
from binascii import Error as UuError
from binascii import a2b_qp, a2b_uu
from collections.abc import Iterator

from channels.email.charsets import decode_text
from channels.email.headers import Headers, decode_base64, parameters, split_head

PARTS_LIMIT = 500
DEPTH_LIMIT = 30
_PADDING = 100  # spaces that may follow a boundary

_LOST_BOUNDARY = re.compile(rb"(?:\A|\n)--([^\r\n]{1,200}?)[ \t]*\r?\n(?=[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-)")
_META_CHARSET = re.compile(rb"(?i)<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([a-z0-9_:.-]{2,40})")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,120}\Z")


class Part:
    """One node. `body` is still encoded for transfer; `children` is empty unless it is a multipart."""

    __slots__ = ("_type_parameters", "body", "children", "disposition", "headers", "mime", "parameters")

    def __init__(self, headers: Headers, body: bytes, default: str = "text/plain") -> None:
        self.headers = headers
        self.body = body
        self.children: list[Part] = []
        mime, self._type_parameters = parameters(headers.first(b"content-type"))
        if mime and not _TYPE.match(mime):
            mime = {"text": "text/plain", "html": "text/html"}.get(mime, "application/octet-stream")
        self.mime = mime or default
        disposition = headers.first(b"content-disposition")
        self.disposition, self.parameters = parameters(disposition) if disposition else ("", {})

    def parameter(self, name: str) -> str:
        """A parameter of the content type; empty if absent."""
        return self._type_parameters.get(name, "")

    @property
    def filename(self) -> str:
        """As the sender gave it: not safe for anything."""
        return self.parameters.get("filename") or self._type_parameters.get("name") or ""

    def content(self) -> bytes:
        """The bytes as they were before they were encoded for transfer."""
        encoding = self.headers.word(b"content-transfer-encoding").strip("\"' ;")
        if encoding == "base64" or encoding == "base-64":
            return decode_base64(self.body)
        if encoding == "quoted-printable":
            return a2b_qp(self.body)
        if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
            return _decode_uu(self.body)
        return self.body

    def text(self) -> str:
        """The content as text."""
        content = self.content()
        charset = self.parameter("charset")
        if not charset and self.mime == "text/html" and not content.isascii():
            meta = _META_CHARSET.search(content, 0, 4096)
            charset = meta[1].decode("ascii") if meta else ""
        return decode_text(content, charset)

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_parts(raw: bytes) -> Part:
    """The tree of a whole message; what goes beyond the limits stays unopened in its parent."""
    headers, body = split_head(raw)
    root = Part(headers, body)
    if root.mime == "text/plain" and b"content-type" not in headers and _LOST_BOUNDARY.match(body):
        root.mime = "multipart/mixed"  # the header that said so was lost on the way
    budget = [PARTS_LIMIT]
    _open(root, budget, DEPTH_LIMIT)
    return root


def _open(part: Part, budget: list[int], depth: int) -> None:
    if not part.mime.startswith("multipart/"):
        return
    pieces = _pieces(part) if depth and budget[0] > 0 else []
    if not pieces:
        part.mime = "text/plain"  # says it has parts and has none: what stands there is still the customer's
        return
    default = "message/rfc822" if part.mime == "multipart/digest" else "text/plain"
    for index, piece in enumerate(pieces):
        if budget[0] <= 0:
            rest = b"\r\n".join(pieces[index:])
            part.children.append(Part(Headers({b"content-type": [b"application/octet-stream"]}), rest))
            return
        budget[0] -= 1
        child = Part(*split_head(piece), default)
        part.children.append(child)
        _open(child, budget, depth - 1)


def _pieces(part: Part) -> list[bytes]:
    declared = part.parameter("boundary").encode()
    pieces = _split(part.body, declared) if declared else []
    if not pieces:
        lost = _LOST_BOUNDARY.search(part.body)
        pieces = _split(part.body, lost[1]) if lost else []
    return pieces


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the delimiter lines; a closing one may be missing."""
    delimiter = b"--" + boundary
    pieces: list[bytes] = []
    begin = -1
    after = 0
    while (position := body.find(delimiter, after)) >= 0:
        after = position + len(delimiter)
        if position and body[position - 1] not in b"\r\n":
            continue
        line_end = body.find(b"\n", after)
        if line_end < 0:
            line_end = len(body)
        tail = body[after : min(line_end, after + _PADDING)].strip()
        if tail and tail != b"--":
            continue
        if begin >= 0:
            pieces.append(_without_line_end(body, begin, position))
        begin = line_end + 1
        if tail:
            return pieces
    if 0 <= begin < len(body):
        pieces.append(body[begin:])
    return pieces


def _without_line_end(body: bytes, begin: int, end: int) -> bytes:
    if body[end - 1 : end] == b"\n":
        end -= 1
    if body[end - 1 : end] == b"\r":
        end -= 1
    return body[begin : max(begin, end)]


def _decode_uu(data: bytes) -> bytes:
    content = bytearray()
    for line in data.splitlines():
        if line.startswith(b"begin ") or line in (b"end", b"`"):
            continue
        try:
            content += a2b_uu(line)
        except UuError:
            # An old encoder's line is a little too long for its count.
            length = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                content += a2b_uu(line[:length])
            except UuError:
                content += line
    return bytes(content)

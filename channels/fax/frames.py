"""What passes between the door and the process that opens strangers' pages: one value after another."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

LENGTH = struct.Struct(">I")


class File(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Bytes as somebody sent them; neither name nor type is believed."""

    name: str
    content: bytes


class Develop(msgspec.Struct, frozen=True, kw_only=True, tag="develop"):
    """Make these files visible, `most` pages of them all."""

    files: tuple[File, ...]
    most: int


class Typeset(msgspec.Struct, frozen=True, kw_only=True, tag="typeset"):
    """Lay an answer out as a fax: the words first, then its files; `head` stands above each page."""

    words: str
    head: str
    font: str
    files: tuple[File, ...] = ()


Request = Develop | Typeset


class Sheet(msgspec.Struct, frozen=True, kw_only=True, tag="sheet", gc=False):
    """One page that can be seen: a PNG with square dots."""

    png: bytes
    dpi: int


class Trouble(msgspec.Struct, frozen=True, kw_only=True, tag="trouble", gc=False):
    """What is wrong with a file, or with one of its pages where `page` is not 0."""

    code: str
    file: int = 0
    page: int = 0


class Document(msgspec.Struct, frozen=True, kw_only=True, tag="document", gc=False):
    """All pages in one file: a PDF of what came, a TIFF of what goes."""

    content: bytes
    pages: int


Frame = Sheet | Trouble | Document

_encoder = msgspec.msgpack.Encoder()
_frames = msgspec.msgpack.Decoder(Frame)
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)


def pack(value: Frame | Request) -> bytes:
    """A value as it goes over the pipe, its length first."""
    content = _encoder.encode(value)
    return LENGTH.pack(len(content)) + content


def read_request(content: bytes) -> Request:
    """What is asked for."""
    return _requests.decode(content[LENGTH.size :])


def read_frames(content: bytes) -> Iterator[Frame]:
    """The whole frames; half a one at the end is what a process that died was about to say."""
    at = 0
    while at + LENGTH.size <= len(content):
        (size,) = LENGTH.unpack_from(content, at)
        begin, at = at + LENGTH.size, at + LENGTH.size + size
        if at > len(content):
            return
        yield _frames.decode(content[begin:at])

"""Headers of a letter: found in the bytes, and decoded however badly they are written."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from channels.email.charsets import decode_text

_ANY_LINE_END = re.compile(rb"\r+\n?|\n")
_NAME = re.compile(rb"[!-9;-~]+\Z")
_EXPECTED = re.compile(
    rb"(?i)(?:from|to|cc|date|subject|message-id|mime-version|content-[a-z-]+|received|reply-to)[ \t]*:"
)
_WORD = re.compile(rb"=\?([^?\s]{0,75})\?([bBqQ])\?(?:([^?]*)\?=|(\S*?)(?:\?=|\??(?=\s|\Z)))")
_PARAMETER = re.compile(rb';[\s;]*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_SECTION = re.compile(r"(.+?)\*(\d{1,3})?(\*)?\Z", re.DOTALL)
_KEY = re.compile(rb"<([^<>]+)>")

_BROKEN_LIMIT = 20  # header lines without a name
_PARAMETER_LIMIT = 16 * 1024
_KEY_LIMIT = 250  # of a Message-ID: some programs write whole sentences there


class Headers:
    """The header lines of one part, by lower-case name, each in the order they came, unfolded."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[bytes, list[bytes]]) -> None:
        self._values = values

    def __contains__(self, name: bytes) -> bool:
        return name in self._values

    def first(self, name: bytes) -> bytes:
        """The first header of this name that says anything; empty if none."""
        values = self._values.get(name)
        if not values:
            return b""
        return values[0] or next(filter(None, values), b"")

    def all(self, name: bytes) -> list[bytes]:
        """Every header of this name."""
        return self._values.get(name, [])

    def text(self, name: bytes) -> str:
        """The first header of this name, decoded, on one line."""
        return decode_words(self.first(name))

    def word(self, name: bytes) -> str:
        """The first header of this name in lower case without its parameters and comments."""
        value = self.first(name)
        if not value:
            return ""
        return value.partition(b";")[0].partition(b"(")[0].strip().lower().decode("latin-1")


def split_head(data: bytes) -> tuple[Headers, bytes]:
    """The headers and the body after them."""
    end, start = _blank_line(data)
    if end < 0 and b"\r" in data:
        data = _ANY_LINE_END.sub(b"\n", data)  # lone or doubled carriage returns
        end, start = _blank_line(data)
    if end < 0:
        end = start = len(data)
    head = data[:end].replace(b"\r\n", b"\n")
    lines = head.replace(b"\n ", b" ").replace(b"\n\t", b"\t").split(b"\n")
    values: dict[bytes, list[bytes]] = {}
    last: list[bytes] | None = None
    broken = 0
    for index, line in enumerate(lines):
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if colon and _NAME.match(name):
            last = values.setdefault(name.lower(), [])
            last.append(value.strip())
        elif not line.strip() or (index == 0 and line.startswith((b"From ", b">From "))):
            continue
        elif broken < _BROKEN_LIMIT and any(map(_EXPECTED.match, lines[index + 1 :])):
            # A line that some relay broke without indenting it: what follows are headers still.
            broken += 1
            if last:
                last[-1] += b" " + line.strip()
        else:
            return Headers(values), b"\n".join(lines[index:]) + data[end:]
    return Headers(values), data[start:]


def _blank_line(data: bytes) -> tuple[int, int]:
    """Where the headers end and where the body starts; -1 if nothing parts them."""
    if data.startswith((b"\r\n", b"\n")):
        return 0, data.index(b"\n") + 1
    ends = [(data.find(b"\n\r\n"), 3)]
    ends.append((data.find(b"\n\n", 0, ends[0][0] + 1 if ends[0][0] >= 0 else len(data)), 2))
    found = [(at, at + length) for at, length in ends if at >= 0]
    return min(found) if found else (-1, -1)


def decode_words(value: bytes) -> str:
    """One line of text: encoded words (RFC 2047) decoded, raw 8-bit letters too.

    Neighbours in the same charset are joined before decoding, because many programs cut a letter in two.
    """
    if b"=?" not in value:
        return " ".join(decode_text(value).split())
    pieces: list[str] = []
    charset = pending = b""
    position = 0
    for match in _WORD.finditer(value):
        between = value[position : match.start()]
        apart = not position or bool(between.strip())
        if apart or match[1] != charset:
            pieces.append(decode_text(pending, charset.decode("latin-1")))
            pieces.append(decode_text(between) if apart else "")
            charset, pending = match[1], b""
        pending += _word_bytes(match[2], match[3] or match[4] or b"")
        position = match.end()
    pieces.append(decode_text(pending, charset.decode("latin-1")))
    pieces.append(decode_text(value[position:]))
    return " ".join("".join(pieces).split())


def _word_bytes(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"bB":
        return decode_base64(text)
    return a2b_qp(text.replace(b" ", b"_"), header=True)


_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)


def decode_base64(data: bytes) -> bytes:
    """As much as can be read of base64, whatever stands between its letters or is missing at its end."""
    try:
        return a2b_base64(data)
    except Base64Error:
        letters = data.translate(None, _NOT_BASE64)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        return a2b_base64(letters + b"=" * (-len(letters) % 4))


@lru_cache(maxsize=1024)
def _short_parameters(value: bytes) -> tuple[str, dict[str, str]]:
    return _parameters(value)


def parameters(value: bytes) -> tuple[str, dict[str, str]]:
    """A structured header: its main word in lower case and its parameters, of RFC 2231 and of the wild."""
    return _short_parameters(value) if len(value) < 128 else _parameters(value[:_PARAMETER_LIMIT])


def _parameters(value: bytes) -> tuple[str, dict[str, str]]:
    main = value.partition(b";")[0].strip().lower().decode("latin-1")
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bool, bytes]]] = {}
    for raw_name, raw_value in _PARAMETER.findall(value):
        name = raw_name.lower().decode("latin-1")
        content = raw_value.strip()
        if content.startswith(b'"'):
            content = re.sub(rb"\\([\"\\])", rb"\1", content.strip(b'"'))
        section = _SECTION.match(name) if "*" in name else None
        if section:
            number = int(section[2] or 0)
            encoded = bool(section[3]) or section[2] is None
            sections.setdefault(section[1], {})[number] = (encoded, content)
        else:
            plain.setdefault(name, decode_words(content))
    plain.update((name, _joined(parts)) for name, parts in sections.items())
    return main, plain


def _joined(parts: dict[int, tuple[bool, bytes]]) -> str:
    """A parameter of RFC 2231 from its sections: `charset'language'text`, percent-encoded."""
    charset = b""
    content = b""
    for position, (_, (encoded, piece)) in enumerate(sorted(parts.items())):
        text = piece
        if encoded:
            if position == 0 and text.count(b"'") >= 2:
                charset, _, text = text.split(b"'", 2)
            text = unquote_to_bytes(text)
        content += text
    if b"=?" in content and not charset:
        return decode_words(content)
    return " ".join(decode_text(content, charset.decode("latin-1")).split())


def read_key(value: bytes) -> str:
    """A Message-ID without brackets and whitespace; empty where it is missing or absurd."""
    match = _KEY.search(value)
    key = b"".join((match[1] if match else value).split())
    if not key or len(key) > _KEY_LIMIT:
        return ""
    text = key.decode("ascii") if key.isascii() else decode_text(key)
    return text if text.isprintable() and text.strip("<>@.") else ""


def read_keys(value: bytes) -> list[str]:
    """All Message-IDs in a header like References, in order."""
    found = _KEY.findall(value) or value.split()
    return [key for key in map(read_key, found) if key]


def read_date(value: bytes) -> datetime | None:
    """What the sender's clock said, in UTC; None if it cannot be a moment."""
    if not value:
        return None
    try:
        parts = parsedate_tz(value[:100].decode("latin-1"))
        if parts is None:
            return None
        zone = timezone(timedelta(seconds=parts[9] or 0))
        return datetime(*parts[:6], tzinfo=zone).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # the thirtieth of February, hour 25, year 99999

"""Requests byte for byte, as no well-behaved client sends them."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple
from urllib.parse import urlsplit

PATIENCE = 20.0


class Told(NamedTuple):
    """What a server said until it hung up."""

    status: int
    head: str
    body: bytes


async def say(url: str, *lines: bytes, body: bytes = b"") -> Told:
    """Send a request with these lines, the first of them the request line, and hear all that is answered."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        head = b"\r\n".join((*lines, b"Host: " + where.netloc.encode(), b"Connection: close"))
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        writer.write(head + b"\r\n" + length + b"\r\n" + body)
        async with asyncio.timeout(PATIENCE):
            said = await reader.read()
    finally:
        writer.close()
    first, _, rest = said.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.\d (\d{3})", first)
    assert status, said
    return Told(int(status[1]), first.decode("latin-1"), rest)

"""The end of DATA: found as the library finds it, in whatever pieces it comes."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.limits import Load, Share
from channels.email.smtp import read_data

PIECES = st.lists(
    st.sampled_from(
        [b"\r\n", b".", b"\r", b"\n", b"word", b"..", b"\r\n.\r", b"\n.\n", b"\r\n..\r\n", b"x" * 70]
    ),
    max_size=30,
).map(b"".join)
CHUNKS = st.lists(st.integers(1, 12), max_size=40)


def read_in_pieces(
    wire: bytes, sizes: list[int], limit: int = 1_000_000, memory: int = 1_000_000
) -> tuple[bytes | None, bytes]:
    """What `read_data` makes of it, and what it leaves to the next command."""

    async def run() -> tuple[bytes | None, bytes]:
        reader = asyncio.StreamReader(limit=1 << 16)
        reading = asyncio.ensure_future(read_data(reader, limit, Share(Load(memory))))
        rest = wire
        for size in [*sizes, len(wire)]:
            if rest:
                reader.feed_data(rest[:size])
                rest = rest[size:]
                await asyncio.sleep(0)
        reader.feed_eof()
        return await reading, await reader.read()

    return asyncio.run(run())


class _Sink:
    def __init__(self) -> None:
        self.content: bytes | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.content = envelope.original_content
        return "250 OK"


class _Library(SMTP):
    line_length_limit = 1 << 16  # it refuses longer lines; we do not


def read_by_library(wire: bytes) -> bytes | None:
    """What the library's own door makes of it, over a real socket."""

    async def run() -> bytes | None:
        sink = _Sink()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Library(sink, hostname="x", loop=loop), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for command in (b"HELO x\r\n", b"MAIL FROM:<a@b.c>\r\n", b"RCPT TO:<d@e.f>\r\n", b"DATA\r\n"):
                await reader.readline()
                writer.write(command)
            await reader.readline()
            writer.write(wire)
            await reader.readline()
            writer.close()
            await writer.wait_closed()
        return sink.content

    return asyncio.run(run())


@given(PIECES, CHUNKS)
@settings(max_examples=50)
def test_data_is_read_as_the_library_reads_it(body: bytes, sizes: list[int]) -> None:
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    stuffed = (b"." if stuffed.startswith(b".") else b"") + stuffed
    wire = stuffed + (b"" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n") + b".\r\n"
    ours, rest = read_in_pieces(wire, sizes)
    assert ours == read_by_library(wire)
    assert rest == b""


@given(PIECES, CHUNKS, st.sampled_from([b"", b"QUIT\r\n", b"MAIL FROM:<a@b.c>\r\nRCPT"]))
def test_dots_are_unstuffed_and_what_follows_is_left(body: bytes, sizes: list[int], following: bytes) -> None:
    message = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    assert read_in_pieces(stuffed + b".\r\n" + following, sizes) == (message, following)


@given(PIECES, CHUNKS, st.integers(0, 60))
def test_a_message_over_the_limit_is_read_to_its_end_and_dropped(
    body: bytes, sizes: list[int], limit: int
) -> None:
    message = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    content, rest = read_in_pieces(stuffed + b".\r\nQUIT\r\n", sizes, limit)
    assert rest == b"QUIT\r\n"
    assert content == (message if len(stuffed) <= limit else None)


@given(PIECES, CHUNKS, st.integers(0, 60))
def test_a_message_for_which_there_is_no_room_is_read_to_its_end(
    body: bytes, sizes: list[int], memory: int
) -> None:
    stuffed = body.replace(b".", b"") + b"\r\n.\r\n"
    content, rest = read_in_pieces(stuffed, sizes, memory=memory)
    assert rest == b""
    assert (content is None) == (len(stuffed) > memory)


def test_a_bare_line_feed_never_ends_a_message() -> None:
    smuggled = b"first\n.\nMAIL FROM:<evil@example.net>\r\nfirst\r.\rmore\r\n.\nstill\r\n.\r\n"
    content, _ = read_in_pieces(smuggled, [])
    assert content == b"first\n.\nMAIL FROM:<evil@example.net>\r\nfirst\r.\rmore\r\n\nstill\r\n"

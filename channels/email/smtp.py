"""One SMTP conversation: the library's protocol with our limits and our own reading of DATA."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import defaultdict
from typing import AnyStr, NamedTuple, Protocol, cast

from aiosmtpd.smtp import MISSING, SMTP, Envelope, TLSSetupException

from channels.email.limits import Load, Share
from channels.email.settings import EmailSettings
from router.limits import Crowd

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_END = b"\r\n.\r\n"
_PATH = re.compile(r"<([^\s<>@\"\\(),:;\[\]]+@[A-Za-z0-9.-]+)>(?: +(.*))?\Z")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Doorkeeper(Protocol):
    """Decides what conversations answer; each answer is an SMTP reply, a good one begins with 250."""

    def mail_from(self, sender: str, peer: str) -> str:
        """Whether a message of this sender (empty: a bounce) from this host is welcome now."""
        ...

    def mail_for(self, recipient: str, others: int) -> str:
        """Whether this recipient is ours; so many others were named before."""
        ...

    async def deliver(self, content: bytes, sender: str, recipients: tuple[str, ...]) -> str:
        """Stores the message. Raises what it cannot answer."""
        ...

    def failed(self, error: Exception) -> str:
        """Answers for a fault of our own."""
        ...


class House(NamedTuple):
    """What all conversations of one door share."""

    doorkeeper: Doorkeeper
    settings: EmailSettings
    hostname: str
    tls: ssl.SSLContext | None
    crowd: Crowd
    load: Load
    talking: set[Conversation]


async def read_data(reader: asyncio.StreamReader, limit: int, share: Share) -> bytes | None:
    """The message that follows DATA, dots unstuffed.

    None if it is longer than the limit or its share of the memory: then too it is read to its end.
    Only CRLF.CRLF ends it: a peer that takes a bare LF for a line end cannot smuggle a second message
    past us. What comes after the end stays in the reader.
    """
    data = bytearray(b"\r\n")  # the line end of the command itself: an empty message is a lone dot
    dropped = searched = 0
    while (end := data.find(_END, searched)) < 0:
        chunk = await reader.read(_CHUNK)
        if not chunk:
            raise ConnectionResetError("the peer left within DATA")
        kept = max(0, len(data) - len(_END))
        if not share.take(len(chunk)) or dropped + kept > limit:
            dropped += kept
            del data[:kept]
        searched = max(0, len(data) - len(_END))
        data += chunk
    rest = bytes(data[end + len(_END) :])
    if rest:
        # `read` took all that the reader had and nothing has run since, so the order is kept.
        reader.feed_data(rest)
    del data[end + 2 :]
    if share.refused or dropped + len(data) - 2 > limit:
        return None
    return bytes(memoryview(data.replace(b"\r\n.", b"\r\n"))[2:])


class Conversation(SMTP):
    """One connection. Its doorkeeper answers; `task` runs until the peer is gone."""

    # Of the reader's buffer. The library also refuses longer lines in DATA; customers' programs write them.
    line_length_limit = 1 << 16

    def __init__(self, house: House, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            None,
            data_size_limit=house.settings.data_size_limit,
            enable_SMTPUTF8=True,
            hostname=house.hostname,
            ident="ESMTP onewindow",
            tls_context=house.tls,
            timeout=house.settings.command_timeout,
            loop=loop,
        )
        # The library shares this between connections and lets each EHLO raise it.
        self.command_size_limits = defaultdict(lambda: 2048)
        self._house = house
        self._limits = house.settings
        self._peer = ""
        self._messages = 0
        self._errors = 0
        self._receiving = False
        self._leaving = False
        self._replies: list[bytes] = []

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What serves the peer."""
        return self._handler_coroutine

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._peer:  # the same peer, now behind TLS
            super().connection_made(transport)
            return
        peer = _host(transport.get_extra_info("peername"))
        if not self._house.crowd.enter(peer):
            writing = cast(asyncio.WriteTransport, transport)
            writing.write(b"421 4.7.0 Too many connections, try again later\r\n")
            writing.close()
            return
        self._peer = peer
        self._house.talking.add(self)
        super().connection_made(transport)
        if self.task is not None:
            self.task.add_done_callback(_ended)

    def connection_lost(self, error: Exception | None) -> None:
        if self._peer:  # the library says it twice after a handshake that failed
            self._house.crowd.leave(self._peer)
            self._house.talking.discard(self)
            self._peer = ""
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._peer else False

    def data_received(self, data: bytes) -> None:
        if self._peer:
            super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        # Commands that came together (RFC 2920) are answered together: each write costs more than a command.
        said = cast("str | bytes", status)
        # The library says back what it was told, whatever the charset of that.
        reply = said.encode(errors="replace") if isinstance(said, str) else said
        self._replies.append(reply)
        if reply[:2] not in (b"25", b"35"):
            self._flush()  # the library may close the connection right behind such a reply
        elif len(self._replies) == 1:
            self.loop.call_soon(self._flush)
        await self._writer.drain()
        if reply[:1] in (b"4", b"5"):
            self._errors += 1
            if self._errors > self._limits.errors_per_connection:
                await self._part("421 4.7.0 Too many errors, good-bye")

    def _flush(self) -> None:
        if self._replies and self.transport is not None:
            self._writer.write(b"\r\n".join([*self._replies, b""]))
        self._replies.clear()

    async def smtp_EHLO(self, hostname: str | None) -> None:  # noqa: N802
        if not hostname or self.session is None:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return
        self.envelope = self._create_envelope()
        self.session.extended_smtp = True
        self.session.host_name = hostname
        offers = ["8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
        if self.tls_context and not self._tls_protocol:
            offers.append("STARTTLS")
        lines = [self.hostname, *offers, f"SIZE {self._limits.data_size_limit}"]
        replies = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        await self.push("\r\n".join(replies))

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: ARG002, N802
        await self.push("502 5.5.1 No accounts here")

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802
        if self._tls_protocol:
            await self.push("503 5.5.1 TLS is on already")
        else:
            await super().smtp_STARTTLS(arg or "")

    async def smtp_POST(self, arg: str | None) -> None:  # noqa: ARG002, N802
        # A page may have its visitor's browser send a form here whose lines are a conversation.
        await self._part("421 4.7.0 This is no web server")

    smtp_CONNECT = smtp_GET = smtp_HEAD = smtp_OPTIONS = smtp_PUT = smtp_POST  # noqa: N815

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if self._messages >= self._limits.messages_per_connection:
            await self._part("421 4.7.0 Too many messages in one connection, connect again")
        else:
            await super().smtp_MAIL(arg)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        if await self.check_helo_needed():
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
        elif arg:
            await self.push("501 5.5.4 Syntax: DATA")
        else:
            await self._receive(self.envelope)

    async def _receive(self, envelope: Envelope) -> None:
        self._receiving = True
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            self._reset_timeout(self._limits.data_timeout)
            with self._house.load.share() as share:
                content = await read_data(self._reader, self._limits.data_size_limit, share)
                self._messages += 1
                self.envelope = self._create_envelope()
                await self.push(await self._outcome(envelope, content, share))
        finally:
            self._receiving = False
        if self._leaving:
            await self._part("421 4.3.2 Closing, try again later")

    async def _outcome(self, envelope: Envelope, content: bytes | None, share: Share) -> str:
        if share.refused:
            return "452 4.3.1 Too much mail at once, try again later"
        if content is None:
            return "552 5.3.4 Message is larger than the limit"
        sender = _sender(envelope.mail_from)
        return await self._house.doorkeeper.deliver(content, sender, tuple(envelope.rcpt_tos))

    def leave(self) -> None:
        """Ends the conversation: at once, or after the message that is on its way."""
        self._leaving = True
        if not self._receiving and self.transport is not None:
            self._flush()
            self._writer.write(b"421 4.3.2 Closing, try again later\r\n")
            self.transport.close()

    def abort(self) -> None:
        """Drops the connection: the peer keeps what he had not heard "received" for."""
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, TLSSetupException):
            log.info("email: a peer could not agree on TLS")
            return ""  # never said: the library closes the connection
        return self._house.doorkeeper.failed(error)

    async def _call_handler_hook(self, command: str, *args: object) -> object:
        envelope = self.envelope
        if envelope is None or command not in {"MAIL", "RCPT"}:
            return MISSING
        address = str(args[0])
        if command == "MAIL":
            status = self._house.doorkeeper.mail_from(_sender(address), self._peer)
            if status.startswith("250"):
                envelope.mail_from = address
        else:
            status = self._house.doorkeeper.mail_for(address, len(envelope.rcpt_tos))
            if status.startswith("250"):
                envelope.rcpt_tos.append(address)
        return status

    async def _part(self, status: str) -> None:
        if self.transport is not None:
            self._flush()
            await super().push(status)
            self.transport.close()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        # The library's grammar costs as much as the rest of the command; plain paths need none of it.
        match = _PATH.match(arg)
        address, rest = (match[1], match[2] or "") if match else super()._getaddr(arg)
        return _readable(address), rest


def _readable(address: str | None) -> str | None:
    """None for one with control characters. What is no UTF-8, which nothing could store, becomes U+FFFD."""
    if address is None or _CONTROL.search(address):
        return None
    if address.isascii():
        return address
    # The library keeps such bytes as halves of surrogate pairs.
    return address.encode(errors="surrogateescape").decode(errors="replace")


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.info("email: a peer was lost: %s", type(error).__name__)


def _sender(address: str | None) -> str:
    return "" if address is None or address == "<>" else address


def _host(peername: object) -> str:
    return str(peername[0]) if isinstance(peername, tuple) and peername else "local"

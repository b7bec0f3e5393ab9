"""The mail door: customers' letters come in by SMTP and are acknowledged once they are stored."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from channels.base import Accept
from channels.email.letters import Envelope, LetterReader, tell_fault
from channels.email.limits import Load
from channels.email.mailboxes import Mailboxes, split_address
from channels.email.settings import EmailSettings
from channels.email.smtp import Conversation, House
from channels.email.token import AddressToken
from channels.email.trust import SenderTrust
from crm.errors import AgainLater, BadInput
from crm.record import Clock, now
from router.limits import Crowd, Pace

log = logging.getLogger(__name__)

_LATER = "451 4.3.0 Cannot take the message now, try again later"


class EmailSource:
    """Listens for SMTP. `port` is the real one while it listens (settings may ask for any free one)."""

    channel = "email"

    def __init__(
        self,
        settings: EmailSettings,
        *,
        token: AddressToken,
        trust: SenderTrust | None = None,
        clock: Clock = now,
    ) -> None:
        if not settings.addresses and not settings.domains:
            raise BadInput("name at least one address or domain that is ours", field="addresses")
        self._settings = settings
        self._clock = clock
        self._tls = _tls_context(settings)
        self._letters = LetterReader(token, trust)
        self.port = settings.port

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        # The library logs commands, which hold customers' addresses.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        settings, loop = self._settings, asyncio.get_running_loop()
        talking: set[Conversation] = set()
        house = House(
            doorkeeper=_Doorkeeper(settings, accept, self._letters, clock=self._clock),
            settings=settings,
            hostname=settings.hostname or _own_name(settings),
            tls=self._tls,
            crowd=Crowd(settings.connections, settings.connections_per_peer),
            load=Load(settings.memory_limit),
            talking=talking,
        )
        converse = partial(Conversation, house, loop=loop)
        server = await loop.create_server(converse, settings.host, settings.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await _finish(talking, settings.closing_timeout)


async def _finish(talking: Iterable[Conversation], patience: float) -> None:
    """Says good-bye to everybody; who is handing a message over may finish it within `patience` seconds."""
    conversations = list(talking)
    tasks = {conversation.task for conversation in conversations if conversation.task}
    for conversation in conversations:
        conversation.leave()
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=patience)
    if late:
        log.warning("email: %d conversations cut off at closing", len(late))
        for conversation in conversations:
            conversation.abort()
        await asyncio.wait(late)


class _Doorkeeper:
    """Answers for every conversation of one door."""

    def __init__(
        self, settings: EmailSettings, accept: Accept, letters: LetterReader, *, clock: Clock
    ) -> None:
        self._recipients = settings.recipients_per_message
        self._accept = accept
        self._letters = letters
        self._clock = clock
        self._ours = Mailboxes(settings.addresses, settings.domains)
        self._pace = Pace(settings.sender_messages_per_minute)

    def mail_from(self, sender: str, peer: str) -> str:
        who = sender.lower() or f"<> {peer}"
        if not self._pace.allows(who, asyncio.get_running_loop().time()):
            return "450 4.7.1 Too many messages from this sender, try again in a minute"
        return "250 2.1.0 OK"

    def mail_for(self, recipient: str, others: int) -> str:
        if recipient not in self._ours:
            return "550 5.1.1 No such mailbox here"
        if others >= self._recipients:
            return "452 4.5.3 Too many recipients"
        return "250 2.1.5 OK"

    async def deliver(self, content: bytes, sender: str, recipients: tuple[str, ...]) -> str:
        arrival = await self._letters.read(content, Envelope(sender, recipients), self._clock())
        try:
            await self._accept(arrival)
        except AgainLater as error:
            log.info("email: not stored, the peer keeps it: %s", type(error).__name__)
            return _LATER
        return "250 2.0.0 Received"

    def failed(self, error: Exception) -> str:
        tell_fault(error)
        return _LATER


def _own_name(settings: EmailSettings) -> str:
    if settings.addresses:
        return split_address(settings.addresses[0])[1]
    return settings.domains[0]


def _tls_context(settings: EmailSettings) -> ssl.SSLContext | None:
    if not settings.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key or None)
    except (OSError, ssl.SSLError) as error:
        raise BadInput("the certificate or its key cannot be read as PEM", field="tls_certificate") from error
    return context

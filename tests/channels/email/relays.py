"""A relay to send through: the library's own server, which can be told to refuse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from channels.email.outlet import EmailOutlet
from channels.email.settings import RelaySettings
from crm.contact import Address, Contact, contact_id
from tests.channels.email.peers import MOMENT, OURS, TOKEN


class Relay:
    """What it took, and what it is to say instead of "yes"."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.sessions: list[Session] = []
        self.servers: list[SMTP] = []
        self.at_recipient: dict[str, str] = {}
        self.at_data = ""
        self.port = 0

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.at_recipient:
            return self.at_recipient[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.at_data:
            return self.at_data
        self.taken.append(envelope)
        self.sessions.append(session)
        return f"250 2.0.0 Ok: queued as ID{len(self.taken)}"

    def content(self, index: int = -1) -> bytes:
        """The message as it came."""
        content = self.taken[index].original_content
        assert content is not None
        return content

    def drop_connections(self) -> None:
        """Closes what the clients keep, as a relay does that is restarted."""
        for server in self.servers:
            if server.transport is not None:
                server.transport.close()


def _nobody_may(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    return AuthResult(success=False, handled=False)


@asynccontextmanager
async def a_relay() -> AsyncIterator[Relay]:
    """A relay on a free port."""
    relay = Relay()
    loop = asyncio.get_running_loop()

    def serve() -> SMTP:
        server = SMTP(
            relay,
            hostname="relay",
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=_nobody_may,
            loop=loop,
        )
        relay.servers.append(server)
        return server

    server = await loop.create_server(serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.drop_connections()
        await asyncio.sleep(0)


@asynccontextmanager
async def an_outlet(port: int, **settings: object) -> AsyncIterator[EmailOutlet]:
    """An outlet that sends as `help@example.com` through that port."""
    given = RelaySettings(**{"mailbox": OURS, "port": port, "timeout": 5, **settings})  # type: ignore[arg-type]
    async with EmailOutlet(given, token=TOKEN).open() as outlet:
        yield outlet


def an_answer(new_id: str = "00ff11", *, to: str = "ivan@example.org", **fields: object) -> Contact:
    """A stored outbound contact of case `0a1b`."""
    key = f"{new_id}@example.com"
    given: dict[str, object] = {
        "id": contact_id("email", key),
        "channel": "email",
        "key": key,
        "direction": "outbound",
        "received_at": MOMENT,
        "sender": Address(kind="email", value=OURS),
        "recipients": (Address(kind="email", value=to, name="Иван Петров"),),
        "subject": "Re: Нет интернета",
        "text": "Мастер придёт в среду.",
        "case_id": "0a1b",
        **fields,
    }
    return Contact(**given)  # type: ignore[arg-type]

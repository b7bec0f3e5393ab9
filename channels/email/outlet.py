"""Sends answers by e-mail through a relay."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from channels.base import Reply
from channels.email.mailboxes import split_address
from channels.email.settings import RelaySettings
from channels.email.token import AddressToken
from channels.email.writing import Envelope, wire_address, write_email
from crm.errors import DeliveryDelayed, DeliveryError, DeliveryFailed

log = logging.getLogger(__name__)

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_QUEUED = re.compile(r"queued as ([\w.-]+)", re.IGNORECASE)
_LONGEST_ID = "0" * 32
_GOODBYE = 2.0  # seconds for the relay to hear QUIT


class EmailOutlet:
    """Submits one message an answer; connections are kept a moment for the next one."""

    channel = "email"

    def __init__(self, settings: RelaySettings, *, token: AddressToken) -> None:
        self._settings = settings
        self._token = token
        local, self._domain = split_address(settings.mailbox)
        self._mailbox = f"{local}@{self._domain}"
        token.make(self._mailbox, "case", _LONGEST_ID)  # a mailbox too long for a tag must not start
        self._room = asyncio.Semaphore(settings.connections)
        self._idle: dict[SMTP, asyncio.TimerHandle] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[EmailOutlet]:
        """The outlet; connections that wait for more are ended with it."""
        try:
            yield self
        finally:
            for client in list(self._idle):
                self._idle.pop(client).cancel()
                with suppress(SMTPException, OSError, TimeoutError):
                    await client.quit(timeout=_GOODBYE)
                client.close()

    def key_for(self, new_id: str) -> str:
        return f"{new_id}@{self._domain}"

    async def deliver(self, reply: Reply) -> str:
        contact = reply.contact
        recipients = [
            wire_address(address.value) for address in contact.recipients if address.kind == "email"
        ]
        if not recipients:
            raise DeliveryFailed("the answer has no e-mail address")
        tagged = (
            self._token.make(self._mailbox, "case", contact.case_id) if contact.case_id else self._mailbox
        )
        message = write_email(
            contact, reply.blobs, Envelope(self._mailbox, self._settings.sender_name, reply_to=tagged)
        )
        # What a program writes by itself has no way back (RFC 3834, 3.3): two of them would talk for ever.
        bounces_to = self._token.make(self._mailbox, "bounce", contact.key.partition("@")[0])
        sender = "" if contact.automatic else bounces_to
        async with self._room, self._connection() as client:
            return await _submit(client, sender, recipients, message) or contact.key

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[SMTP]:
        client = await self._reused() or await self._connected()
        try:
            yield client
        except DeliveryError:
            self._keep(client)
            raise
        except BaseException:
            client.close()
            raise
        self._keep(client)

    async def _reused(self) -> SMTP | None:
        """A connection that waited and still answers."""
        while self._idle:
            client, timer = self._idle.popitem()
            timer.cancel()
            try:
                await client.rset()
            except (SMTPException, OSError, TimeoutError):
                client.close()
            else:
                return client
        return None

    async def _connected(self) -> SMTP:
        settings = self._settings
        client = SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=settings.hostname or self._domain,
            timeout=settings.timeout,
            use_tls=settings.tls,
            start_tls=None if settings.tls else settings.starttls,
            validate_certs=settings.verify,
            username=settings.user or None,
            password=settings.password or None,
        )
        try:
            await client.connect()
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            client.close()
            # Whatever the relay says before it heard of a letter is for the operator to mend.
            refused = isinstance(error, SMTPAuthenticationError)
            log.warning("email: relay unreachable: %s", type(error).__name__)
            raise DeliveryDelayed(
                "the relay refuses us" if refused else "the relay cannot be reached"
            ) from error
        return client

    def _keep(self, client: SMTP) -> None:
        if not client.is_connected:
            return

        def close() -> None:
            self._idle.pop(client, None)
            client.close()

        self._idle[client] = asyncio.get_running_loop().call_later(self._settings.idle_timeout, close)


async def _submit(client: SMTP, sender: str, recipients: list[str], message: bytes) -> str:
    """Hands the message over; the relay's queue id, if it says one."""
    options = [] if all(map(str.isascii, recipients)) else ["SMTPUTF8"]
    try:
        refused, said = await client.sendmail(sender, recipients, message, mail_options=options)
    except SMTPRecipientsRefused as error:
        raise _refusal([(one.code, one.message) for one in error.recipients]) from error
    except SMTPNotSupported as error:
        raise DeliveryFailed("the relay takes no addresses outside ASCII") from error
    except SMTPResponseException as error:
        raise _refusal([(error.code, error.message)]) from error
    except ValueError as error:
        raise DeliveryFailed("the recipient's address is not a mailbox") from error
    except (SMTPException, OSError, TimeoutError) as error:
        client.close()
        raise DeliveryDelayed("the relay was lost while it took the letter") from error
    if refused:
        codes = ", ".join(sorted({_code(code, text) for code, text in refused.values()}))
        raise DeliveryFailed(f"refused for {len(refused)} of {len(recipients)} recipients: {codes}")
    queued = _QUEUED.search(said)
    return queued[1] if queued else ""


def _refusal(answers: list[tuple[int, str]]) -> DeliveryError:
    """The relay's no. Its words may quote the customer: only the codes are kept."""
    codes = ", ".join(sorted({_code(code, text) for code, text in answers}))
    if any(code < 500 for code, _ in answers):
        return DeliveryDelayed(f"the relay asks to wait: {codes}")
    return DeliveryFailed(f"the relay refused it: {codes}")


def _code(code: int, text: str) -> str:
    enhanced = _ENHANCED.match(text)
    return f"{code} {enhanced[1]}" if enhanced else str(code)

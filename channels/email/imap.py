"""One connection to a mailbox: a blocking IMAP client in a thread of its own, asked from the loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from typing import NamedTuple, TypeVar

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, IMAPClientAbortError, IMAPClientError, LoginError

from channels.email.settings import MailboxSettings

T = TypeVar("T")

WINDOW = 50_000
"""Numbers asked about at once: a server with a million letters must answer in a line the library takes."""

_HEADERS_LIMIT = 256 * 1024
_CONNECT = 15.0


class MailboxError(Exception):
    """The mailbox did not do what it was asked. The message is for the operator: no words of a customer."""


class Lost(MailboxError):
    """The connection is gone, or never was."""


class Refused(MailboxError):
    """The server says no and stays."""


class NotLetIn(MailboxError):
    """The server does not take our password."""


class Folder(NamedTuple):
    """A folder as it was opened: its numbers hold as long as `validity` is the same."""

    validity: int
    next_number: int


class Waiting(NamedTuple):
    """A letter that is there: its number, its size in bytes, and when it came into the mailbox."""

    number: int
    size: int
    arrived: datetime | None


class MailboxLine:
    """What we ask of a mailbox. Nothing changes its letters but `mark_seen`, `move` and `delete`."""

    def __init__(self, client: IMAPClient, thread: ThreadPoolExecutor) -> None:
        self._client = client
        self._thread = thread
        self._can: frozenset[str] = frozenset()

    async def sign_in(self, settings: MailboxSettings, access_token: str) -> None:
        """Raises `NotLetIn`, or `Lost`."""

        def sign_in(client: IMAPClient) -> frozenset[str]:
            if access_token:
                client.oauth2_login(settings.user, access_token)
            else:
                client.login(settings.user, settings.password)
            return frozenset(name.decode("ascii", "replace").upper() for name in client.capabilities())

        self._can = await self._ask(sign_in)

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of new letters by itself (RFC 2177)."""
        return "IDLE" in self._can

    async def open_folder(self, name: str, *, read_only: bool) -> Folder:
        """Select it. Raises `Refused` where there is none."""

        def select(client: IMAPClient) -> Folder:
            said = client.select_folder(name, readonly=read_only)
            return Folder(int(said[b"UIDVALIDITY"]), int(said.get(b"UIDNEXT", 0)))

        return await self._ask(select)

    async def have_folder(self, name: str) -> None:
        """Make it unless it is there."""

        def make(client: IMAPClient) -> None:
            if not client.folder_exists(name):
                client.create_folder(name)

        await self._ask(make)

    async def find(self, first: int, last: int | None, since: date | None) -> list[int]:
        """Numbers of the letters in this range (`last` None: to the end) that came since that day."""
        criteria: list[object] = ["UID", f"{first}:{'*' if last is None else last}"]
        if since:
            criteria += ["SINCE", since]

        def search(client: IMAPClient) -> list[int]:
            # `n:*` names the last letter even where its number is below n (RFC 3501, 6.4.8).
            return sorted(int(number) for number in client.search(criteria) if number >= first)

        return await self._ask(search)

    async def look(self, numbers: Collection[int]) -> list[Waiting]:
        """Size and time of those that are still there."""

        def fetch(client: IMAPClient) -> list[Waiting]:
            found = client.fetch(list(numbers), ["RFC822.SIZE", "INTERNALDATE"])
            return [
                Waiting(int(number), int(data.get(b"RFC822.SIZE", 0)), _utc(data.get(b"INTERNALDATE")))
                for number, data in sorted(found.items())
                if number in numbers
            ]

        return await self._ask(fetch)

    async def read(self, numbers: Collection[int]) -> dict[int, bytes]:
        """The letters whole, without marking them as seen; those that are gone are left out."""
        return await self._read(numbers, "BODY.PEEK[]")

    async def read_headers(self, number: int) -> bytes:
        """The headers of one, as far as they are of a sane length; empty when it is gone."""
        found = await self._read([number], f"BODY.PEEK[HEADER]<0.{_HEADERS_LIMIT}>")
        return found.get(number, b"")

    async def _read(self, numbers: Collection[int], what: str) -> dict[int, bytes]:
        def fetch(client: IMAPClient) -> dict[int, bytes]:
            read = {}
            for number, data in client.fetch(list(numbers), [what]).items():
                bodies = [
                    value
                    for name, value in data.items()
                    if name.startswith(b"BODY[") and isinstance(value, bytes)
                ]
                if bodies and number in numbers:
                    read[int(number)] = bodies[0]
            return read

        return await self._ask(fetch)

    async def mark_seen(self, numbers: Iterable[int]) -> None:
        """For those who look at the mailbox with a program of their own."""
        await self._ask(lambda client: client.add_flags(list(numbers), [b"\\Seen"], silent=True))

    async def move(self, numbers: Iterable[int], folder: str) -> None:
        """Into that folder; by copy and removal where the server cannot move (RFC 6851)."""
        chosen = list(numbers)
        if "MOVE" in self._can:
            await self._ask(lambda client: client.move(chosen, folder))
        else:
            await self._ask(lambda client: client.copy(chosen, folder))
            await self.delete(chosen)

    async def delete(self, numbers: Iterable[int]) -> None:
        """For good; without UIDPLUS only by a mark: a plain EXPUNGE would end what others marked too."""
        chosen = list(numbers)
        await self._ask(lambda client: client.delete_messages(chosen, silent=True))
        if "UIDPLUS" in self._can:
            await self._ask(lambda client: client.uid_expunge(chosen))

    async def settle(self) -> None:
        """Hear what happened meanwhile, and that the server is there."""
        await self._ask(lambda client: client.noop())

    async def wait_for_news(self, patience: float) -> None:
        """Until the server tells of something, or so many seconds (fewer than 29 minutes) have passed."""

        def idle(client: IMAPClient) -> None:
            if _was_told(client):
                return
            client.idle()
            try:
                client.idle_check(timeout=patience)
            finally:
                client.idle_done()

        await self._ask(idle)

    async def _ask(self, question: Callable[[IMAPClient], T]) -> T:
        return await _in_thread(self._thread, lambda: question(self._client))


@asynccontextmanager
async def open_line(settings: MailboxSettings, access_token: str = "") -> AsyncIterator[MailboxLine]:
    """A connection, signed in. Raises `Lost` or `NotLetIn`; leaving it cuts off what it is waiting for."""
    # The library logs commands, which hold passwords and addresses.
    logging.getLogger("imapclient").setLevel(logging.CRITICAL)
    thread = ThreadPoolExecutor(1, thread_name_prefix="mailbox")
    opened: list[IMAPClient] = []
    try:
        client = await _in_thread(thread, lambda: _connect(settings, opened))
        line = MailboxLine(client, thread)
        await line.sign_in(settings, access_token)
        yield line
    finally:
        for client in opened:
            _cut(client)
        # Behind what the thread is at: that may be a connection which is just being made.
        thread.submit(_close, opened)
        thread.shutdown(wait=False)


def _connect(settings: MailboxSettings, opened: list[IMAPClient]) -> IMAPClient:
    implicit = settings.tls == "implicit"
    context = None if settings.tls == "none" else _tls_context(settings)
    port = settings.port or (993 if implicit else 143)
    patience = SocketTimeout(_CONNECT, settings.timeout)
    client = IMAPClient(settings.host, port, ssl=implicit, ssl_context=context, timeout=patience)
    client.normalise_times = False  # aware times, not this machine's
    opened.append(client)
    if settings.tls == "starttls":
        client.starttls(context)
    return client


def _tls_context(settings: MailboxSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _in_thread(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Run it there; what the library raises becomes what we say. Its words may quote the customer."""
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
    except LoginError as error:
        raise NotLetIn("the server does not accept the user or the password") from error
    except ssl.SSLCertVerificationError as error:
        raise Lost(f"the server's certificate cannot be trusted: {error.verify_message}") from error
    except CapabilityError as error:
        raise Lost("the server does not offer what is set up, such as STARTTLS") from error
    except IMAPClientAbortError as error:
        raise Lost("the connection was lost") from error
    except IMAPClientError as error:
        raise Refused("the server refused a command") from error
    except (TimeoutError, ssl.SSLError) as error:
        raise Lost("the server does not answer as it should") from error
    except OSError as error:
        raise Lost(error.strerror or "the server cannot be reached") from error
    except (ValueError, KeyError, AttributeError) as error:
        raise Lost("the server says what cannot be understood") from error


def _cut(client: IMAPClient) -> None:
    """End the connection under whoever waits on it in the thread: closing alone would not wake him."""
    with suppress(OSError):
        socket.socket.shutdown(_socket(client), socket.SHUT_RDWR)


def _close(clients: Iterable[IMAPClient]) -> None:
    for client in clients:
        with suppress(OSError):
            client.shutdown()


def _socket(client: IMAPClient) -> socket.socket:
    found = client.socket()
    assert isinstance(found, socket.socket)  # noqa: S101 - the library has no types of its own
    return found


def _was_told(client: IMAPClient) -> bool:
    """Whether the server told of new letters beside its answers so far: in IDLE it would not tell again."""
    _, told = client.noop()
    _, kept = client._imap.response("EXISTS")  # the library hands these over nowhere else
    return any(kept) or any(len(one) > 1 and one[1] == b"EXISTS" for one in told)


def _utc(moment: object) -> datetime | None:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else None

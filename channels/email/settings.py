"""What the operator sets for e-mail: the door customers write to, mailboxes, the relay answers leave by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from channels.email.mailboxes import is_domain, is_mailbox
from crm.wrong import Wrong

Count = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Host = Annotated[str, msgspec.Meta(min_length=1)]

_ADDRESS = "expected a mail address such as help@example.com"
_NAME = "expected the name of a domain such as example.com"


class EmailSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The door. `addresses` are whole mailboxes of ours, `domains` are ours whatever stands before the @."""

    addresses: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    host: Host = "127.0.0.1"
    port: Port = 2525
    hostname: str = ""  # what we call ourselves; empty: the domain of the first address
    data_size_limit: Count = 25 * 1024 * 1024
    memory_limit: Count = 512 * 1024 * 1024  # of all messages that are being handed in at once
    tls_certificate: str = ""  # path of a PEM chain; STARTTLS is offered where it is set
    tls_key: str = ""  # path of its PEM key; empty: it is in the same file
    authserv_ids: tuple[str, ...] = ()  # names under which servers of ours write Authentication-Results
    authserv_hops: Annotated[int, msgspec.Meta(ge=0, le=20)] = 1  # Received lines those servers write
    verify_dkim: bool = True  # by ourselves, where no server of ours wrote results
    connections: Count = 500
    connections_per_peer: Count = 100
    messages_per_connection: Count = 1000
    errors_per_connection: Count = 20
    recipients_per_message: Count = 100
    sender_messages_per_minute: Count = 60
    command_timeout: Seconds = 300
    data_timeout: Seconds = 600
    closing_timeout: Seconds = 20  # how long messages already on their way may take when we stop

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        if not self.addresses and not self.domains:
            yield Wrong("addresses", "expected at least one address or domain that is ours")
        for number, address in enumerate(self.addresses):
            if not is_mailbox(address):
                yield Wrong(f"addresses[{number}]", f"{_ADDRESS}, got {address!r}")
        yield from _no_domains("domains", self.domains)
        yield from _no_domains("authserv_ids", self.authserv_ids)
        if self.hostname and not is_domain(self.hostname):
            yield Wrong("hostname", f"{_NAME}, got {self.hostname!r}")
        if self.tls_key and not self.tls_certificate:
            yield Wrong("tls_certificate", "expected, since tls_key is set")
        if self.memory_limit < self.data_size_limit:
            yield Wrong("memory_limit", "expected at least data_size_limit")


class RelaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The relay. `mailbox` is whom customers see; its domain is also the right side of our Message-IDs."""

    mailbox: str
    sender_name: str = ""
    host: Host = "127.0.0.1"
    port: Port = 25
    tls: bool = False  # TLS from the first byte (port 465)
    starttls: bool | None = None  # None: where the relay offers it
    verify: bool = True  # the relay's certificate
    user: str = ""
    password: str = ""
    hostname: str = ""  # what we call ourselves; empty: the domain of the mailbox
    timeout: Seconds = 60
    idle_timeout: Seconds = 5  # how long a connection waits for the next answer
    connections: Count = 4

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        if not is_mailbox(self.mailbox):
            yield Wrong("mailbox", f"{_ADDRESS}, got {self.mailbox!r}")
        if self.hostname and not is_domain(self.hostname):
            yield Wrong("hostname", f"{_NAME}, got {self.hostname!r}")
        if self.tls and self.starttls:
            yield Wrong("starttls", "expected nothing or false, since tls is set")
        if self.user and not self.password:
            yield Wrong("password", "expected, since user is set: here or in ONEWINDOW_RELAY_PASSWORD")


class MailboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mailbox at a provider, read by IMAP: one of any number."""

    user: str
    host: Host
    port: Port = 0  # 0: 993, or 143 where TLS does not begin with the first byte
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    verify: bool = True  # the server's certificate
    ca_file: str = ""  # PEM of who signed it, where this machine does not know him
    password: str = ""
    password_variable: str = ""  # the variable of the environment that holds the password
    password_file: str = ""  # the file that holds it on its first line
    oauth_token_url: str = ""  # where access tokens come from (XOAUTH2): then there is no password
    oauth_client_id: str = ""
    oauth_client_secret: str = ""
    oauth_refresh_token: str = ""
    folders: tuple[str, ...] = ("INBOX",)
    afterwards: Literal["leave", "seen", "move", "delete"] = "leave"
    move_to: str = ""  # the folder that letters are moved to once they are stored
    since: date | None = None  # letters that came to the mailbox before this day are left alone
    size_limit: Count = 25 * 1024 * 1024  # of a larger letter only the headers are taken
    authserv_ids: tuple[str, ...] = ()  # names under which the provider writes Authentication-Results
    authserv_hops: Annotated[int, msgspec.Meta(ge=0, le=20)] = 1  # Received lines that the provider writes
    verify_dkim: bool = True
    idle_seconds: Annotated[float, msgspec.Meta(ge=1, le=1740)] = 540  # how long one IDLE lasts (RFC 2177)
    poll_seconds: Seconds = 60  # between two looks where the server has no IDLE
    timeout: Seconds = 60

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        if not self.user:
            yield Wrong("user", "expected the name to sign in with, as a rule the mail address")
        if not self.folders or not all(self.folders):
            yield Wrong("folders", "expected names of folders, such as INBOX")
        yield from _no_domains("authserv_ids", self.authserv_ids)
        if self.afterwards == "move" and not self.move_to:
            yield Wrong("move_to", "expected the name of a folder, since afterwards is move")
        if self.move_to in self.folders:
            yield Wrong("move_to", "expected another folder than those that are read")
        if self.oauth_token_url:
            if not self.oauth_token_url.startswith("https://"):
                yield Wrong("oauth_token_url", "expected an address that begins with https://")
            for name in ("oauth_client_id", "oauth_refresh_token"):
                if not getattr(self, name):
                    yield Wrong(name, "expected, since oauth_token_url is set")
        elif not self.password:
            yield Wrong("password", "expected here, or named by password_variable or password_file")


def _no_domains(setting: str, names: tuple[str, ...]) -> Iterator[Wrong]:
    for number, name in enumerate(names):
        if not is_domain(name):
            yield Wrong(f"{setting}[{number}]", f"{_NAME}, got {name!r}")

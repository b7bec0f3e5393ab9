"""What the operator sets for e-mail: the door customers write to and the relay answers leave through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

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
        for number, domain in enumerate(self.domains):
            if not is_domain(domain):
                yield Wrong(f"domains[{number}]", f"{_NAME}, got {domain!r}")
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

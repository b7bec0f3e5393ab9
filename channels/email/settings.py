"""What the operator sets for e-mail: the door customers write to and the relay answers leave through."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class EmailSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The door. `addresses` are whole mailboxes of ours, `domains` are ours whatever stands before the @."""

    addresses: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    host: str = "127.0.0.1"
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


class RelaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The relay. `mailbox` is whom customers see; its domain is also the right side of our Message-IDs."""

    mailbox: str
    sender_name: str = ""
    host: str = "127.0.0.1"
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

"""Who really calls: which network is believed to say so, and what a site calls itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from crm.wrong import Wrong

Network = IPv4Network | IPv6Network

_NAME = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_ORIGIN = re.compile(rf"(https?)://(?:{_NAME}(?:\.{_NAME})*|\[[0-9a-f:.]{{2,45}}\])(:[1-9][0-9]{{0,4}})?")

LONGEST = 45
"""Characters of an address (an IPv6 one that ends in an IPv4 one)."""


def read_networks(networks: Iterable[str]) -> tuple[Network, ...]:
    """The networks as they are written, such as `10.0.0.0/8`. Raises `ValueError` naming the wrong one."""
    return tuple(ip_network(network) for network in networks)


def wrong_networks(networks: Iterable[str], field: str) -> Iterator[Wrong]:
    """Those that are none, each as the field of a setting."""
    for number, network in enumerate(networks):
        try:
            ip_network(network)
        except ValueError:
            yield Wrong(f"{field}[{number}]", f"expected a network such as 10.0.0.0/8, got {network!r}")


def is_origin(text: str) -> bool:
    """Whether it is a site as browsers name it (RFC 6454): they leave out a port that goes without saying."""
    match = _ORIGIN.fullmatch(text)
    return match is not None and (match[1], match[2]) not in (("http", ":80"), ("https", ":443"))


def nearest_stranger(remote: str, forwarded: Iterable[str], trusted: tuple[Network, ...]) -> str:
    """The nearest address that is no proxy of ours; what strangers put before it is not believed.

    `remote` is who is connected, `forwarded` the values of X-Forwarded-For, each proxy's word last.
    """
    said = ",".join(forwarded).split(",")
    address = remote
    while said and is_in(address, trusted):
        address = said.pop().strip() or address
    return address[:LONGEST]


def is_in(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether the address is in one of them; an IPv4 one may come as IPv6 (`::ffff:10.0.0.1`)."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in network for network in networks if network.version == ip.version)

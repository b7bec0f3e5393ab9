"""Who really calls, when proxies of ours stand between him and us."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

LONGEST = 45
"""Characters of an address (an IPv6 one that ends in an IPv4 one)."""


def read_networks(networks: Iterable[str]) -> tuple[Network, ...]:
    """The networks as they are written, such as `10.0.0.0/8`. Raises `ValueError` naming the wrong one."""
    return tuple(ip_network(network) for network in networks)


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

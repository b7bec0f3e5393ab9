"""How much one visitor, and everybody behind one address, may ask of the chat."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

from channels.chat.token import visitor_of
from crm.errors import BadInput

Network = IPv4Network | IPv6Network


class Crowd:
    """Who is connected: so many at once in all, and so many from one place."""

    def __init__(self, total: int, per_peer: int) -> None:
        self._total = total
        self._per_peer = per_peer
        self._inside = 0
        self._peers: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        """Whether there is room; if so the peer is counted until he leaves."""
        if self._inside >= self._total or self._peers[peer] >= self._per_peer:
            return False
        self._inside += 1
        self._peers[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """Somebody who had entered is gone."""
        self._inside -= 1
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]


class Pace:
    """How many messages a minute somebody may send; what he saved up is at most one minute's worth.

    Remembers the latest `memory` of them only, so that made-up visitors cannot fill the memory.
    """

    def __init__(self, per_minute: int, *, memory: int = 20_000) -> None:
        self._per_minute = per_minute
        self._memory = memory
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def delay(self, who: str, moment: float) -> float:
        """Counts one message at this moment (seconds of any steady clock); above 0, it must wait so long."""
        left, before = self._left.pop(who, (float(self._per_minute), moment))
        left = min(float(self._per_minute), left + (moment - before) * self._per_minute / 60)
        allowed = left >= 1
        self._left[who] = (left - 1 if allowed else left, moment)
        if len(self._left) > self._memory:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / self._per_minute


def read_networks(networks: Iterable[str]) -> tuple[Network, ...]:
    """The networks as written in the settings. Raises `BadInput`."""
    try:
        return tuple(ip_network(network) for network in networks)
    except ValueError as error:
        raise BadInput("expected networks such as 10.0.0.0/8", field="trusted_proxies") from error


def peer_of(request: web.Request, trusted: tuple[Network, ...]) -> str:
    """The nearest address that is no proxy of ours; what strangers put before it is not believed."""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    address = request.remote or ""
    while forwarded and _is_in(address, trusted):
        address = forwarded.pop().strip() or address
    return address[:45]


def bearer_of(request: web.Request) -> str:
    """Which visitor asks, by the token of his page."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    visitor = visitor_of(token) if scheme.lower() == "bearer" else ""
    if not visitor:
        raise web.HTTPUnauthorized(text="Expected a visitor's token.", headers={"WWW-Authenticate": "Bearer"})
    return visitor


def is_welcome(request: web.Request, allowed_origins: tuple[str, ...]) -> bool:
    """Whether a page of that origin may talk to us. A request without one comes from no browser's page."""
    origin = request.headers.get("Origin")
    if origin is None or "*" in allowed_origins or origin in allowed_origins:
        return True
    return origin.partition("://")[2] == request.host


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks if network.version == ip.version)

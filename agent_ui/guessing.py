"""Slows down who guesses passwords: each wrong try makes the next one wait longer."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

FORGET_AFTER = 3600.0
REMEMBERED = 10_000


class Patience(NamedTuple):
    """So many wrong tries are free; then the wait doubles from one second up to the longest."""

    free: int
    longest: float


PAIR = Patience(free=3, longest=300)
"""For one login from one network: somebody who forgot, or somebody who guesses him."""
NETWORK = Patience(free=30, longest=120)
"""For one network, whatever the login: an office behind one address, or a list of passwords."""
LOGIN = Patience(free=50, longest=30)
"""For one login from everywhere: a crowd of robots. The wait stays short, so that it cannot lock him out."""


class _Tries:
    """Wrong tries by key. Only so many keys are remembered: the oldest go first."""

    def __init__(self, patience: Patience, ticks: Callable[[], float]) -> None:
        self._patience = patience
        self._ticks = ticks
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        wrong, last = self._wrong.get(key, (0, 0.0))
        if wrong < self._patience.free:
            return 0.0
        # The exponent is held small: a million tries must not compute a number of a million digits.
        delay = min(2.0 ** min(wrong - self._patience.free, 30), self._patience.longest)
        return max(0.0, last + delay - self._ticks())

    def add(self, key: str) -> None:
        wrong, last = self._wrong.pop(key, (0, 0.0))
        if self._ticks() - last > FORGET_AFTER:
            wrong = 0
        self._wrong[key] = (wrong + 1, self._ticks())
        while len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)

    def forget(self, key: str) -> None:
        self._wrong.pop(key, None)


class Guesses:
    """Asked before a password is looked at; each process counts its own."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._pairs = _Tries(PAIR, ticks)
        self._networks = _Tries(NETWORK, ticks)
        self._logins = _Tries(LOGIN, ticks)

    def seconds_to_wait(self, login: str, ip: str) -> int:
        """0 when the next try may be made now."""
        login, network = _login(login), _network(ip)
        waits = (
            self._pairs.wait(f"{login} {network}"),
            self._networks.wait(network),
            self._logins.wait(login),
        )
        return math.ceil(max(waits))

    def was_wrong(self, login: str, ip: str) -> None:
        login, network = _login(login), _network(ip)
        self._pairs.add(f"{login} {network}")
        self._networks.add(network)
        self._logins.add(login)

    def was_right(self, login: str, ip: str) -> None:
        self._pairs.forget(f"{_login(login)} {_network(ip)}")


def _login(login: str) -> str:
    return login.strip().casefold()[:100]


def _network(ip: str) -> str:
    """An IPv6 customer has 2^64 addresses: they count as one."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    return str(address) if address.version == 4 else ":".join(address.exploded.split(":")[:4])

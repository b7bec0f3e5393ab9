"""How much one peer or sender may ask of the mail door."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager


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
    """How many messages a minute one sender may hand in; what he saved up is at most one minute's worth.

    Remembers the latest `memory` senders only, so that made-up senders cannot fill the memory.
    """

    def __init__(self, per_minute: int, *, memory: int = 10_000) -> None:
        self._per_minute = per_minute
        self._memory = memory
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, sender: str, moment: float) -> bool:
        """Counts one message of this sender at this moment (seconds of any steady clock)."""
        left, before = self._left.pop(sender, (float(self._per_minute), moment))
        left = min(float(self._per_minute), left + (moment - before) * self._per_minute / 60)
        allowed = left >= 1
        self._left[sender] = (left - 1 if allowed else left, moment)
        if len(self._left) > self._memory:
            self._left.popitem(last=False)
        return allowed


class Share:
    """What one message takes of the memory for all; `refused` once there was no room for it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.taken = 0
        self.refused = False

    def take(self, size: int) -> bool:
        """Whether there is room for so many bytes more."""
        if self.refused or self._load.free < size:
            self.refused = True
            return False
        self._load.free -= size
        self.taken += size
        return True


class Load:
    """Memory for messages that are being handed in, all together: many large ones must not sink us."""

    def __init__(self, limit: int) -> None:
        self.free = limit

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A share for one message; it is given back when the context ends."""
        share = Share(self)
        try:
            yield share
        finally:
            self.free += share.taken

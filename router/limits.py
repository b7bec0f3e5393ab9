"""How much one peer may ask of a door: so many at once, and so many a minute."""

from __future__ import annotations

from collections import Counter, OrderedDict


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
    """How much a minute somebody may send; what he saved up is at most one minute's worth.

    Remembers the latest `memory` of them only, so that made-up senders cannot fill the memory.
    """

    def __init__(self, per_minute: int, *, memory: int = 20_000) -> None:
        self._per_minute = per_minute
        self._memory = memory
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, who: str, moment: float) -> bool:
        """Counts one at this moment (seconds of any steady clock)."""
        return self.delay(who, moment) <= 0

    def delay(self, who: str, moment: float) -> float:
        """Counts one at this moment; above 0, it must wait so many seconds."""
        left, before = self._left.pop(who, (float(self._per_minute), moment))
        left = min(float(self._per_minute), left + (moment - before) * self._per_minute / 60)
        allowed = left >= 1
        self._left[who] = (left - 1 if allowed else left, moment)
        if len(self._left) > self._memory:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / self._per_minute

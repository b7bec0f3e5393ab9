"""How much memory the letters that are being handed in may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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

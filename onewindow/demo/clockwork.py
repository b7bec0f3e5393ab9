"""Virtual time: stories of many customers run beside each other, and eighteen months pass in seconds."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any


class Pause:
    """What a story awaits: it goes on at that moment."""

    def __init__(self, until: datetime) -> None:
        self.until = until

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


class Clockwork:
    """A clock that stands still while anybody acts, and then jumps to whoever acts next.

    Whatever stories await besides a `Pause` must not really wait: there is no event loop here.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._stories: list[tuple[datetime, int, Coroutine[Any, Any, None]]] = []
        self._begun = 0

    def __call__(self) -> datetime:
        return self.now

    def begin(self, at: datetime, story: Coroutine[Any, Any, None]) -> None:
        """Have the story begin at that moment."""
        self._begun += 1
        heappush(self._stories, (at, self._begun, story))

    def pass_time(self, seconds: float) -> None:
        """A little time goes by within an act."""
        self.now += timedelta(seconds=seconds)

    def run(self, until: datetime) -> None:
        """Let everything happen that happens until then; what would come later never does."""
        while self._stories:
            at, number, story = heappop(self._stories)
            if at > until:
                story.close()
                continue
            self.now = at
            try:
                pause = story.send(None)
            except StopIteration:
                continue
            if not isinstance(pause, Pause):
                raise TypeError("a story can only await a Pause: nothing here ever really waits")
            heappush(self._stories, (pause.until, number, story))
        self.now = until

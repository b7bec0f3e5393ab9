"""How the door fares as a whole: it is up when each of its parts is."""

from __future__ import annotations

from collections.abc import Sequence

from channels.base import Door


class State:
    """Parts tell how they fare, and nothing is said to the door before all of them have."""

    def __init__(self, door: Door, *, parts: Sequence[str]) -> None:
        self._door = door
        self._problems: dict[str, str | None] = dict.fromkeys(parts)  # None: not told yet; empty: none

    @property
    def is_good(self) -> bool:
        """Whether all is well."""
        return not any(problem is None or problem for problem in self._problems.values())

    def good(self, part: str) -> None:
        """This part works."""
        self._told(part, "")

    def bad(self, part: str, problem: str) -> None:
        """This part does not; why, to the operator."""
        self._told(part, problem)

    def _told(self, part: str, problem: str) -> None:
        self._problems[part] = problem
        problems = [told for told in self._problems.values() if told]
        if problems:
            self._door.down("; ".join(problems))
        elif self.is_good:
            self._door.up()

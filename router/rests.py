"""Who lets offers run out in front of his eyes is left alone for a while: most likely he is not there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

FIRST = timedelta(minutes=5)
LONGEST = timedelta(hours=1)
"""No rest is longer: as long as somebody is ready, nobody waits for ever."""


class _Rest(NamedTuple):
    until: datetime
    length: timedelta


class Rests:
    """Rests of agents. Each missed offer doubles the next rest; doing anything with a case ends it."""

    def __init__(self) -> None:
        self._rests: dict[str, _Rest] = {}

    def missed(self, employee_id: str, at: datetime) -> None:
        """He let an offer run out. Offers that ran out together count once."""
        rest = self._rests.get(employee_id)
        if rest and at < rest.until:
            return
        length = min(2 * rest.length, LONGEST) if rest else FIRST
        self._rests[employee_id] = _Rest(at + length, length)

    def is_back(self, employee_id: str) -> None:
        """He did something, so he is there."""
        self._rests.pop(employee_id, None)

    def rests(self, employee_id: str, at: datetime) -> bool:
        """Whether nothing is offered to him just now."""
        rest = self._rests.get(employee_id)
        return rest is not None and at < rest.until

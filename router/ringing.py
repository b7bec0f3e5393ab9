"""Whose telephone rings now, and who calls him: known from events alone, gone when the call is."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from crm.record import Clock
from router.live import Event, Live

LONGEST_RING = timedelta(minutes=5)
LONGEST_TALK = timedelta(hours=4)
"""After that the end was not heard: the exchange's line may have been cut."""


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """A call at one employee's telephone. `number` is as the exchange gave it; empty: the caller hid it."""

    contact_id: str
    employee_id: str
    number: str
    name: str
    since: datetime
    talking: bool = False


class Ringing:
    """The telephones that ring or talk, by employee."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rings: dict[tuple[str, str], Ring] = {}

    async def listen(self, live: Live) -> None:
        """For ever. What happened while nobody listened is not known: no card is better than a wrong one."""
        while True:
            async with live.subscribe(wants=lambda event: event.kind == "ringing") as events:
                if events.reset:
                    self._rings.clear()
                async for event in events:
                    self.hear(event)

    def hear(self, event: Event) -> None:
        """One event of the kind `ringing`."""
        place = (event.employee_id, event.contact_id)
        state = event.data.get("state")
        if state == "gone":
            self._rings.pop(place, None)
            return
        self._rings[place] = Ring(
            contact_id=event.contact_id,
            employee_id=event.employee_id,
            number=event.data.get("from", ""),
            name=event.data.get("name", ""),
            since=event.at,
            talking=state == "talking",
        )

    def at(self, employee_id: str) -> list[Ring]:
        """Calls at his telephone, the latest first."""
        now = self._clock()
        for place, ring in list(self._rings.items()):
            if now - ring.since > (LONGEST_TALK if ring.talking else LONGEST_RING):
                del self._rings[place]
        mine = [ring for ring in self._rings.values() if ring.employee_id == employee_id]
        return sorted(mine, key=lambda ring: ring.since, reverse=True)

"""The pulse: connections that say nothing are asked whether they live, and those that do not are let go.

One task for all of them: a timer for each would cost every connection memory, and every frame time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic

from channels.chat.room import GOING_AWAY, Room


async def feel_pulse(room: Room, *, ping_after: float, closed_after: float) -> None:
    """For ever."""
    while True:
        await asyncio.sleep(ping_after / 3)
        moment = monotonic()
        for tab in [tab for visitor in room.visitors.values() for tab in visitor.tabs]:
            silence = moment - tab.heard
            if silence > closed_after:
                room.send_away(tab, GOING_AWAY)
            elif silence > ping_after:
                with suppress(ConnectionResetError):
                    await tab.wire.ping()

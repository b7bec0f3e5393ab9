"""The pulse: connections that say nothing are asked whether they live, and those that do not are let go.

One task for all of them: a timer for each would cost every connection memory, and every frame time.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from aiohttp import WSCloseCode

from channels.chat.room import Room


async def feel_pulse(room: Room, *, ping_after: float, closed_after: float) -> None:
    """For ever."""
    while True:
        await asyncio.sleep(ping_after / 3)
        moment = monotonic()
        for tab in [tab for visitor in room.visitors.values() for tab in visitor.tabs]:
            silence = moment - tab.heard
            if silence > closed_after:
                room.send_away(tab, WSCloseCode.GOING_AWAY)
            elif silence > ping_after:
                await tab.wire.ask()

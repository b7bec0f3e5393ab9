"""Events of the house that visitors feel: each wakes only those whom it concerns."""

from __future__ import annotations

from channels.chat.protocol import visitor_of_key
from channels.chat.room import Room
from router.live import Event, Live


async def watch(live: Live, room: Room) -> None:
    """Tell the room what happens, for as long as it is open."""
    while True:
        async with live.subscribe() as events:
            room.wake_all()  # what happened while nobody watched
            async for event in events:
                notice(room, event)


def notice(room: Room, event: Event) -> None:
    """One event."""
    if event.kind == "contact" and event.channel == "chat":
        _contact(room, event)


def _contact(room: Room, event: Event) -> None:
    key = event.contact_id.partition(":")[2]
    visitor = room.visitors.get(event.data.get("to") or visitor_of_key(key))
    if visitor is None:
        return
    if event.contact_id in visitor.expected:
        visitor.expected.discard(event.contact_id)
    else:
        room.wake(visitor, event.case_id)

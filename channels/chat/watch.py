"""Events of the house that visitors feel: each touches only those whom it concerns."""

from __future__ import annotations

from channels.chat.border import report
from channels.chat.contacts import visitor_of_key
from channels.chat.protocol import Typing
from channels.chat.room import Room
from channels.chat.usher import Usher
from router.live import Event, Live


class Watch:
    """Turns events into hints for the room and the usher."""

    def __init__(self, live: Live, room: Room, usher: Usher) -> None:
        self._live = live
        self._room = room
        self._usher = usher

    async def keep(self) -> None:
        """Keep watch for ever."""
        while True:
            async with self._live.subscribe(wants=_concerns_visitors) as events:
                self._room.wake_all()  # for what happened while nobody watched
                async for event in events:
                    try:
                        self._notice(event)
                    except Exception as error:  # noqa: BLE001 - a bug of ours must not end everybody's talk
                        report(error, f"hearing of a {event.kind}")

    def _notice(self, event: Event) -> None:
        match event.kind:
            case "contact":
                self._contact(event)
            case "case":
                self._case(event)
            case "viewing":
                self._agent_types(event)
            case "presence":
                for visitor in self._room.talking.values():
                    if visitor.standing.employee_id == event.employee_id:
                        self._usher.look_at(visitor)
            case _:
                pass  # not for visitors

    def _case(self, event: Event) -> None:
        if visitor := self._room.talking.get(event.case_id):
            self._usher.look_at(visitor)
        if event.data.get("state") != "queued":
            self._usher.queue_moved()

    def _contact(self, event: Event) -> None:
        key = event.contact_id.partition(":")[2]
        visitor = self._room.visitors.get(event.data.get("to") or visitor_of_key(key))
        if visitor is None:
            return
        if event.case_id != visitor.case_id:
            self._usher.look_at(visitor)  # the event that opened the case may come before he is known there
        if event.contact_id in visitor.expected:
            visitor.expected.discard(event.contact_id)
        else:
            self._room.wake(visitor, event.case_id)

    def _agent_types(self, event: Event) -> None:
        """Only of the agent who answers: a colleague who writes a note is no news to the visitor."""
        visitor = self._room.talking.get(event.case_id)
        if visitor and event.employee_id == visitor.standing.employee_id:
            self._room.tell(visitor, Typing(on=event.data.get("doing") == "typing"))


def _concerns_visitors(event: Event) -> bool:
    if event.kind == "contact":
        return event.channel == "chat"
    return event.kind in ("case", "viewing", "presence")

"""The queue log: who came into which queue, who took him, and who gave up waiting."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from channels.phone.lines import BadLine, decode, read_count

NOBODYS = frozenset({"", "NONE", "REALTIME", "MANAGER", "CLI"})
"""What stands in place of a call's id where an event concerns no call."""

CONCERN_A_CALL = frozenset(
    {
        *("ENTERQUEUE", "CONNECT", "COMPLETEAGENT", "COMPLETECALLER", "ABANDON", "EXITWITHTIMEOUT"),
        *("EXITEMPTY", "EXITWITHKEY", "WITHDRAW", "RINGNOANSWER", "RINGCANCELED", "BLINDTRANSFER"),
        *("ATTENDEDTRANSFER", "TRANSFER", "AGENTDUMP", "SYSCOMPAT"),
    }
)
"""Everything else is about queues and agents: it is nobody's call."""

_EPOCH = re.compile(r"[0-9]{9,11}(\.[0-9]+)?")
_WAITS = {"ABANDON": 2, "EXITWITHTIMEOUT": 2, "EXITEMPTY": 2, "EXITWITHKEY": 3, "WITHDRAW": 2}
_HOLD_TALK = {"COMPLETEAGENT": 0, "COMPLETECALLER": 0, "ATTENDEDTRANSFER": 2, "BLINDTRANSFER": 2}


class QueueEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line that concerns a call. `waited` and `talked` are seconds, where the event tells them."""

    at: datetime
    call: str
    queue: str
    member: str
    event: str
    number: str = ""
    name: str = ""
    waited: int = 0
    talked: int = 0


def read_queue_event(raw: bytes) -> QueueEvent | None:
    """The event that a line tells of; None where it concerns no call. Raises `BadLine`."""
    parts = decode(raw).rstrip("\r").split("|")
    if len(parts) < 5:
        raise BadLine("expected time|call|queue|member|event and what belongs to it")
    written, call, queue, member, event, *data = parts
    if not _EPOCH.fullmatch(written):
        raise BadLine("time: expected seconds since 1970")
    if call in NOBODYS or event not in CONCERN_A_CALL:
        return None
    at = datetime.fromtimestamp(float(written), UTC)
    waited, talked = _seconds(event, data)
    entering = event == "ENTERQUEUE"
    return QueueEvent(
        at=at,
        call=call,
        queue="" if queue == "NONE" else queue,
        member="" if member == "NONE" else member,
        event=event,
        number=_at(data, 1) if entering else "",
        name=_at(data, 3) if entering else "",
        waited=waited,
        talked=talked,
    )


def _seconds(event: str, data: list[str]) -> tuple[int, int]:
    if event == "CONNECT":
        return read_count(_at(data, 0), "hold time"), 0
    if event in _WAITS:
        return read_count(_at(data, _WAITS[event]), "wait time"), 0
    if event in _HOLD_TALK:
        place = _HOLD_TALK[event]
        return read_count(_at(data, place), "hold time"), read_count(_at(data, place + 1), "talk time")
    return 0, 0


def _at(data: list[str], place: int) -> str:
    return data[place].strip() if place < len(data) else ""

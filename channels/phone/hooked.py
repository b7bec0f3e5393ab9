"""What another exchange says of a call, and what it makes of what we know of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from channels.phone.calls import BY_EAR, Call, combine, hidden, is_recording
from channels.signed import read_object
from crm.errors import BadInput

Short = Annotated[str, msgspec.Meta(max_length=200)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=7 * 24 * 3600)]


class Hooked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event. `call` is the exchange's own id of the call: the same in all its events."""

    event: Literal["started", "ringing", "answered", "ended", "recording"]
    call: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    at: datetime
    direction: Literal["inbound", "outbound"] = "inbound"
    number: Short = ""  # the customer's
    name: Short = ""
    line: Short = ""  # ours
    extension: Short = ""  # that rings, or took the call
    queue: Short = ""
    outcome: Literal["", "answered", "missed", "abandoned", "busy", "failed"] = ""
    waited: Seconds = 0
    talked: Seconds = 0
    recording: Annotated[str, msgspec.Meta(max_length=400)] = ""  # name of a file in our directory


def read_hooked(body: bytes) -> Hooked:
    """The event in a body. Raises `BadInput` naming the field."""
    hooked = read_object(body, Hooked)
    if hooked.at.tzinfo is None:
        raise BadInput(
            "at: expected a moment with its offset, such as 2026-03-02T12:30:00+03:00.", field="at"
        )
    if hooked.recording and not is_recording(hooked.recording):
        raise BadInput(
            "recording: expected the name of a file with sound, such as call.mp3.", field="recording"
        )
    return hooked


def call_after(before: Call | None, hooked: Hooked) -> Call:
    """The call as it is after this event; events may come twice, or one after a later one."""
    at = hooked.at.astimezone(UTC)
    over = hooked.event in ("ended", "recording")
    took = (hooked.extension,) if hooked.extension and hooked.event in ("answered", "ended") else ()
    if hooked.event == "ended" and hooked.outcome and hooked.outcome != "answered":
        took = ()
    answered = hooked.event == "answered"
    seen = Call(
        id=hooked.call,
        way=hooked.direction,
        number=hidden(hooked.number),
        name=hooked.name,
        line=hooked.line if hooked.direction == "inbound" else "",
        began=at,
        over=over,
        outcome="answered" if answered else hooked.outcome,
        times=BY_EAR if took or hooked.waited or hooked.talked else 0,
        waited=hooked.waited,
        talked=hooked.talked,
        took=took,
        queue=hooked.queue,
        recordings=(hooked.recording,) if hooked.recording else (),
    )
    whole = combine(before, seen) if before else seen
    if hooked.event == "ended" and not whole.outcome:
        # Nobody said that it was answered, and it is over.
        whole = msgspec.structs.replace(whole, outcome="answered" if whole.took else "missed")
    return whole

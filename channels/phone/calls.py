"""A call put together from its legs, whichever log tells of them, and the contact that it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

import msgspec

from channels.phone.cdr import Leg
from channels.phone.plan import Plan, Way, extension_of
from channels.phone.queue_log import QueueEvent
from crm.contact import Address, Contact, contact_id

Outcome = Literal["", "answered", "missed", "abandoned", "busy", "failed"]

RANKS: dict[Outcome, int] = {"": 0, "failed": 1, "busy": 2, "missed": 3, "abandoned": 4, "answered": 5}
"""Of two logs that disagree, the one that saw more is right: who was answered once, was answered."""

BY_CDR, BY_QUEUE, BY_EAR = 1, 2, 3
"""How well the times of a call are known: a CDR counts waits as talk, the manager heard it."""

RECORDED = (".wav", ".wav49", ".mp3", ".ogg", ".oga", ".opus", ".gsm", ".m4a", ".flac")

SUBJECTS: dict[str, dict[str, str]] = {
    "en": {
        "answered": "Phone call",
        "missed": "Missed call: call back",
        "abandoned": "Did not wait for an answer: call back",
        "busy": "Called while the line was busy: call back",
        "failed": "Could not get through: call back",
        "": "Phone call",
        "out": "Call to the customer",
    },
    "ru": {
        "answered": "Телефонный звонок",
        "missed": "Пропущенный звонок: перезвонить",
        "abandoned": "Не дождался ответа: перезвонить",
        "busy": "Звонил, было занято: перезвонить",
        "failed": "Не смог дозвониться: перезвонить",
        "": "Телефонный звонок",
        "out": "Звонок клиенту",
    },
}


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is known of one call. Two of the same call make one, in any order and any number of times."""

    id: str
    way: Way = ""
    number: str = ""  # the customer's, as the exchange gave it; empty: he hid it
    name: str = ""
    line: str = ""  # the number of ours that was called
    began: datetime
    over: bool = False
    outcome: Outcome = ""
    doubtful: bool = False  # it may be a queue that answered, not a person
    times: int = 0  # see BY_CDR
    waited: int = 0
    talked: int = 0
    took: tuple[str, ...] = ()  # telephones of ours that took it, one after another
    queue: str = ""
    words: str = ""  # that the exchange wrote on it
    recordings: tuple[str, ...] = ()


def combine(one: Call, other: Call) -> Call:
    """What both together know of the call."""
    surer = max(one, other, key=lambda call: (call.times, call.talked, call.waited, call.took))
    sure = [call for call in (one, other) if call.outcome and not call.doubtful] or [one, other]
    best = max(sure, key=lambda call: RANKS[call.outcome])
    return Call(
        id=one.id,
        way=_way(one.way, other.way),
        number=_fuller(one.number, other.number),
        name=_fuller(one.name, other.name),
        line=_fuller(one.line, other.line),
        began=min(one.began, other.began),
        over=one.over or other.over,
        outcome=best.outcome,
        doubtful=best.doubtful,
        times=surer.times,
        waited=surer.waited,
        talked=surer.talked,
        took=surer.took or one.took or other.took,
        queue=_fuller(one.queue, other.queue),
        words=_fuller(one.words, other.words),
        recordings=tuple(sorted({*one.recordings, *other.recordings})),
    )


def _way(one: Way, other: Way) -> Way:
    """A call that leads outside at one of its ends does so as a whole."""
    ranks: tuple[Way, ...] = ("", "internal", "outbound", "inbound")
    return max(one, other, key=ranks.index)


def _fuller(one: str, other: str) -> str:
    return max(one, other, key=lambda said: (len(said), said))


def call_of_legs(legs: Sequence[Leg], plan: Plan) -> Call:
    """The call that these legs of one call are, in whatever order they were written down."""
    legs = sorted(legs, key=lambda leg: (leg.start, leg.uniqueid != leg.call, leg.key))
    ways = {leg.key: plan.way_of(leg) for leg in legs}
    way: Way = "internal"
    for each in ways.values():
        way = _way(way, each)
    main = next((leg for leg in legs if ways[leg.key] == way), legs[0])
    took = [leg for leg in legs if leg.disposition == "ANSWERED" and leg.dstchannel]
    phones = [extension_of(leg.dstchannel if way != "outbound" else leg.channel) for leg in took]
    outcome = _outcome_of(legs, took, way)
    ended = max(leg.end for leg in legs)
    talked = max((leg.billsec for leg in took), default=0)
    lasted = round((ended - main.start).total_seconds())
    recordings = {leg.userfield for leg in legs if is_recording(leg.userfield)}
    words = [leg.userfield for leg in legs if leg.userfield and not is_recording(leg.userfield)]
    return Call(
        id=main.call,
        way=way,
        number=hidden(main.dst if way == "outbound" else main.src),
        name=main.name if way == "inbound" else "",
        line=hidden(main.dst) if way == "inbound" else "",
        began=min(leg.start for leg in legs),
        over=True,
        outcome=outcome,
        doubtful=outcome == "answered" and all(leg.lastapp == "Queue" for leg in took),
        times=BY_CDR,
        waited=max(0, lasted - talked) if way == "inbound" else 0,
        talked=talked,
        took=_in_a_row(phones),
        words=max(words, key=len, default=""),
        recordings=tuple(sorted(recordings)),
    )


def _outcome_of(legs: Sequence[Leg], took: Sequence[Leg], way: Way) -> Outcome:
    """An answer is a person's: what only a menu or a queue took was given up by who called."""
    if took:
        return "answered"
    dispositions = {leg.disposition for leg in legs}
    if "ANSWERED" in dispositions and way == "inbound":
        return "abandoned"
    if "NO ANSWER" in dispositions or way == "inbound":
        return "busy" if dispositions == {"BUSY"} else "missed"
    return "busy" if "BUSY" in dispositions else "failed"


def call_of_queue(events: Sequence[QueueEvent], plan: Plan) -> Call:
    """The call as the queues saw it."""
    events = sorted(events, key=lambda event: event.at)
    entered = next((event for event in events if event.event == "ENTERQUEUE"), None)
    connects = [event for event in events if event.event == "CONNECT"]
    last = events[-1]
    waits = [event.waited for event in events if event.waited]
    number = entered.number if entered else ""
    outcome: Outcome = "answered" if connects else ""
    if not connects:
        given_up = [event for event in events if event.event in _GIVEN_UP]
        outcome = "abandoned" if any(e.event == "ABANDON" for e in given_up) else "missed" if given_up else ""
    ours = plan.is_ours(number) if number else False
    return Call(
        id=last.call,
        way="internal" if ours else "inbound",
        number=hidden(number),
        name=entered.name if entered and entered.name != number else "",
        began=events[0].at - timedelta(seconds=0 if entered else max(waits, default=0)),
        over=any(event.event in _OVER for event in events),
        outcome=outcome,
        times=BY_QUEUE,
        waited=(connects[0].waited if connects else max(waits, default=0)),
        talked=sum(event.talked for event in events),
        took=_in_a_row([extension_of(event.member) for event in connects if event.member]),
        queue=next((event.queue for event in reversed(events) if event.queue), ""),
    )


_OVER = frozenset({"ABANDON", "COMPLETEAGENT", "COMPLETECALLER"})
_GIVEN_UP = frozenset({"ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY", "WITHDRAW", "AGENTDUMP"})


def is_recording(name: str) -> bool:
    """What the exchange wrote there is the name of a file with sound."""
    return name.lower().endswith(RECORDED)


def hidden(number: str) -> str:
    """The number; empty for what exchanges write where there is none."""
    written = number.strip()
    return "" if written.lower() in _NO_NUMBER else written[:64]


_NO_NUMBER = frozenset(
    {*("", "s", "h", "i", "t", "anonymous", "unknown", "restricted", "unavailable", "private"), "<unknown>"}
)


def _in_a_row(phones: Sequence[str]) -> tuple[str, ...]:
    """Each that took the call, without repeats one after another."""
    kept: list[str] = []
    for phone in phones:
        if phone and kept[-1:] != [phone]:
            kept.append(phone)
    return tuple(kept)


def contact_of(
    call: Call, *, exchange: str, language: str, employee_id: str = "", past: bool = False
) -> Contact:
    """The contact that the call is: one, whichever log told of it first. A `past` one is only history."""
    key = key_of(call.id, exchange)
    inbound = call.way != "outbound"
    customer = Address(kind="phone" if call.number else "unknown", value=call.number, name=call.name)
    ours = Address(kind="phone", value=call.line)
    fields = {
        "outcome": call.outcome,
        "exchange": exchange,
        "call": call.id,
        "over": "yes" if call.over else "",
        "doubtful": ("yes" if call.doubtful else "no") if call.outcome == "answered" else "",
        "times": str(call.times or ""),
        "waited": str(call.waited or ""),
        "took": ", ".join(call.took),
        "queue": call.queue,
        "line": call.line,
        "words": call.words,
        "talked": str(call.talked or ""),
        "past": "yes" if past else "",
        "recordings": "\n".join(call.recordings),
    }
    subjects = SUBJECTS[language]
    return Contact(
        id=contact_id("phone", key),
        channel="phone",
        key=key,
        direction="inbound" if inbound else "outbound",
        received_at=call.began,
        sender=customer if inbound else ours,
        recipients=(ours,) if inbound and call.line else () if inbound else (customer,),
        subject=subjects[call.outcome] if inbound else subjects["out"],
        text=call.words,
        duration=call.talked,
        fields={name: value for name, value in fields.items() if value},
        employee_id=employee_id if call.outcome == "answered" or not inbound else "",
    )


def amendment_of(contact: Contact, revision: int) -> Contact:
    """The same as what comes later to a contact that is stored; the same again has the same id."""
    said = msgspec.json.encode([contact.fields, contact.duration, contact.text, contact.employee_id])
    said += "".join(file.blob for file in contact.attachments).encode()
    key = f"{contact.key}+{sha256(said).hexdigest()[:16]}"
    return msgspec.structs.replace(
        contact,
        id=contact_id("phone", key),
        key=key,
        amends=contact.key,
        amending="add",
        revision=revision,
    )


def call_of_contact(contact: Contact) -> Call:
    """The call that a stored contact is: what other logs told of it before this process began."""
    inbound = contact.direction == "inbound"
    them = contact.sender if inbound else next(iter(contact.recipients), contact.sender)
    fields = contact.fields
    return Call(
        id=fields.get("call", ""),
        way=contact.direction,
        number=them.value,
        name=them.name,
        line=fields.get("line", ""),
        began=contact.received_at,
        over="over" in fields,
        outcome=_OUTCOMES.get(fields.get("outcome", ""), ""),
        doubtful=fields.get("doubtful") == "yes",
        times=int(fields.get("times", "0")),
        waited=int(fields.get("waited", "0")),
        talked=int(fields.get("talked", "0")),
        took=tuple(filter(None, fields.get("took", "").split(", "))),
        queue=fields.get("queue", ""),
        words=fields.get("words", ""),
        recordings=tuple(filter(None, fields.get("recordings", "").split("\n"))),
    )


_OUTCOMES: dict[str, Outcome] = {outcome: outcome for outcome in RANKS}


def key_of(call_id: str, exchange: str) -> str:
    """The key of a call on our channel: exchanges number theirs alike, so each has a name."""
    return f"{exchange}/{call_id}"[:300]

"""What the manager's events come to: which calls go on, whose telephone rings, who took it, what is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from channels.phone.ami import Message
from channels.phone.calls import BY_EAR, Call, Outcome, hidden
from channels.phone.moments import epoch_of
from channels.phone.plan import Plan, Way, extension_of

MOST_CHANNELS = 50_000
"""Beyond all exchanges: a manager that never tells of hangups must not fill the memory."""

UP, RINGING = "6", "5"

RECORDING_VARIABLES = frozenset({"MIXMONITOR_FILENAME", "MONITOR_FILENAME"})


class Rings(NamedTuple):
    """A telephone of ours rings, is taken (`talking`), or rings and talks no more (`gone`)."""

    call: Call
    phone: str
    state: str


class Told(NamedTuple):
    """A call came so far that its contact changes: it was taken, or is over."""

    call: Call


Heard = Rings | Told


@dataclass
class _Channel:
    """One end of a call. `up` tells that somebody, or a machine, is at it."""

    id: str
    name: str
    linked: str
    number: str = ""
    caller: str = ""
    exten: str = ""
    up: bool = False


@dataclass
class _Going:
    """A call that goes on."""

    id: str
    began: datetime
    ends: dict[str, None] = field(default_factory=dict)  # ids of channels
    main: str = ""  # the channel of who called
    machine: bool = False  # the caller was let in by a menu or a queue
    way: Way = ""
    number: str = ""
    name: str = ""
    line: str = ""
    ringing: dict[str, str] = field(default_factory=dict)  # telephone by channel
    rang: bool = False
    took: list[str] = field(default_factory=list)
    taken_at: datetime | None = None
    waited: int = 0
    talked: int = 0
    queue: str = ""
    outcome: Outcome = ""
    status: str = ""  # of the last dial
    recordings: dict[str, None] = field(default_factory=dict)
    over: bool = False


class Switchboard:
    """Pure: it is told of messages, and says what they mean. The same ones mean the same."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._channels: dict[str, _Channel] = {}
        self._calls: dict[str, _Going] = {}
        self._listed: set[str] = set()
        self._hears: dict[str, Callable[[Message, datetime], list[Heard]]] = {
            "newchannel": self._snapshot,
            "newstate": self._new_state,
            "newcallerid": self._snapshot,
            "newconnectedline": self._snapshot,
            "rename": self._renamed,
            "dialbegin": self._dial_begins,
            "dialend": self._dial_ends,
            "dial": self._dial_of_old,
            "bridgeenter": self._bridged,
            "bridge": self._bridged_of_old,
            "link": self._bridged_of_old,
            "queuecallerjoin": self._joined,
            "join": self._joined,
            "queuecallerabandon": self._abandoned,
            "agentconnect": self._agent_connects,
            "agentcomplete": self._agent_completes,
            "varset": self._variable,
            "hangup": self._hung_up,
            "coreshowchannel": self._listed_one,
            "coreshowchannelscomplete": self._listed_all,
        }

    def hear(self, message: Message, at: datetime) -> list[Heard]:
        """What the message means. One that this version of ours does not know means nothing."""
        hears = self._hears.get(message.event)
        return hears(message, at) if hears else []

    def forget(self) -> list[Heard]:
        """Nobody listens any more: whatever rings is not known to ring on."""
        heard: list[Heard] = []
        for going in self._calls.values():
            phones = {*going.ringing.values(), *going.took[-1:]}
            going.ringing.clear()
            heard += [Rings(_call(going), phone, "gone") for phone in sorted(phones)]
        return heard

    def _snapshot(self, message: Message, at: datetime) -> list[Heard]:
        self._channel(message, at)
        return []

    def _channel(self, message: Message, at: datetime, prefix: str = "") -> _Channel | None:
        """The channel that a message describes, known from now on."""
        id_ = message[f"{prefix}Uniqueid"]
        if not id_ or len(self._channels) > MOST_CHANNELS:
            return None
        name = message[f"{prefix}Channel"]
        linked = message[f"{prefix}Linkedid"]
        channel = self._channels.get(id_)
        if channel is None:
            channel = self._channels[id_] = _Channel(id_, name, linked or id_)
            self._put(channel, at)
        elif linked and linked != channel.linked:
            self._move(channel, linked, at)
        channel.name = name or channel.name
        number = hidden(message[f"{prefix}CallerIDNum"] or message[f"{prefix}CallerID"])
        channel.number = number or channel.number
        channel.caller = hidden(message[f"{prefix}CallerIDName"]) or channel.caller
        channel.exten = hidden(message.first(f"{prefix}Exten", f"{prefix}Extension")) or channel.exten
        channel.up = channel.up or message[f"{prefix}ChannelState"] == UP
        self._see_main(channel)
        return channel

    def _put(self, channel: _Channel, at: datetime) -> None:
        going = self._calls.get(channel.linked)
        if going is None:
            going = self._calls[channel.linked] = _Going(channel.linked, epoch_of(channel.linked) or at)
        going.ends[channel.id] = None
        if not going.main or channel.id == going.id:
            going.main = channel.id

    def _move(self, channel: _Channel, linked: str, at: datetime) -> None:
        """Two calls became one, as in a transfer: the older one goes on."""
        before = self._calls.get(channel.linked)
        channel.linked = linked
        if before:
            before.ends.pop(channel.id, None)
            if not before.ends:
                del self._calls[before.id]
        self._put(channel, at)

    def _see_main(self, channel: _Channel) -> None:
        going = self._calls.get(channel.linked)
        if going is None or going.main != channel.id:
            return
        going.machine = going.machine or channel.up
        if going.way == "outbound":
            return
        way = self._plan.way(channel=channel.name, peer="", source=channel.number, target=channel.exten)
        going.way = way
        if way == "inbound":
            going.number = channel.number
            going.name = "" if channel.caller == channel.number else channel.caller
            going.line = going.line or channel.exten
        elif way == "outbound":
            going.number = channel.exten

    def _new_state(self, message: Message, at: datetime) -> list[Heard]:
        channel = self._channel(message, at)
        going = self._calls.get(channel.linked) if channel else None
        if channel is None or going is None or channel.id == going.main:
            return []
        if message["ChannelState"] == RINGING:
            return self._rings(going, channel)
        return self._takes(going, channel, at) if channel.id in going.ringing and channel.up else []

    def _rings(self, going: _Going, channel: _Channel) -> list[Heard]:
        phone = extension_of(channel.name)
        if self._plan.leads_outside(channel.name) or going.way == "outbound":
            return self._leads_out(going, channel)
        already = phone in going.ringing.values() or channel.id in going.ringing
        going.ringing[channel.id] = phone
        going.rang = True
        return [] if already else [Rings(_call(going), phone, "ringing")]

    def _leads_out(self, going: _Going, channel: _Channel) -> list[Heard]:
        """A leg to the outside: of a call of ours, or of one that was passed on to somebody's mobile."""
        if going.way != "inbound":
            going.way = "outbound"
            main = self._channels.get(going.main)
            going.number = (main.exten if main else "") or going.number or channel.number
        going.ringing[channel.id] = extension_of(channel.name)
        return []

    def _takes(self, going: _Going, channel: _Channel, at: datetime) -> list[Heard]:
        phone = going.ringing.pop(channel.id, extension_of(channel.name))
        if going.way == "outbound":
            main = self._channels.get(going.main)
            phone = extension_of(main.name) if main else phone
        return self._taken(going, phone, at)

    def _taken(self, going: _Going, phone: str, at: datetime) -> list[Heard]:
        if going.took[-1:] == [phone]:
            return []
        going.took.append(phone)
        going.outcome = "answered"
        if going.taken_at is None:
            going.taken_at = at
            going.waited = going.waited or max(0, round((at - going.began).total_seconds()))
        for end in [end for end, rings in going.ringing.items() if rings == phone]:
            del going.ringing[end]
        return [Rings(_call(going), phone, "talking"), Told(_call(going))]

    def _quiet(self, going: _Going, end: str) -> list[Heard]:
        phone = going.ringing.pop(end, "")
        if not phone or phone in going.ringing.values() or phone in going.took:
            return []
        return [Rings(_call(going), phone, "gone")]

    def _dial_begins(self, message: Message, at: datetime) -> list[Heard]:
        caller = self._channel(message, at)
        called = self._channel(message, at, "Dest")
        going = self._calls.get(caller.linked if caller else called.linked if called else "")
        if called is None or going is None:
            return []
        if caller and called.linked != caller.linked:
            self._move(called, caller.linked, at)
        return self._rings(going, called)

    def _dial_ends(self, message: Message, at: datetime) -> list[Heard]:
        called = self._channel(message, at, "Dest")
        going = self._calls.get(called.linked) if called else None
        if called is None or going is None:
            return []
        going.status = message["DialStatus"]
        if going.status == "ANSWER":
            return self._takes(going, called, at) if called.id in going.ringing else []
        return self._quiet(going, called.id)

    def _dial_of_old(self, message: Message, at: datetime) -> list[Heard]:
        """Up to version 11: one event, whose ends have other names, and no common id."""
        caller = self._channels.get(message["UniqueID"])
        if message["SubEvent"].lower() != "begin":
            going = self._calls.get(caller.linked) if caller else None
            if going:
                going.status = message["DialStatus"] or going.status
            return []
        id_ = message["DestUniqueID"]
        if caller is None or not id_:
            return []
        called = self._channels.get(id_)
        if called is None:
            called = self._channels[id_] = _Channel(id_, message["Destination"], caller.linked)
            self._put(called, at)
        elif called.linked != caller.linked:
            self._move(called, caller.linked, at)
        return self._rings(self._calls[caller.linked], called)

    def _bridged(self, message: Message, at: datetime) -> list[Heard]:
        channel = self._channel(message, at)
        going = self._calls.get(channel.linked) if channel else None
        if channel is None or going is None or channel.id not in going.ringing:
            return []
        return self._takes(going, channel, at)

    def _bridged_of_old(self, message: Message, at: datetime) -> list[Heard]:
        heard: list[Heard] = []
        for id_ in (message["Uniqueid1"], message["Uniqueid2"]):
            channel = self._channels.get(id_)
            going = self._calls.get(channel.linked) if channel else None
            if channel and going and id_ in going.ringing:
                heard += self._takes(going, channel, at)
        return heard

    def _joined(self, message: Message, at: datetime) -> list[Heard]:
        if going := self._going(message, at):
            going.queue = message["Queue"]
            going.machine = True
        return []

    def _abandoned(self, message: Message, at: datetime) -> list[Heard]:
        going = self._going(message, at)
        if going and not going.took:
            going.outcome = "abandoned"
            going.waited = _seconds(message["HoldTime"])
        return []

    def _agent_connects(self, message: Message, at: datetime) -> list[Heard]:
        going = self._going(message, at)
        if going is None:
            return []
        going.queue = message["Queue"] or going.queue
        going.waited = _seconds(message["HoldTime"]) or going.waited
        phone = extension_of(message.first("Interface", "Member", "MemberName"))
        return self._taken(going, phone, at) if phone else []

    def _agent_completes(self, message: Message, at: datetime) -> list[Heard]:
        if going := self._going(message, at):
            going.talked += _seconds(message["TalkTime"])
        return []

    def _variable(self, message: Message, at: datetime) -> list[Heard]:
        going = self._going(message, at)
        if going and message["Variable"] in RECORDING_VARIABLES and message["Value"]:
            going.recordings[message["Value"][:400]] = None
        return []

    def _renamed(self, message: Message, _: datetime) -> list[Heard]:
        if channel := self._channels.get(message["Uniqueid"]):
            channel.name = message["Newname"] or channel.name
        return []

    def _going(self, message: Message, at: datetime) -> _Going | None:
        channel = self._channel(message, at)
        return self._calls.get(channel.linked) if channel else None

    def _hung_up(self, message: Message, at: datetime) -> list[Heard]:
        channel = self._channel(message, at)
        return self._ended(channel, at) if channel else []

    def _ended(self, channel: _Channel, at: datetime) -> list[Heard]:
        del self._channels[channel.id]
        going = self._calls.get(channel.linked)
        if going is None:
            return []
        heard = self._quiet(going, channel.id)
        going.ends.pop(channel.id, None)
        # Nobody took it, and who called is gone: what still rings will stop in a moment.
        given_up = channel.id == going.main and not going.took
        if going.ends and not (given_up and not going.over):
            return heard
        if not going.ends:
            del self._calls[going.id]
        if going.over:
            return heard
        going.over = True
        if going.taken_at and not going.talked:
            going.talked = max(0, round((at - going.taken_at).total_seconds()))
        elif not going.took:
            going.outcome = going.outcome or _why_not(going)
            going.waited = going.waited or max(0, round((at - going.began).total_seconds()))
        call = _call(going)
        phones = {*going.ringing.values(), *going.took}
        going.ringing.clear()
        return [*heard, *(Rings(call, phone, "gone") for phone in sorted(phones)), Told(call)]

    def _listed_one(self, message: Message, at: datetime) -> list[Heard]:
        """A channel that was there before we listened."""
        channel = self._channel(message, at)
        if channel is None:
            return []
        self._listed.add(channel.id)
        going = self._calls.get(channel.linked)
        if going is None or channel.id == going.main:
            return []
        if message["ChannelState"] == RINGING:
            return self._rings(going, channel)
        bridged = channel.up and bool(message.first("BridgeId", "BridgedUniqueID"))
        return self._takes(going, channel, at) if bridged and not going.took else []

    def _listed_all(self, _: Message, at: datetime) -> list[Heard]:
        """Those that are not listed are over: nobody told us when."""
        heard: list[Heard] = []
        for id_ in [id_ for id_ in self._channels if id_ not in self._listed]:
            heard += self._ended(self._channels[id_], at)
        self._listed.clear()
        return heard


def _why_not(going: _Going) -> Outcome:
    if going.way == "outbound":
        known: dict[str, Outcome] = {"BUSY": "busy", "CONGESTION": "failed", "CHANUNAVAIL": "failed"}
        return known.get(going.status, "missed")
    if going.queue or (going.machine and not going.rang):
        return "abandoned"
    return "busy" if going.status == "BUSY" else "missed"


def _call(going: _Going) -> Call:
    return Call(
        id=going.id,
        way=going.way,
        number=going.number,
        name=going.name,
        line=going.line if going.way == "inbound" else "",
        began=going.began,
        over=going.over,
        outcome=going.outcome,
        times=BY_EAR,
        waited=going.waited if going.way == "inbound" else 0,
        talked=going.talked,
        took=tuple(going.took),
        queue=going.queue,
        recordings=tuple(sorted(going.recordings)),
    )


def _seconds(written: str) -> int:
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 7 else 0

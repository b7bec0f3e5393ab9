"""What travels over a visitor's WebSocket: small JSON frames, each named by its `type`.

`seq` says where a message stands: growing within each case, and a later case has greater ones.
A page keeps the greatest `seq` of each case: those of `welcome.last`, then of every message and of
everything received. It gives them in the `hello` of its next connection, and lacks nothing from there on.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

from crm.errors import BadInput

NUMBERS = 1_000_000
"""More contacts than one case ever has."""

Seq = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""A page counts in doubles."""


class _Frame(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    tag=lambda name: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(),
):
    """A message of the WebSocket; its `type` is the name of its class."""


class Profile(_Frame, frozen=True, kw_only=True):
    """What the visitor says about himself. It proves nothing."""

    name: str = ""
    email: str = ""
    phone: str = ""


class Hello(_Frame, frozen=True, kw_only=True):
    """The first frame of a connection. `last` is the greatest `seq` seen of each case."""

    token: str = ""
    last: tuple[Seq, ...] = ()
    language: str = ""
    page: str = ""
    profile: Profile | None = None  # None: as he said before


class Say(_Frame, frozen=True, kw_only=True):
    """The visitor says something. The same `id` again is a resend."""

    id: str
    text: str


class LeaveMessage(_Frame, frozen=True, kw_only=True):
    """Nobody is there: the visitor leaves words and how to reach him."""

    id: str
    text: str
    name: str = ""
    email: str = ""
    phone: str = ""

    def profile(self) -> Profile:
        return Profile(name=self.name, email=self.email, phone=self.phone)


class Typing(_Frame, frozen=True, kw_only=True):
    """Somebody types, or stopped typing. Travels both ways."""

    on: bool


class Seen(_Frame, frozen=True, kw_only=True):
    """Everything of the case up to here was shown to the visitor."""

    seq: Seq


class Earlier(_Frame, frozen=True, kw_only=True):
    """What was said before here? `before` is what `welcome` or `past` gave as `earlier`."""

    before: Seq


class Ping(_Frame, frozen=True, kw_only=True):
    """Is anybody there? A page cannot send the WebSocket's own ping."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a message; `path` is where to fetch it, relative to the chat."""

    name: str
    mime: str
    size: int
    path: str


class Message(_Frame, frozen=True, kw_only=True):
    """Something was said. `id` is the visitor's own id of what he said himself."""

    seq: int
    id: str
    own: bool
    name: str
    text: str
    files: tuple[File, ...]
    at: datetime


class Queue(_Frame, frozen=True, kw_only=True):
    """Where the visitor stands: 1 is next, 0 no longer waiting. The wait is None where nobody can tell."""

    position: int
    wait_seconds: int | None = None


class Agent(_Frame, frozen=True, kw_only=True):
    """Who answers. No name: nobody yet."""

    name: str
    present: bool


class Hours(_Frame, frozen=True, kw_only=True):
    """Whether somebody answers now, and when somebody will."""

    open: bool
    opens_at: datetime | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one message may hold. File types are endings of names, without a dot; none of them: no files."""

    text: int
    file_size: int
    file_types: tuple[str, ...]


class Welcome(_Frame, frozen=True, kw_only=True):
    """The answer to `hello`. `token` is set when it is new: keep it, it is who the visitor is.

    `history` is what the page has not seen, in order; messages go on from there. To a page that has seen
    nothing, `earlier` tells where to ask for what was said before it; 0: nothing was.
    """

    visitor: str
    token: str
    last: tuple[int, ...]
    history: tuple[Message, ...]
    hours: Hours
    limits: Limits
    agent: Agent | None = None
    queue: Queue | None = None
    earlier: int = 0


class Past(_Frame, frozen=True, kw_only=True):
    """The answer to `earlier`: messages in order, and where to ask for those before them; 0: there are none.

    There may be none in it though there are earlier ones: each answer looks only so far.
    """

    history: tuple[Message, ...]
    earlier: int


class Received(_Frame, frozen=True, kw_only=True):
    """It is stored. `seq` is 0 where its place in the conversation is not known yet."""

    id: str
    seq: int
    at: datetime


class TryAgain(_Frame, frozen=True, kw_only=True):
    """It is not stored, and not the visitor's fault: send it again after so many seconds."""

    id: str
    after: float


class Refused(_Frame, frozen=True, kw_only=True):
    """It will never be stored as it is. `reason` is a code."""

    id: str
    reason: str


class Closed(_Frame, frozen=True, kw_only=True):
    """The case was closed. What the visitor says next is welcome all the same."""


class Error(_Frame, frozen=True, kw_only=True):
    """A frame made no sense. `reason` is a code, `expected` tells a programmer what would."""

    reason: str
    expected: str = ""


class Pong(_Frame, frozen=True, kw_only=True):
    """Somebody is there."""


ClientFrame = Hello | Say | LeaveMessage | Typing | Seen | Earlier | Profile | Ping
ServerFrame = (
    Welcome
    | Past
    | Received
    | TryAgain
    | Refused
    | Message
    | Typing
    | Queue
    | Agent
    | Hours
    | Closed
    | Error
    | Pong
)

_DECODER: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_ENCODER = msgspec.json.Encoder()


def read_frame(raw: bytes) -> ClientFrame:
    """A frame of the visitor's. Raises `BadInput`, whose message tells what was expected."""
    try:
        return _DECODER.decode(raw)
    except UnicodeDecodeError as error:
        raise BadInput("expected UTF-8") from error
    except msgspec.ValidationError as error:
        raise BadInput(str(error)) from error
    except msgspec.DecodeError as error:
        raise BadInput("expected one JSON object") from error


def write_frame(frame: ServerFrame) -> bytes:
    """The frame as it travels."""
    return _ENCODER.encode(frame)


class Place(NamedTuple):
    """Where a message stands: in which case, and which of its contacts it is."""

    case_id: str
    number: int


def seq_of(place: Place) -> int:
    """0 for what has no case yet."""
    return int(place.case_id) * NUMBERS + place.number if place.case_id else 0


def place_of(seq: int) -> Place:
    """The reverse of `seq_of`."""
    return Place(str(seq // NUMBERS), seq % NUMBERS)

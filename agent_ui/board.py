"""The supervisor's board: who waits, who works, what the last hour brought, and which doors are open."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple, cast, get_args

from aiohttp import web

from agent_ui.names import names_in_cases, read_names
from agent_ui.rooms import Rooms
from agent_ui.visit import Visit, get, post, read_form
from agent_ui.words import mark
from crm.dead_letter import DeadLetter
from crm.errors import NotFound
from router.behind import Number, What, find_cases_behind
from router.dead_letters import count_dead_letters, drop, list_dead_letters, replay, replay_all
from router.health import DoorHealth, read_health
from router.metrics import Board, ChannelLine, read_board

FRESH = timedelta(seconds=1)
"""How old the numbers may be: any number of walls then cost one reading a second."""

LETTERS_SHOWN = 50
CASES_SHOWN = 200

TITLES: dict[What, str] = {
    "waiting": mark("Waiting in the queue"),
    "offered": mark("Offered to an agent"),
    "in_work": mark("In work"),
    "open": mark("Open cases"),
    "held": mark("In hands"),
    "received": mark("Contacts received in the last hour"),
    "sent": mark("Answers sent in the last hour"),
    "answered": mark("First answered in the last hour"),
}


class ChannelDoors(NamedTuple):
    """A channel on the board: how its doors are, and its last hour. Of a channel no door need have told."""

    channel: str
    doors: tuple[DoorHealth, ...]
    hour: ChannelLine

    @property
    def last_contact(self) -> datetime | None:
        """The latest through any of its doors."""
        return max((door.last_contact for door in self.doors if door.last_contact), default=None)


class Wall(NamedTuple):
    """What the board shows at one moment."""

    board: Board
    channels: list[ChannelDoors]
    letters: list[DeadLetter]
    letters_waiting: int
    down: int


class Walls:
    """The latest reading, shared by everybody who looks."""

    def __init__(self) -> None:
        self._reading = asyncio.Lock()
        self._wall: Wall | None = None
        self._at: datetime | None = None

    async def read(self, rooms: Rooms, *, anew: bool = False) -> Wall:
        async with self._reading:
            at = rooms.clock()
            if anew or self._wall is None or self._at is None or not self._at <= at < self._at + FRESH:
                self._wall, self._at = await _read_wall(rooms), at
            return self._wall


WALLS = web.AppKey("WALLS", Walls)


async def show_board(visit: Visit) -> web.Response:
    return visit.page("board.html", **await _values(visit))


async def send_numbers(visit: Visit) -> web.Response:
    """The board without its frame, for the script that keeps it fresh."""
    return visit.fragment("board_numbers.html", **await _values(visit))


async def show_cases_behind(visit: Visit) -> web.Response:
    """The cases that a number of the board counts."""
    number = _read_number(visit)
    behind = await find_cases_behind(visit.rooms.store, number, clock=visit.rooms.clock, limit=CASES_SHOWN)
    names = await names_in_cases(visit.rooms.store, visit.speaker, behind.cases)
    agent = await read_names(visit.rooms.store, visit.speaker, employees=[number.employee_id])
    return visit.page(
        "board_cases.html",
        number=number,
        heading=TITLES[number.what],
        cases=behind.cases,
        more=behind.more,
        names=names,
        agent=agent.employee(number.employee_id) if number.employee_id else "",
    )


async def replay_letter(visit: Visit) -> web.Response:
    """Route one dead letter again, or lay it aside for good."""
    rooms, form = visit.rooms, await read_form(visit.request)
    id_ = form.text("id")
    if form.text("act") == "drop":
        await drop(rooms.store, rooms.live, id_, clock=rooms.clock)
        await _note(visit, "dead_letter.drop", id_)
    else:
        await replay(rooms.store, rooms.intake, id_)
        await _note(visit, "dead_letter.replay", id_)
    return visit.done("/board")


async def replay_letters(visit: Visit) -> web.Response:
    """Route all of them again, one after another; those that fail once more stay."""
    async for replayed in replay_all(visit.rooms.store, visit.rooms.intake):
        await _note(visit, "dead_letter.replay", replayed.letter.id)
    return visit.done("/board")


async def _values(visit: Visit) -> dict[str, object]:
    walls, anew = visit.request.app[WALLS], visit.request.query.get("anew") == "1"
    wall = await walls.read(visit.rooms, anew=anew)
    return {"wall": wall, "board": wall.board, "names": await read_names(visit.rooms.store, visit.speaker)}


async def _read_wall(rooms: Rooms) -> Wall:
    board, health, letters, waiting = await asyncio.gather(
        read_board(rooms.store, rooms.live, rooms.clock),
        read_health(rooms.store, rooms.doors),
        list_dead_letters(rooms.store, limit=LETTERS_SHOWN),
        count_dead_letters(rooms.store),
    )
    down = sum(door.state == "down" for door in health)
    return Wall(board, _channels(board, health), letters, waiting, down)


def _channels(board: Board, health: list[DoorHealth]) -> list[ChannelDoors]:
    """Channels with a door that is down first, then by how much came in."""
    hours = {line.channel: line for line in board.channels}
    channels = [
        ChannelDoors(
            channel,
            tuple(door for door in health if door.channel == channel),
            hours.get(channel) or ChannelLine(channel=channel),
        )
        for channel in {*hours, *(door.channel for door in health)}
    ]
    return sorted(
        channels,
        key=lambda line: (
            all(door.state == "up" for door in line.doors),
            -line.hour.received,
            line.channel,
        ),
    )


def _read_number(visit: Visit) -> Number:
    query = visit.request.query
    what = query.get("what", "")
    if what not in get_args(What):
        raise NotFound("There is no such number.", field="what")
    return Number(
        cast(What, what),
        department_id=query.get("department", "")[:64],
        employee_id=query.get("employee", "")[:64],
        channel=query.get("channel", "")[:64],
    )


async def _note(visit: Visit, what: str, id_: str) -> None:
    await visit.rooms.audit.record(
        what, by=visit.me, object_kind="dead_letter", object_id=id_, from_ip=visit.ip
    )


ROUTES = [
    get("/board", show_board, "supervisor"),
    get("/board/numbers", send_numbers, "supervisor"),
    get("/board/cases", show_cases_behind, "supervisor"),
    post("/board/dead-letters", replay_letter, "supervisor"),
    post("/board/dead-letters/all", replay_letters, "supervisor"),
]

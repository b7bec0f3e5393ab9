"""Live numbers: what the supervisor's board shows, for other systems."""

from __future__ import annotations

from aiohttp import web

from agent_ui.api.calls import Call, Operation, answer
from router.health import DoorHealth, read_health
from router.metrics import Board, read_board


async def read_metrics(call: Call) -> web.Response:
    """The board as it is now, and the health of the doors."""
    board = await read_board(call.rooms.store, call.rooms.live, call.rooms.clock)
    return answer(board)


async def read_doors(call: Call) -> web.Response:
    """Each door: up or down, since when, and its last contact."""
    return answer(await read_health(call.rooms.store, call.rooms.doors))


OPERATIONS = (
    Operation("GET", "/metrics", read_metrics, "Live numbers", Board),
    Operation("GET", "/doors", read_doors, "Health of the doors", list[DoorHealth]),
)

"""Puts the API together: one application of its own, with its own borders."""

from __future__ import annotations

import msgspec
from aiohttp import web

from agent_ui.api import cases, contacts, customers, metrics
from agent_ui.api.calls import PACES, Operation, Paces, entrance, tell_problems
from agent_ui.api.description import describe
from agent_ui.rooms import ROOMS, Rooms

OPERATIONS: tuple[Operation, ...] = (
    *contacts.OPERATIONS,
    *cases.OPERATIONS,
    *customers.OPERATIONS,
    *metrics.OPERATIONS,
)

ROOM_FOR_BASE64 = 4 / 3


def make_api(rooms: Rooms) -> web.Application:
    """What is mounted under /api/v1."""
    largest = int(rooms.settings.upload_bytes * ROOM_FOR_BASE64) + 1024 * 1024
    api = web.Application(middlewares=[tell_problems], client_max_size=largest)
    api[ROOMS] = rooms
    api[PACES] = Paces()
    api.on_response_prepare.append(_add_headers)
    document = msgspec.json.encode(describe(OPERATIONS, rooms.settings.product))

    async def show_description(_: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json")

    api.router.add_get("/openapi.json", show_description)
    for operation in OPERATIONS:
        api.router.add_route(operation.method, operation.path, entrance(operation))
    return api


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Customers' words stay in no cache, and nothing here is ever run by a browser."""
    response.headers["Server"] = "onewindow"
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

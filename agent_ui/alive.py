"""For whoever watches the process from outside: whether it lives, and whether it can take contacts."""

from __future__ import annotations

from aiohttp import web

from agent_ui.rooms import ROOMS
from crm.collections import DEPARTMENTS
from crm.errors import AgainLater


async def tell_health(_: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok"})


async def tell_readiness(request: web.Request) -> web.Response:
    """The store answers and intake has room."""
    rooms = request.app[ROOMS]
    try:
        await rooms.store.find(DEPARTMENTS, limit=1)
    except AgainLater:
        return web.json_response({"status": "store down"}, status=503)
    if rooms.intake.waiting >= rooms.intake.size:
        return web.json_response({"status": "intake full"}, status=503)
    return web.json_response({"status": "ok"})


ROUTES = (web.get("/health", tell_health), web.get("/ready", tell_readiness))

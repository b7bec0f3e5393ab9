"""The inbox: what waits for me, for my departments, and all that I may see."""

from __future__ import annotations

from aiohttp import web

from agent_ui.visit import Visit, get


async def go_to_inbox(_visit: Visit) -> web.Response:
    return web.Response(status=303, headers={"Location": "/inbox"})


async def show_inbox(visit: Visit) -> web.Response:
    return visit.page("inbox.html")


ROUTES = [get("/", go_to_inbox), get("/inbox", show_inbox)]

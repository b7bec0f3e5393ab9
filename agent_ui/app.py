"""Puts the pages together: what is open to everybody, what lies behind the sign-in, and the borders."""

from __future__ import annotations

from aiohttp import web

from agent_ui import (
    alive,
    assets,
    board,
    case,
    customer,
    desk,
    events,
    files,
    finding,
    inbox,
    me,
    ringing,
    sheets,
    signin,
    watching,
    working,
)
from agent_ui.admin.routes import ROUTES as ADMIN_ROUTES
from agent_ui.api.app import make_api
from agent_ui.borders import answer_errors
from agent_ui.headers import add_security_headers
from agent_ui.pages import PAGES, Pages
from agent_ui.rooms import ROOMS, Rooms
from agent_ui.visit import Route, behind_sign_in
from router.ringing import Ringing

BEHIND_SIGN_IN: tuple[Route, ...] = (
    *signin.ROUTES,
    *me.ROUTES,
    *inbox.ROUTES,
    *case.ROUTES,
    *working.ROUTES,
    *sheets.ROUTES,
    *watching.ROUTES,
    *files.ROUTES,
    *customer.ROUTES,
    *finding.ROUTES,
    *desk.ROUTES,
    *board.ROUTES,
    *ADMIN_ROUTES,
    *ringing.ROUTES,
    *events.ROUTES,
)


def make_app(rooms: Rooms) -> web.Application:
    """The pages as an application of their own; the doors that speak HTTP are mounted on it."""
    app = web.Application(middlewares=[answer_errors], client_max_size=rooms.settings.upload_bytes)
    app[ROOMS] = rooms
    app[PAGES] = Pages(rooms.settings.product)
    app[signin.GUESSES] = signin.new_guesses()
    app[events.WIRES] = events.Wires()
    app[board.WALLS] = board.Walls()
    app[ringing.RINGING] = Ringing(rooms.clock)
    app.cleanup_ctx.append(ringing.keep_ringing)
    app.on_shutdown.append(events.hang_up)
    app.on_response_prepare.append(add_security_headers)
    app.add_routes([*assets.ROUTES, *signin.PUBLIC_ROUTES, *alive.ROUTES])
    app.add_routes([behind_sign_in(route) for route in BEHIND_SIGN_IN])
    app.add_subapp("/api/v1", make_api(rooms))
    return app

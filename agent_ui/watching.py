"""Who else has a case open, and who is typing in it."""

from __future__ import annotations

from aiohttp import web

from agent_ui.names import read_names
from agent_ui.opening import enter_case
from agent_ui.visit import Visit, get, post, read_form


async def look(visit: Visit) -> web.Response:
    """The page says what its employee does in the case: looks, types, or left."""
    form, live = await read_form(visit.request), visit.rooms.live
    case_id, page = visit.request.match_info["case"], form.text("page")[:64]
    if form.text("doing") == "gone":
        await live.look_away(case_id, visit.me.id, page)
    else:
        await enter_case(visit, case_id)
        await live.look(case_id, visit.me.id, page, typing=form.text("doing") == "typing")
    return web.Response(status=204)


async def send_viewers(visit: Visit) -> web.Response:
    """The colleagues; he himself knows that he is here."""
    opened = await enter_case(visit, visit.request.match_info["case"])
    viewers = [
        one for one in await visit.rooms.live.viewers(opened.case.id) if one.employee_id != visit.me.id
    ]
    names = await read_names(
        visit.rooms.store, visit.speaker, employees=(viewer.employee_id for viewer in viewers)
    )
    return visit.fragment("viewers.html", viewers=viewers, names=names)


ROUTES = [post("/cases/{case}/look", look), get("/cases/{case}/viewers", send_viewers)]

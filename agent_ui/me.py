"""What an employee sets for himself: language, status, password, and where he is signed in."""

from __future__ import annotations

import msgspec
from aiohttp import web

from agent_ui.passwords import hash_in_thread, is_password
from agent_ui.sessions import end_all_sessions, is_open, open_sessions
from agent_ui.signin import read_next
from agent_ui.visit import Visit, get, post, read_form
from agent_ui.words import LANGUAGES, mark
from crm.collections import EMPLOYEES
from crm.employee import Employee
from crm.errors import BadInput
from crm.store import Replace


async def show_me(visit: Visit) -> web.Response:
    return await _show(visit)


async def set_language(visit: Visit) -> web.Response:
    form = await read_form(visit.request)
    language = form.text("language")
    if language not in LANGUAGES:
        raise BadInput(mark("Choose one of the languages."), field="language")
    await _change(visit, msgspec.structs.replace(visit.me, language=language))
    return visit.done(read_next(form.text("back")))


async def set_status(visit: Visit) -> web.Response:
    """Ready or away, on all his pages at once: each of them hears it as an event."""
    status = (await read_form(visit.request)).text("status")
    match status:
        case "ready" | "away":
            await visit.rooms.live.arrive(visit.me.id, "status", status)
            await visit.rooms.live.leave(visit.me.id, "status")
        case _:
            raise BadInput(mark("A status is ready or away."), field="status")
    return visit.done("/inbox")


async def change_password(visit: Visit) -> web.Response:
    """Asks the old one. The new one signs him out everywhere else."""
    form = await read_form(visit.request)
    old, new, again = (form.text(name) for name in ("old", "password", "again"))
    if not await is_password(old, visit.me.password_hash):
        raise BadInput(mark("This is not your password."), field="old")
    if new != again:
        raise BadInput(mark("The two new passwords differ."), field="again")
    await _change(visit, msgspec.structs.replace(visit.me, password_hash=await hash_in_thread(new)))
    await end_all_sessions(visit.rooms.store, visit.me.id, at=visit.rooms.clock(), but=visit.session.id)
    await visit.rooms.audit.record("password.change", by=visit.me, from_ip=visit.ip)
    return visit.done("/me")


async def say_present(_visit: Visit) -> web.Response:
    """Tells a script whether its browser is still signed in."""
    return web.Response(status=204)


async def _show(visit: Visit) -> web.Response:
    at, settings = visit.rooms.clock(), visit.rooms.settings
    sessions = await open_sessions(visit.rooms.store, visit.me.id, at=at)
    alive = [session for session in sessions if is_open(session, at=at, settings=settings)]
    return visit.page("me.html", sessions=alive, here=visit.session.id)


async def _change(visit: Visit, changed: Employee) -> None:
    await visit.rooms.store.commit([Replace(EMPLOYEES, changed)])


ROUTES = [
    get("/me", show_me),
    get("/me/present", say_present),
    post("/me/language", set_language),
    post("/me/status", set_status),
    post("/me/password", change_password),
]

"""Signing in and out."""

from __future__ import annotations

import logging
import re
import secrets
import time

import msgspec
from aiohttp import web

from agent_ui.callers import caller_ip, is_from_elsewhere
from agent_ui.guessing import Guesses
from agent_ui.pages import PAGES, html
from agent_ui.passwords import hash_in_thread, is_outdated, is_password
from agent_ui.rooms import ROOMS, Rooms
from agent_ui.sessions import end_all_sessions, end_session, find_guest, is_same, open_session
from agent_ui.visit import Visit, cookie_name, find_visitor, post, read_form, read_theme, speaker_for
from agent_ui.words import LANGUAGES, mark
from crm.collections import EMPLOYEES
from crm.employee import Employee
from crm.errors import Conflict, NotAllowed
from crm.store import Replace, equals

log = logging.getLogger(__name__)

GUESSES = web.AppKey("GUESSES", Guesses)
FORM_COOKIE = "onewindow-signin"
FORM_BYTES = 16 * 1024
"""Of the form, which anybody may send: that of an employee may hold files, and memory for them."""

_FORM_TOKEN = re.compile(r"[\w-]{32}", re.ASCII)
YEAR = 365 * 24 * 3600


def new_guesses() -> Guesses:
    return Guesses(time.monotonic)


async def show_sign_in(request: web.Request) -> web.Response:
    """The form. Who is signed in already goes on."""
    if await find_visitor(request):
        raise web.HTTPSeeOther(read_next(request.query.get("next", "")))
    return _form(request)


async def sign_in(request: web.Request) -> web.Response:
    rooms = request.app[ROOMS]
    form = await read_form(request.clone(client_max_size=FORM_BYTES))
    _require_own_form(request, form.text("token"))
    login, password = form.text("login").strip(), form.text("password")
    ip = caller_ip(request, rooms.settings.trusted_proxies)
    guesses = request.app[GUESSES]
    if wait := guesses.seconds_to_wait(login, ip):
        response = _form(request, login=login, wait=wait, status=429)
        response.headers["Retry-After"] = str(wait)
        return response
    # Counted before it is looked at, so that a volley of tries at once is no way around.
    guesses.was_wrong(login, ip)
    employee = await _find(rooms, login)
    right = await is_password(password, employee.password_hash if employee else "")
    if employee is None or not right:
        await _note(request, "session.refused", employee)
        return _form(request, login=login, wrong=True, status=401)
    guesses.was_right(login, ip)
    await _keep_hash_up_to_date(rooms, employee, password)
    return await _let_in(request, employee, read_next(form.text("next")))


async def sign_out(visit: Visit) -> web.Response:
    """Here, or in every browser."""
    rooms, form = visit.rooms, await read_form(visit.request)
    if form.text("everywhere"):
        await end_all_sessions(rooms.store, visit.me.id, at=rooms.clock())
        await _note(visit.request, "session.end_all", visit.me)
    else:
        await end_session(rooms.store, visit.session, at=rooms.clock())
        await _note(visit.request, "session.end", visit.me)
    log.info("employee %s signed out", visit.me.id)
    response = web.Response(status=303, headers={"Location": "/login", "Clear-Site-Data": '"cache"'})
    response.del_cookie(cookie_name(rooms), path="/", secure=rooms.settings.secure_cookies, httponly=True)
    return response


async def choose_language_here(request: web.Request) -> web.Response:
    """Another language for who has not signed in; no more than a cookie."""
    language = request.match_info["language"]
    if language not in LANGUAGES:
        raise web.HTTPNotFound
    response = web.Response(status=303, headers={"Location": "/login"})
    response.set_cookie("language", language, max_age=YEAR, samesite="Lax")
    return response


def read_next(wanted: str) -> str:
    """Where to go after signing in: a page of ours and nowhere else."""
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if ours and not wanted.startswith("/login") else "/inbox"


def _form(
    request: web.Request, *, login: str = "", wrong: bool = False, wait: int = 0, status: int = 200
) -> web.Response:
    own = request.cookies.get(FORM_COOKIE, "")
    token = own if _FORM_TOKEN.fullmatch(own) else secrets.token_urlsafe(24)
    values = {
        "login": login,
        "wrong": wrong,
        "wait": wait,
        "token": token,
        "next": request.query.get("next", ""),
        "theme": read_theme(request),
    }
    response = html(request.app[PAGES].render("login.html", speaker_for(request), values), status=status)
    secure = request.app[ROOMS].settings.secure_cookies
    response.set_cookie(FORM_COOKIE, token, httponly=True, samesite="Strict", secure=secure, path="/login")
    return response


def _require_own_form(request: web.Request, token: str) -> None:
    """Another site's form must not sign a browser in under a name of its choice."""
    own = request.cookies.get(FORM_COOKIE, "")
    if is_from_elsewhere(request, request.app[ROOMS].settings):
        raise NotAllowed(mark("This was sent from another site."))
    if not _FORM_TOKEN.fullmatch(own) or not is_same(own, token):
        raise NotAllowed(mark("The page is out of date: load it again."))


async def _find(rooms: Rooms, login: str) -> Employee | None:
    found = await rooms.store.find(EMPLOYEES, equals("login", login.casefold()), limit=1)
    return found[0] if found and found[0].active else None


async def _keep_hash_up_to_date(rooms: Rooms, employee: Employee, password: str) -> None:
    if not is_outdated(employee.password_hash):
        return
    hashed = await hash_in_thread(password)
    try:
        changed = msgspec.structs.replace(employee, password_hash=hashed)
        await rooms.store.commit([Replace(EMPLOYEES, changed)])
    except Conflict:
        log.info("employee %s was changed meanwhile: his hash waits for the next sign-in", employee.id)


async def _let_in(request: web.Request, employee: Employee, to: str) -> web.Response:
    rooms, settings = request.app[ROOMS], request.app[ROOMS].settings
    name, at = cookie_name(rooms), rooms.clock()
    # A cookie from before signing in, whoever planted it, is worth nothing afterwards.
    if before := await find_guest(rooms.store, request.cookies.get(name, ""), at=at, settings=settings):
        await end_session(rooms.store, before.session, at=at)
    token = await open_session(rooms.store, employee, at=at, settings=settings)
    await _note(request, "session.begin", employee)
    log.info("employee %s signed in", employee.id)
    response = web.Response(status=303, headers={"Location": to})
    response.set_cookie(
        name,
        token,
        httponly=True,
        samesite="Lax",
        secure=settings.secure_cookies,
        path="/",
        max_age=settings.session_hours * 3600,
    )
    response.del_cookie(FORM_COOKIE, path="/login")
    return response


async def _note(request: web.Request, what: str, employee: Employee | None) -> None:
    """One line of the audit. A login that nobody has leaves none: it may be a password in the wrong field."""
    rooms = request.app[ROOMS]
    if employee:
        ip = caller_ip(request, rooms.settings.trusted_proxies)
        await rooms.audit.record(what, by=employee, from_ip=ip)


PUBLIC_ROUTES = [
    web.get("/login", show_sign_in),
    web.post("/login", sign_in),
    web.get("/login/{language}", choose_language_here),
]
ROUTES = [post("/logout", sign_out)]

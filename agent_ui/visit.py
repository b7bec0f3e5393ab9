"""One request of somebody who signed in, and what a handler needs to answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from aiohttp import web
from multidict import MultiMapping

from agent_ui.callers import caller_ip, is_from_elsewhere
from agent_ui.pages import PAGES, html
from agent_ui.rooms import ROOMS, Rooms
from agent_ui.sections import RANKS, sections_for
from agent_ui.sessions import Guest, find_guest, is_token_of
from agent_ui.speaker import Speaker, read_zone
from agent_ui.words import choose_language, mark, words_in
from crm.employee import Employee, Role, Session
from crm.errors import BadInput, NotAllowed

Theme = Literal["", "light", "dark"]


class SignInFirst(Exception):
    """Nobody is signed in: the page of signing in is what he gets."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, in which language, with the rooms at hand."""

    request: web.Request
    rooms: Rooms
    me: Employee
    session: Session
    speaker: Speaker
    seq: str  # the event up to which whatever the handler reads is fresh

    @property
    def ip(self) -> str:
        return caller_ip(self.request, self.rooms.settings.trusted_proxies)

    @property
    def wants_fragment(self) -> bool:
        """A script of ours asks: it puts the answer into the page it has."""
        return is_fetch(self.request)

    def page(self, template: str, **values: object) -> web.Response:
        """A whole page inside the frame. It knows from which event on it must listen."""
        framed = {"sections": sections_for(self.me.role), **values}
        return html(self._render(template, framed))

    def fragment(self, template: str, **values: object) -> web.Response:
        """A part of a page, without the frame."""
        return html(self._render(template, values))

    def done(self, to: str) -> web.Response:
        """It was done. A form goes on to that page; a script already knows where it is."""
        if self.wants_fragment:
            return web.Response(status=204)
        return web.Response(status=303, headers={"Location": to})

    def _render(self, template: str, values: Mapping[str, object]) -> str:
        always = {
            "me": self.me,
            "csrf": self.session.csrf,
            "seq": self.seq,
            "path": self.request.path,
            "theme": read_theme(self.request),
        }
        return self.request.app[PAGES].render(template, self.speaker, {**always, **values})


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]


class Route:
    """An address behind the sign-in: its handler takes a `Visit`. Some are for higher ranks only."""

    def __init__(self, method: str, path: str, handler: Handler, role: Role = "agent") -> None:
        self.method = method
        self.path = path
        self.handler = handler
        self.role = role


def get(path: str, handler: Handler, role: Role = "agent") -> Route:
    return Route("GET", path, handler, role)


def post(path: str, handler: Handler, role: Role = "agent") -> Route:
    """What changes something: refused unless the form or the script carries the session's token."""
    return Route("POST", path, handler, role)


def behind_sign_in(route: Route) -> web.RouteDef:
    """The route as aiohttp takes it, with the checks before its handler."""

    async def enter(request: web.Request) -> web.StreamResponse:
        visit = await _welcome(request)
        if request.method not in ("GET", "HEAD"):
            await _require_own_page(visit)
        if RANKS[visit.me.role] < RANKS[route.role]:
            raise NotAllowed(mark("Your role does not allow this."))
        return await route.handler(visit)

    return web.route(route.method, route.path, enter)


def is_fetch(request: web.Request) -> bool:
    return request.headers.get("X-Requested-With") == "onewindow"


def cookie_name(rooms: Rooms) -> str:
    # The prefix makes browsers refuse the cookie from anything but this very host over TLS.
    return "__Host-onewindow" if rooms.settings.secure_cookies else "onewindow"


def read_theme(request: web.Request) -> Theme:
    match request.cookies.get("theme"):
        case "light" | "dark" as theme:
            return theme
        case _:
            return ""


SPEAKER = web.RequestKey("SPEAKER", Speaker)
"""How to speak to whoever asks, once it is known who he is."""


def speaker_for(request: web.Request, *, language: str = "") -> Speaker:
    """How to speak to this browser: the employee's language, else one chosen here, else its own."""
    if SPEAKER in request:
        return request[SPEAKER]
    accepted = request.headers.get("Accept-Language", "")
    chosen = choose_language(language, request.cookies.get("language", ""), accepted=accepted)
    zone = read_zone(request.cookies.get("timezone", "").replace("%2F", "/"))
    return Speaker(words_in(chosen), zone, request.app[ROOMS].clock())


async def find_visitor(request: web.Request) -> Guest | None:
    rooms = request.app[ROOMS]
    token = request.cookies.get(cookie_name(rooms), "")
    idle = "X-Idle" in request.headers
    return await find_guest(rooms.store, token, at=rooms.clock(), settings=rooms.settings, idle=idle)


class Form:
    """The fields of a form; one that is not there is empty."""

    def __init__(self, fields: MultiMapping[object]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        value = self._fields.get(name, "")
        return value.replace("\r\n", "\n") if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        return [value for value in self._fields.getall(name, ()) if isinstance(value, str)]

    def files(self, name: str) -> list[web.FileField]:
        """The files sent under that name; a field in which none was chosen comes with no file name."""
        found = self._fields.getall(name, ())
        return [value for value in found if isinstance(value, web.FileField) and value.filename]


async def read_form(request: web.Request) -> Form:
    """The form of a request, read once, whoever asks first."""
    try:
        async with asyncio.timeout(120):
            return Form(await request.post())
    # A charset that there is not is a LookupError; a transfer encoding that there is not, a RuntimeError.
    except (ValueError, LookupError, RuntimeError, TimeoutError) as error:
        raise BadInput(mark("The form could not be read.")) from error


async def _welcome(request: web.Request) -> Visit:
    guest = await find_visitor(request)
    if guest is None:
        raise SignInFirst
    rooms = request.app[ROOMS]
    speaker = request[SPEAKER] = speaker_for(request, language=guest.employee.language)
    # Taken before anything is read: what happens while the page is made will reach it as an event.
    async with rooms.live.subscribe() as events:
        seq = events.seq
    return Visit(request, rooms, guest.employee, guest.session, speaker, seq)


async def _require_own_page(visit: Visit) -> None:
    """Another site's page may send the browser's cookie, but it cannot know the token."""
    if is_from_elsewhere(visit.request, visit.rooms.settings):
        raise NotAllowed(mark("This was sent from another site."))
    token = visit.request.headers.get("X-CSRF-Token", "")
    if not token and visit.request.content_type in (
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ):
        token = (await read_form(visit.request)).text("csrf")
    if not is_token_of(visit.session, token):
        raise NotAllowed(mark("The page is out of date: load it again."))

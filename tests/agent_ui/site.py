"""The pages on a real port, over the real hall, and a browser's manners without a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from agent_ui.app import make_app
from agent_ui.rooms import Rooms, UiSettings
from agent_ui.sessions import find_guest, open_session
from channels.desk import Desk
from crm.collections import SESSIONS
from crm.record import new_id
from router.audit import open_audit
from router.health import Doors
from router.rules import RuleBook
from tests.router.house import BOOK, House, open_house

SETTINGS = UiSettings(secure_cookies=False)
FETCH = {"X-Requested-With": "onewindow"}


@dataclass
class Site:
    """The pages as a test meets them."""

    url: str
    house: House
    rooms: Rooms
    app: web.Application

    @asynccontextmanager
    async def visitor(self, **headers: str) -> AsyncIterator[Browser]:
        """Somebody who has not signed in."""
        async with aiohttp.ClientSession(self.url, headers=headers, cookie_jar=_jar()) as session:
            yield Browser(session, self)

    @asynccontextmanager
    async def signed_in(self, id: str = "anna", **headers: str) -> AsyncIterator[Browser]:
        """An employee's browser, past the sign-in."""
        async with self.visitor(**headers) as browser:
            await browser.enter(id)
            yield browser


@dataclass
class Browser:
    """Keeps cookies, knows the token of its session, follows no redirect."""

    session: aiohttp.ClientSession
    site: Site
    csrf: str = ""

    async def enter(self, id: str) -> str:
        """Put a cookie of a new session into the jar; it comes back."""
        rooms = self.site.rooms
        employee = await self.site.house.employee(id)
        token = await open_session(rooms.store, employee, at=rooms.clock(), settings=rooms.settings)
        guest = await find_guest(rooms.store, token, at=rooms.clock(), settings=rooms.settings)
        assert guest is not None
        self.csrf = guest.session.csrf
        self.session.cookie_jar.update_cookies({"onewindow": token})
        return token

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.send("GET", path, **options)

    async def post(
        self, path: str, fields: Mapping[str, Any] | aiohttp.FormData | None = None, **options: Any
    ) -> Answer:
        """As a script of ours sends it."""
        headers = {**FETCH, "X-CSRF-Token": self.csrf, **options.pop("headers", {})}
        return await self.send("POST", path, data=fields, headers=headers, **options)

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        async with self.session.request(method, path, allow_redirects=False, **options) as response:
            return Answer(response.status, response.headers, await response.read())


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def words(self) -> str:
        """What a reader sees of a page, roughly: without its elements."""
        return " ".join(re.sub(r"<[^>]*>", " ", self.text).split())

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@asynccontextmanager
async def open_site(
    directory: Path, settings: UiSettings = SETTINGS, book: RuleBook = BOOK
) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(directory, book=book))
        audit = await stack.enter_async_context(open_audit(house.store, clock=house.clock, new_id=new_id))
        rooms = Rooms(
            store=house.store,
            live=house.live,
            clock=house.clock,
            new_id=new_id,
            settings=settings,
            casework=house.casework,
            intake=house.intake,
            audit=audit,
            doors=Doors(clock=house.clock),
            rules=book,
            desk=Desk(house.intake.accept),
        )
        app = make_app(rooms)
        runner = web.AppRunner(app, shutdown_timeout=1.0, auto_decompress=False)  # as serve does
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield Site(f"http://127.0.0.1:{port}", house, rooms, app)


async def sessions_of(site: Site, id: str) -> int:
    """How many sessions of an employee are open."""
    found = await site.house.store.find(SESSIONS, limit=1000)
    now = site.rooms.clock()
    return sum(1 for session in found if session.employee_id == id and session.expires_at > now)


def _jar() -> aiohttp.CookieJar:
    return aiohttp.CookieJar(unsafe=True)  # browsers keep cookies of 127.0.0.1 too

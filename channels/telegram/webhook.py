"""The webhook: Telegram calls us with each update, and hears 200 only once it is stored."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping
from datetime import timedelta

from aiohttp import web
from aiohttp.typedefs import Handler

from channels.telegram.burial import fault
from channels.telegram.line import Trouble, pause
from channels.telegram.taking import Taker

log = logging.getLogger("onewindow.telegram")

PATH = "/telegram"
SECRET = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
LARGEST = 1024 * 1024
"""Bytes of one update: what Telegram sends is far smaller."""

BODY_TIMEOUT = 30.0
LOOK_EVERY = 60.0
"""Seconds between two questions to Telegram, how its calls of us fare."""

STALE = timedelta(minutes=5)


class Webhook:
    """Takes Telegram's calls while the door is open, and asks it to come again at other times."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets
        self.takers: dict[str, Taker] = {}

    def add_to(self, app: web.Application) -> None:
        """Put the bots under /telegram/ of this application, each under its name."""
        hooks = web.Application(middlewares=[_answer_errors])
        hooks.router.add_post("/{name}", self._take)
        app.add_subapp(PATH, hooks)

    async def _take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        secret = self._secrets.get(name)
        given = request.headers.get(SECRET, "")
        # A bot that there is not takes as long as a wrong secret, and sounds the same.
        if (
            not hmac.compare_digest(given.encode(errors="replace"), (secret or "-" * 64).encode())
            or secret is None
        ):
            raise web.HTTPForbidden(text="This is not Telegram.")
        taker = self.takers.get(name)
        if taker is None:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        (settled,) = await taker.take([await _read(request)])
        if not settled:
            raise web.HTTPServiceUnavailable(text="Try again in a moment.", headers={"Retry-After": "5"})
        return web.Response()


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    async with asyncio.timeout(BODY_TIMEOUT):
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > LARGEST:
                raise web.HTTPRequestEntityTooLarge(LARGEST, len(body))
    return bytes(body)


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A fault of ours is "again later", and nobody's words are in the answer."""
    try:
        return await handler(request)
    except (web.HTTPException, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - this border is where a bug of ours becomes an answer
        log.error("telegram: a call broke: %s", fault(error))
        raise web.HTTPServiceUnavailable(
            text="Try again in a moment.", headers={"Retry-After": "30"}
        ) from None


async def stay_registered(taker: Taker, url: str, secret: str, stopping: asyncio.Event) -> None:
    """Tell Telegram where we are, and then ask now and again whether it reaches us."""
    line, wait, told = taker.line, 1.0, False
    while not stopping.is_set():
        try:
            await line.introduce()
            if not told:
                await line.listen_by_webhook(url, secret)
                told = True
            told = await _look(taker, url)
            wait = LOOK_EVERY if told else 1.0
        except Trouble as trouble:
            taker.door.down(str(trouble))
            log.warning("telegram %s: %s", line.settings.name, trouble)
            wait = trouble.after.total_seconds() if trouble.after else min(2 * wait, LOOK_EVERY)
        await pause(wait, stopping)


async def _look(taker: Taker, url: str) -> bool:
    """Whether Telegram still calls us there. Tells the board how it fares."""
    info = await taker.line.look_at_webhook()
    if info.url != url:
        taker.door.down("another program took the webhook of this bot away: it is set again")
        return False
    now = taker.clock()
    failed = info.last_error_date
    if info.pending_update_count and failed and now - failed < STALE:
        taker.door.down(f"Telegram cannot deliver: {(info.last_error_message or '')[:200]}")
        taker.door.lag((now - failed).total_seconds())
    else:
        taker.door.up()
        taker.door.lag(0)
    return True

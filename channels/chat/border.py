"""Where errors of the chat's HTTP side become answers: clear to the peer, without a word of anybody's."""

from __future__ import annotations

import logging
import traceback

from aiohttp import web
from aiohttp.typedefs import Handler

from crm.errors import AgainLater

log = logging.getLogger("onewindow.chat")


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is not the peer's fault is always "again later"."""
    try:
        return await handler(request)
    except AgainLater:
        raise web.HTTPServiceUnavailable(
            text="Try again in a moment.", headers={"Retry-After": "5"}
        ) from None
    except (web.HTTPException, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - this border is where a bug of ours becomes an answer
        # Frames only: the message of an exception may quote the visitor.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("chat: %s while serving %s\n%s", type(error).__name__, request.method, where)
        raise web.HTTPServiceUnavailable(
            text="Try again in a moment.", headers={"Retry-After": "30"}
        ) from None

"""Where faults of ours become answers: again later, and without a word of anybody's."""

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
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        # A small body may hold gigabytes: nothing is unpacked here.
        raise web.HTTPUnsupportedMediaType(headers={"Accept-Encoding": "identity"})
    try:
        return await handler(request)
    except AgainLater:
        raise web.HTTPServiceUnavailable(
            text="Try again in a moment.", headers={"Retry-After": "5"}
        ) from None
    except (web.HTTPException, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - this border is where a bug of ours becomes an answer
        report(error, f"serving {request.method}")
        raise web.HTTPServiceUnavailable(
            text="Try again in a moment.", headers={"Retry-After": "30"}
        ) from None


def report(error: Exception, doing: str) -> None:
    """Where it happened; not what it says, for that may quote the visitor."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("chat: %s while %s\n%s", type(error).__name__, doing, where)

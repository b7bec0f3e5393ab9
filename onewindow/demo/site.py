"""The operator's own site, on a port of its own: a page like any other that has the chat on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html import escape
from importlib.resources import files

from aiohttp import web


@asynccontextmanager
async def serve_site(chat_at: Callable[[], str]) -> AsyncIterator[str]:
    """The site, as long as the context is open. `chat_at` tells where the chat is served."""
    page = files("onewindow.demo").joinpath("site.html").read_text(encoding="utf-8")

    async def show(request: web.Request) -> web.Response:  # noqa: ARG001 - what every handler is given
        text = page.replace("CHAT", escape(chat_at(), quote=True))
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()

"""A visitor's browser, and a site of somebody else that embeds the chat."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Frame, Page

from tests.polling import until

PATIENCE = 15_000


@dataclass
class Visit:
    """A visitor's browser. `complaints` is what its console found wrong with our pages."""

    context: BrowserContext
    page: Page
    complaints: list[str]

    @property
    def chat(self) -> Frame:
        """The chat itself, framed or not."""
        return next((frame for frame in self.page.frames if "/chat/" in frame.url), self.page.main_frame)

    async def ready(self) -> None:
        if self.framed:  # which is on its way to our page for a while: until then it is the site's own
            await until(self._is_framed, wanted=True)
        await self.chat.wait_for_selector("[data-ready]", state="attached")

    async def _is_framed(self) -> bool:
        return self.chat != self.page.main_frame

    @property
    def framed(self) -> bool:
        return "/chat/" not in self.page.url

    async def say(self, text: str) -> None:
        await self.chat.locator("textarea").fill(text)
        await self.chat.locator("textarea").press("Enter")

    async def bubbles(self) -> list[str]:
        return await self.chat.locator(".bubble:visible").all_inner_texts()


@asynccontextmanager
async def a_visit(
    browser: Browser, url: str, *, width: int = 1000, locale: str = "ru-RU"
) -> AsyncIterator[Visit]:
    context = await browser.new_context(viewport={"width": width, "height": 700}, locale=locale)
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    visit = Visit(context, page, [])
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("console", lambda line: visit.complaints.append(line.text) if line.type == "error" else None)
    await page.goto(url)
    yield visit
    await context.close()
    lost_lines = re.compile("WebSocket connection|ERR_CONNECTION|ERR_INTERNET")
    assert [complaint for complaint in visit.complaints if not lost_lines.search(complaint)] == []


@asynccontextmanager
async def a_site(chat: str, attributes: str = "", policy: str = "") -> AsyncIterator[str]:
    """A page of another origin that embeds the chat with its one script tag."""

    async def page(_: web.Request) -> web.Response:
        script = f'<script src="{chat}/chat/widget.js" async {attributes}></script>'
        html = f"<!doctype html><title>Shop</title><link rel=icon href=data:,><h1>Shop</h1>{script}"
        headers = {"Content-Security-Policy": policy} if policy else {}
        return web.Response(text=html, content_type="text/html", headers=headers)

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()

"""A small Bot API over real HTTP: news files, messages, and every mood it may be in."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiohttp import ClientSession, web

SHOP = "111:shop-token"
HELP = "222:help-token"
USERNAMES = {SHOP: "shop_bot", HELP: "help_bot"}


@dataclass
class Mood:
    """How the next calls of a method are answered instead of being done."""

    status: int = 200
    description: str = "moody"
    parameters: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    closes: bool = False  # the connection, without a word
    body: bytes | None = None
    times: int = 1
    done_first: bool = False  # it is done, and then the answer is lost


@dataclass
class Sent:
    """One message that a bot sent."""

    bot: str
    method: str
    chat: int
    text: str
    files: list[tuple[str, bytes]]
    params: dict[str, Any]
    numbers: list[int]


@dataclass
class BotApi:
    """All bots at once. `url` is what the settings call `api_url`."""

    url: str = ""
    pending: dict[str, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    offered: Counter[tuple[str, int]] = field(default_factory=Counter)
    confirmed: set[tuple[str, int]] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    fetched: Counter[str] = field(default_factory=Counter)
    sent: list[Sent] = field(default_factory=list)
    actions: list[tuple[str, int, str]] = field(default_factory=list)
    webhooks: dict[str, dict[str, str]] = field(default_factory=dict)
    webhook_info: dict[str, Any] = field(default_factory=dict)
    moods: dict[str, list[Mood]] = field(default_factory=lambda: defaultdict(list))
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    asking: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    closing: bool = False
    _number: int = 5000

    async def post(self, update: dict[str, Any] | bytes, bot: str = SHOP, *, id: int | None = None) -> int:
        """Something happened to the bot; it is told when it asks."""
        raw = update if isinstance(update, bytes) else json.dumps(update).encode()
        number = json.loads(raw)["update_id"] if id is None else id
        async with self.news:
            self.pending[bot][number] = raw
            self.news.notify_all()
        return int(number)

    def be(self, method: str, mood: Mood) -> None:
        """Be so the next time the method is called."""
        self.moods[method].append(mood)

    async def settled(self, *numbers: int, bot: str = SHOP) -> None:
        """Until the bot has had these updates forgotten."""
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: all((bot, number) in self.confirmed for number in numbers))

    async def sent_so_far(self, count: int) -> None:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self.sent) >= count)

    async def call(self, request: web.Request) -> web.StreamResponse:
        bot, method = request.match_info["bot"], request.match_info["method"]
        params, files = await _params(request)
        self.calls.append((method, params))
        if bot not in USERNAMES:
            return _no(401, "Unauthorized")
        mood = self._mood(method)
        if mood and not mood.done_first:
            return await self._moody(request, mood)
        answer = await self._done(bot, method, params, files)
        return await self._moody(request, mood) if mood else answer

    async def _done(
        self, bot: str, method: str, params: dict[str, Any], files: dict[str, tuple[str, bytes]]
    ) -> web.Response:
        match method:
            case "getMe":
                return _yes(
                    {
                        "id": int(bot.partition(":")[0]),
                        "is_bot": True,
                        "first_name": "Bot",
                        "username": USERNAMES[bot],
                    }
                )
            case "getUpdates":
                return await self._get_updates(bot, params)
            case "deleteWebhook":
                self.webhooks.pop(bot, None)
                return _yes(True)
            case "setWebhook":
                self.webhooks[bot] = params
                return _yes(True)
            case "getWebhookInfo":
                url = self.webhooks.get(bot, {}).get("url", "")
                known = {"url": url, "has_custom_certificate": False, "pending_update_count": 0}
                return _yes(known | self.webhook_info)
            case "getFile":
                return self._get_file(params["file_id"])
            case "sendChatAction":
                async with self.news:
                    self.actions.append((bot, int(params["chat_id"]), params["action"]))
                    self.news.notify_all()
                return _yes(True)
            case "sendMessage" | "sendPhoto" | "sendDocument" | "sendMediaGroup":
                return await self._send(bot, method, params, files)
            case _:
                return _no(404, "Not Found")

    def _mood(self, method: str) -> Mood | None:
        moods = self.moods[method]
        if not moods:
            return None
        moods[0].times -= 1
        return moods.pop(0) if moods[0].times <= 0 else moods[0]

    async def _moody(self, request: web.Request, mood: Mood) -> web.StreamResponse:
        await asyncio.sleep(mood.seconds)
        if mood.closes and request.transport:
            request.transport.abort()
        if mood.body is not None:
            return web.Response(status=mood.status, body=mood.body)
        return _no(mood.status, mood.description, mood.parameters)

    async def _get_updates(self, bot: str, params: dict[str, Any]) -> web.Response:
        if bot in self.webhooks:
            return _no(409, "Conflict: can't use getUpdates method while webhook is active")
        pending = self.pending[bot]
        self.asking[bot] += 1
        mine = self.asking[bot]
        async with self.news:
            if "offset" in params:
                for number in [number for number in pending if number < int(params["offset"])]:
                    del pending[number]
                    self.confirmed.add((bot, number))
            self.news.notify_all()

            def ready() -> bool:
                return bool(pending) or self.asking[bot] != mine or self.closing

            try:
                async with asyncio.timeout(float(params.get("timeout", 0))):
                    await self.news.wait_for(ready)
            except TimeoutError:
                return _yes([])
            if self.asking[bot] != mine:
                return _no(409, "Conflict: terminated by other getUpdates request")
            numbers = sorted(pending)[: int(params.get("limit", 100))]
            for number in numbers:
                self.offered[bot, number] += 1
            self.news.notify_all()
            body = b'{"ok":true,"result":[' + b",".join(pending[number] for number in numbers) + b"]}"
            return web.Response(body=body, content_type="application/json")

    def _get_file(self, file_id: str) -> web.Response:
        self.fetched[file_id] += 1
        content = self.files.get(file_id)
        if content is None:
            return _no(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(content) > 20_000_000:
            return _no(400, "Bad Request: file is too big")
        found = {"file_id": file_id, "file_unique_id": f"u{file_id}", "file_size": len(content)}
        return _yes(found | {"file_path": f"files/{file_id}"})

    async def give_file(self, request: web.Request) -> web.StreamResponse:
        mood = self._mood("file")
        if mood:
            return await self._moody(request, mood)
        return web.Response(body=self.files[request.match_info["file_id"]])

    async def _send(
        self, bot: str, method: str, params: dict[str, Any], files: dict[str, tuple[str, bytes]]
    ) -> web.Response:
        media = json.loads(params["media"]) if "media" in params else [params]
        numbers = []
        for _ in media:
            self._number += 1
            numbers.append(self._number)
        text = params.get("text") or params.get("caption") or media[0].get("caption", "")
        chat = int(params["chat_id"])
        async with self.news:
            self.sent.append(Sent(bot, method, chat, text, list(files.values()), params, numbers))
            self.news.notify_all()
        kind = "private" if chat > 0 else "supergroup"
        messages = [
            {"message_id": number, "date": 1770000000, "chat": {"id": chat, "type": kind}}
            for number in numbers
        ]
        return _yes(messages if method == "sendMediaGroup" else messages[0])


async def _params(request: web.Request) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    params: dict[str, Any] = dict(request.query)
    files = {}
    if request.method == "POST" and request.content_type == "multipart/form-data":
        form = await request.post()
        for name, value in form.items():
            if isinstance(value, web.FileField):
                files[name] = (value.filename, value.file.read())
            else:
                params[name] = value
    elif request.method == "POST":
        params |= dict(await request.post())
    return params, files


def _yes(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _no(status: int, description: str, parameters: dict[str, Any] | None = None) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=status)


@asynccontextmanager
async def a_bot_api() -> AsyncIterator[BotApi]:
    """The Bot API on a free port, as long as the context is open."""
    api = BotApi()
    app = web.Application(client_max_size=100 * 1024 * 1024)
    app.router.add_route("*", "/bot{bot}/{method}", api.call)
    app.router.add_get("/file/bot{bot}/files/{file_id}", api.give_file)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        async with api.news:
            api.closing = True
            api.news.notify_all()
        await runner.cleanup()


async def call_webhook(url: str, update: dict[str, Any] | bytes, secret: str) -> tuple[int, str]:
    """Call as Telegram does; the status and what was said."""
    raw = update if isinstance(update, bytes) else json.dumps(update).encode()
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}
    async with ClientSession() as client, client.post(url, data=BytesIO(raw), headers=headers) as response:
        return response.status, await response.text()

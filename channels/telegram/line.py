"""The line to Telegram for one bot: news come in by it, files are fetched and answers sent."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from urllib.parse import urlencode

import msgspec
from telegram import Bot, WebhookInfo
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from channels.telegram.pace import Pace
from channels.telegram.reading import BotName
from channels.telegram.settings import TelegramSettings
from channels.telegram.updates import ASKED_FOR

AT_ONCE = 100
"""Updates of one answer, the most that Telegram gives."""

MARGIN = 10.0
"""Seconds beyond its own wait that Telegram may take to answer a call for news."""

CONNECTIONS = 24


class Trouble(Exception):
    """Telegram gave nothing. The message is for the operator; `after` is when to ask again."""

    def __init__(self, problem: str, after: timedelta | None = None) -> None:
        super().__init__(problem)
        self.after = after


class FileLate(Exception):
    """The file could not be fetched just now."""


class FileRefused(Exception):
    """Telegram will not give the file. The message is a code: `too_large` or `gone`."""


class _Parameters(msgspec.Struct, frozen=True):
    retry_after: float = 0


class _Answer(msgspec.Struct, frozen=True):
    ok: bool
    result: list[msgspec.Raw] = []
    parameters: _Parameters = _Parameters()


_answers = msgspec.json.Decoder(_Answer)


class Line:
    """One bot of ours. `name` is whom it says it is; its username is known once Telegram was asked."""

    def __init__(self, settings: TelegramSettings) -> None:
        self.settings = settings
        self.pace = Pace()
        self.name = BotName(settings.bot_id, groups=settings.groups)
        self.moved: dict[int, int] = {}  # groups that became supergroups, by their old ids
        proxy = settings.proxy or None
        timeout = settings.timeout
        self._news = HTTPXRequest(
            connection_pool_size=2,
            proxy=proxy,
            read_timeout=settings.poll_timeout + MARGIN,
            connect_timeout=timeout,
        )
        self._calls = HTTPXRequest(
            connection_pool_size=CONNECTIONS,
            proxy=proxy,
            read_timeout=timeout,
            write_timeout=timeout,
            connect_timeout=timeout,
            pool_timeout=timeout,
            media_write_timeout=4 * timeout,
        )
        url = settings.api_url.rstrip("/")
        self._base = f"{url}/bot{settings.token}"
        self.bot = Bot(
            settings.token,
            base_url=f"{url}/bot",
            base_file_url=f"{url}/file/bot",
            request=self._calls,
            get_updates_request=self._news,
        )

    async def close(self) -> None:
        await self._news.shutdown()
        await self._calls.shutdown()

    async def introduce(self) -> None:
        """Ask who we are: in groups a bot is called by its username. Raises `Trouble`."""
        if not self.name.username:
            async with troubles():
                me = await self.bot.get_me()
            self.name = self.name._replace(username=me.username or "")

    async def ask_for_news(self, after: int | None, *, wait: int, limit: int = AT_ONCE) -> list[msgspec.Raw]:
        """Updates, each as it came. `after` tells Telegram to forget those up to it. Raises `Trouble`.

        The bytes come as they are: to make objects of them is our reader's, who needs few of their fields.
        """
        query: dict[str, str | int] = {"timeout": wait, "limit": limit}
        query["allowed_updates"] = json.dumps(ASKED_FOR)
        if after is not None:
            query["offset"] = after + 1
        async with troubles():
            status, body = await self._news.do_request(f"{self._base}/getUpdates?{urlencode(query)}", "POST")
        try:
            answer = _answers.decode(body)
        except msgspec.DecodeError:
            raise Trouble(f"Telegram answered {status} with something else than JSON") from None
        if not answer.ok:
            raise _refusal(status, answer.parameters.retry_after)
        return answer.result

    async def listen_by_polling(self) -> None:
        """Take a webhook away that another installation left behind: with one, nobody is told news."""
        async with troubles():
            await self.bot.delete_webhook()

    async def listen_by_webhook(self, url: str, secret: str) -> None:
        """Let Telegram call us. What waits for us meanwhile is kept."""
        async with troubles():
            await self.bot.set_webhook(
                url,
                secret_token=secret,
                allowed_updates=list(ASKED_FOR),
                max_connections=self.settings.webhook_connections,
            )

    async def look_at_webhook(self) -> WebhookInfo:
        """How Telegram's calls of us fare. Raises `Trouble`."""
        async with troubles():
            return await self.bot.get_webhook_info()

    async def fetch(self, file_id: str) -> bytes:
        """A file's bytes. Raises `FileLate` or `FileRefused`."""
        limit = self.settings.file_size_limit
        try:
            file = await self.bot.get_file(file_id)
            if (file.file_size or 0) > limit:
                raise FileRefused("too_large")
            content = bytes(await file.download_as_bytearray())
        except BadRequest as error:
            raise FileRefused("too_large" if "too big" in error.message.lower() else "gone") from error
        except (TelegramError, ValueError) as error:
            raise FileLate(type(error).__name__) from error
        if len(content) > limit:
            raise FileRefused("too_large")
        return content


@asynccontextmanager
async def troubles() -> AsyncIterator[None]:
    """What a call for ourselves raises, as what the operator reads; no token and no customer is in it."""
    try:
        yield
    except RetryAfter as error:
        raise _refusal(429, _seconds(error)) from error
    except InvalidToken as error:
        raise _refusal(401) from error
    except Forbidden as error:
        raise _refusal(403) from error
    except BadRequest as error:
        raise Trouble(f"Telegram refuses: {error.message[:200]}") from error
    except NetworkError as error:
        raise Trouble(f"Telegram cannot be reached ({type(error).__name__})") from error
    except TelegramError as error:
        raise Trouble(f"Telegram answers {type(error).__name__}") from error


def _refusal(status: int, retry_after: float = 0) -> Trouble:
    problems: Mapping[int, str] = {
        401: "Telegram does not know this token",
        403: "Telegram does not know this token",
        404: "Telegram does not know this token",
        409: "another program asks for the news of this bot",
        429: "Telegram asks to wait",
    }
    known = problems.get(status, f"Telegram answered {status}")
    return Trouble(known, timedelta(seconds=retry_after) if retry_after else None)


def _seconds(error: RetryAfter) -> float:
    after = error.retry_after
    return after.total_seconds() if isinstance(after, timedelta) else float(after)


@asynccontextmanager
async def open_lines(settings: Sequence[TelegramSettings]) -> AsyncIterator[dict[int, Line]]:
    """The lines of all bots, by their ids."""
    os.environ.setdefault("PTB_TIMEDELTA", "true")  # the library's way to be told that we know its new types
    for name in ("telegram", "httpx", "httpcore"):
        # They write addresses, of which a bot's token is a part, and words of customers.
        logging.getLogger(name).setLevel(logging.WARNING)
    async with AsyncExitStack() as stack:
        lines = {}
        for one in settings:
            line = lines[one.bot_id] = Line(one)
            stack.push_async_callback(line.close)
        yield lines


async def pause(seconds: float, stopping: asyncio.Event) -> None:
    """Wait, unless the door closes meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return

"""The manager interface: we sign in, listen to what happens on the exchange, and come back when cut off."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import md5
from itertools import count

from channels.base import Door
from channels.phone.ami import Framer, Message, written
from channels.phone.settings import PhoneSettings

log = logging.getLogger("onewindow.phone")

CONNECT_WITHIN = 10.0
ANSWER_WITHIN = 10.0
PING_AFTER = 20.0
"""Seconds of silence after which the exchange is asked whether it is there."""

GONE_AFTER = 50.0
LONGEST_PAUSE = 30.0


class Refused(Exception):
    """The exchange will not have us. The message is for the operator: no secret in it."""


class Wire:
    """One connection to a manager that speaks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line_limit: int) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = Framer(line_limit=line_limit)
        self._waiting: list[Message] = []
        self._numbers = count(1)

    async def send(self, **fields: str) -> str:
        """Ask for something; its number comes back, by which the answer is known."""
        number = f"onewindow-{next(self._numbers)}"
        self._writer.write(written({**fields, "ActionID": number}))
        async with asyncio.timeout(ANSWER_WITHIN):
            await self._writer.drain()
        return number

    async def ask(self, **fields: str) -> Message:
        """Ask, and wait for the answer. Events that come between are kept for `messages`."""
        number = await self.send(**fields)
        kept: list[Message] = []
        async with asyncio.timeout(ANSWER_WITHIN):
            async for message in self.messages():
                # Some versions leave the number out of their first answers.
                if message["Response"] and message["ActionID"] in (number, ""):
                    self._waiting = kept + self._waiting
                    return message
                kept.append(message)
        raise ConnectionError("the manager hung up")

    async def messages(self) -> AsyncIterator[Message]:
        """Everything it says, until it hangs up."""
        while True:
            while self._waiting:
                yield self._waiting.pop(0)
            data = await self._reader.read(64 * 1024)
            if not data:
                return
            self._waiting += self._framer.feed(data)


class Manager:
    """Stays connected for ever. `hear` is given every event; `cut` is called when nobody listens any more."""

    def __init__(
        self,
        settings: PhoneSettings,
        *,
        door: Door,
        hear: Callable[[Message], Awaitable[None]],
        cut: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._door = door
        self._hear = hear
        self._cut = cut

    async def run(self) -> None:
        """Connect, listen, and again. Pauses grow, and differ, so that many do not knock at once."""
        pause = 0.5
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                async with self._connected() as wire:
                    await self._sign_in(wire)
                    self._door.up()
                    await self._listen(wire)
                problem = "the manager hung up"
            except Refused as refused:
                problem = str(refused)
            except TimeoutError:
                problem = "the manager does not answer"
            except OSError as error:
                problem = error.strerror or "the connection was lost"
            await self._cut()
            self._door.down(f"{self._settings.manager_host}:{self._settings.manager_port}: {problem}")
            pause = 0.5 if loop.time() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - a pause, not a secret

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Wire]:
        settings = self._settings
        async with asyncio.timeout(CONNECT_WITHIN):
            reader, writer = await asyncio.open_connection(
                settings.manager_host,
                settings.manager_port,
                ssl=ssl.create_default_context() if settings.manager_tls else None,
            )
        try:
            yield Wire(reader, writer, settings.line_limit)
        finally:
            writer.close()

    async def _sign_in(self, wire: Wire) -> None:
        settings = self._settings
        login = {"Action": "Login", "Username": settings.manager_user, "Events": "on"}
        if settings.manager_login == "plain":
            login["Secret"] = settings.manager_secret
        else:
            challenge = (await wire.ask(Action="Challenge", AuthType="MD5"))["Challenge"]
            if not challenge:
                raise Refused("it offers no challenge: set manager_login to plain")
            key = md5((challenge + settings.manager_secret).encode(), usedforsecurity=False).hexdigest()
            login |= {"AuthType": "MD5", "Key": key}
        answer = await wire.ask(**login)
        if answer["Response"].lower() != "success":
            raise Refused("it refuses manager_user and manager_secret")

    async def _listen(self, wire: Wire) -> None:
        # What went on before we came: without the right to ask, only what begins from now on is known.
        await wire.send(Action="CoreShowChannels")
        heard_at = asyncio.get_running_loop().time()

        async def keep_awake() -> None:
            while True:
                await asyncio.sleep(PING_AFTER / 4)
                silent = asyncio.get_running_loop().time() - heard_at
                if silent > GONE_AFTER:
                    raise TimeoutError
                if silent > PING_AFTER:
                    await wire.send(Action="Ping")

        async def listen() -> None:
            nonlocal heard_at
            async for message in wire.messages():
                heard_at = asyncio.get_running_loop().time()
                if message.event:
                    await self._hear(message)

        try:
            async with asyncio.TaskGroup() as tasks:
                awake = tasks.create_task(keep_awake(), name="phone manager: keepalive")
                await listen()
                awake.cancel()
        except* (OSError, TimeoutError) as errors:
            raise ConnectionError("the connection was lost") from errors.exceptions[0]

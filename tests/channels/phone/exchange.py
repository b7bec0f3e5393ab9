"""A manager server of our own on a real port: it signs in, tells events, and can be cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import md5

from channels.phone.ami import Framer, Message

USER, SECRET, CHALLENGE = "onewindow", "a long secret", "840415273"


class Exchange:
    """What a test does with the exchange. `challenges` false is one that knows no MD5 sign-in."""

    def __init__(self) -> None:
        self.port = 0
        self.signed_in = asyncio.Event()
        self.sign_ins = 0
        self.pings = 0
        self.challenges = True
        self.silent = False
        self.channels: list[dict[str, str]] = []
        self._writers: set[asyncio.StreamWriter] = set()

    async def tell(self, event: str, **fields: object) -> None:
        """One event to everybody who signed in."""
        lines = [
            f"Event: {event}",
            "Privilege: call,all",
            *(f"{key}: {value}" for key, value in fields.items()),
        ]
        for writer in self._writers:
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
            await writer.drain()

    async def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        for writer in self._writers:
            writer.write(data)
            await writer.drain()

    def cut(self) -> None:
        """Every connection ends, as when the exchange is restarted."""
        self.signed_in.clear()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        framer = Framer()
        try:
            while data := await reader.read(4096):
                for action in framer.feed(data):
                    await self._answer(action, writer)
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, action: Message, writer: asyncio.StreamWriter) -> None:
        number = action["ActionID"]

        def say(**fields: str) -> None:
            lines = [f"{key}: {value}" for key, value in {**fields, "ActionID": number}.items()]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")

        match action["Action"]:
            case "Challenge" if self.challenges:
                say(Response="Success", Challenge=CHALLENGE)
            case "Challenge":
                say(Response="Error", Message="Must specify AuthType")
            case "Login":
                key = md5((CHALLENGE + SECRET).encode(), usedforsecurity=False).hexdigest()
                if action["Username"] == USER and (action["Key"] == key or action["Secret"] == SECRET):
                    say(Response="Success", Message="Authentication accepted")
                    self._writers.add(writer)
                    self.sign_ins += 1
                else:
                    say(Response="Error", Message="Authentication failed")
            case "CoreShowChannels":
                say(Response="Success", EventList="start")
                for channel in self.channels:
                    await self.tell("CoreShowChannel", **channel)
                await self.tell("CoreShowChannelsComplete", ListItems=len(self.channels))
                self.signed_in.set()
            case "Ping":
                self.pings += 1
                say(Response="Success", Ping="Pong")
            case unknown:
                say(Response="Error", Message=f"Invalid/unknown command: {unknown}")


@asynccontextmanager
async def an_exchange(port: int = 0) -> AsyncIterator[Exchange]:
    exchange = Exchange()
    server = await asyncio.start_server(exchange.serve, "127.0.0.1", port)
    exchange.port = server.sockets[0].getsockname()[1]
    try:
        yield exchange
    finally:
        server.close()
        exchange.cut()


def an_end(id: str, name: str, linked: str, *, prefix: str = "", **more: object) -> dict[str, object]:
    """The description of a channel, as events carry it."""
    fields = {"Channel": name, "Uniqueid": id, "Linkedid": linked, **more}
    return {f"{prefix}{key}": value for key, value in fields.items()}

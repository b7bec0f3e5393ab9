"""CPU per chat contact, from the WebSocket to the commit, against a bare relay that commits a row."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from aiohttp import ClientSession, ClientTimeout, ClientWebSocketResponse, CookieJar, TCPConnector

from tests.bench.children import Child, child
from tests.bench.guests import sign_in
from tests.bench.mail import ratio

VISITORS = 100
SAID_BY_EACH = 60
ROUNDS = 5
RATES = (100, 300, 1000)
"""Messages a second: a contact center with 100 to 1,000 visitors who type at once."""

STEADY_SECONDS = 4
STEADY_ROUNDS = 3


async def _talk(ws: ClientWebSocketResponse, say: Callable[[int], str], count: int) -> None:
    for number in range(count):
        await ws.send_str(say(number))
        while True:
            frame = json.loads((await ws.receive()).data)
            if frame["type"] in ("refused", "try_again", "error"):
                raise RuntimeError(f"not accepted: {frame}")
            if frame["type"] == "received":
                break


async def _hear(ws: ClientWebSocketResponse) -> Tally:
    """Count what is acknowledged, until cancelled."""
    tally = Tally()
    try:
        async for message in ws:
            tally.received += json.loads(message.data)["type"] == "received"
    except asyncio.CancelledError:
        return tally
    return tally


async def _heard(hearing: asyncio.Task[Tally]) -> int:
    return (await hearing).received


@dataclass
class Tally:
    """How much a visitor was told was received."""

    received: int = 0


def _say(turn: int, visitor: int) -> Callable[[int], str]:
    text = f"Здравствуйте, интернет не работает уже {visitor} минут, проверьте, пожалуйста, линию"
    return lambda number: json.dumps(
        {"type": "say", "id": f"bench-{turn:04d}-{visitor:04d}-{number:04d}", "text": f"{text} {number}"}
    )


class Crowd:
    """Visitors with their connections open."""

    def __init__(self, sockets: list[ClientWebSocketResponse]) -> None:
        self._sockets = sockets

    async def talk(self, server: Child, turn: int) -> float:
        """Microseconds of the server's CPU per message said and acknowledged."""
        before = server.cpu()
        await asyncio.gather(
            *(_talk(ws, _say(turn, number), SAID_BY_EACH) for number, ws in enumerate(self._sockets))
        )
        return (server.cpu() - before) / (len(self._sockets) * SAID_BY_EACH) * 1e6

    async def type(self, server: Child, turn: int, rate: float) -> float:
        """The same while messages come steadily, `rate` a second from all visitors together."""
        before, begun = server.cpu(), time.perf_counter()
        heard = [asyncio.create_task(_hear(ws)) for ws in self._sockets]
        count = int(rate * STEADY_SECONDS)
        for number in range(count):
            early = begun + number / rate - time.perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            visitor = number % len(self._sockets)
            await self._sockets[visitor].send_str(_say(turn, visitor)(number))
        await asyncio.sleep(0.5)
        for hearing in heard:
            hearing.cancel()
        if sum(await asyncio.gather(*map(_heard, heard))) < count:
            raise RuntimeError("not every message was acknowledged")
        return (server.cpu() - before) / count * 1e6


async def come(client: ClientSession, port: int, visitors: int, *, hello: bool) -> Crowd:
    """Open the connections; ours wants to be greeted first."""
    sockets = []
    for _ in range(visitors):
        ws = await client.ws_connect(f"http://127.0.0.1:{port}/chat/ws")
        if hello:
            await ws.send_json({"type": "hello", "language": "ru"})
            await ws.receive()
        sockets.append(ws)
    return Crowd(sockets)


class Agent:
    """Somebody's open page at the other end: what is stored must reach it as well."""

    def __init__(self) -> None:
        self.heard = 0

    async def listen_to_relay(self, client: ClientSession, port: int) -> None:
        async with client.ws_connect(f"http://127.0.0.1:{port}/agent/ws") as ws:
            async for _ in ws:
                self.heard += 1

    async def listen_to_ours(self, client: ClientSession, port: int) -> None:
        base = f"http://127.0.0.1:{port}"
        await sign_in(client, base)
        async with client.get(f"{base}/events?status=away", timeout=ClientTimeout()) as stream:
            async for line in stream.content:
                self.heard += line.startswith(b'data: {"kind":"contact"')

    async def has_heard(self, count: int) -> None:
        """Wait until it has heard as much as was said."""
        async with asyncio.timeout(30):
            while self.heard < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def _main() -> dict[str, float]:
    with child("chat-relay") as relay, child("our-watched-chat") as ours:
        jar = CookieJar(unsafe=True)
        async with (
            ClientSession(connector=TCPConnector(limit=0), cookie_jar=jar) as client,
            asyncio.TaskGroup() as tasks,
        ):
            agents = Agent(), Agent()
            listening = [
                tasks.create_task(agents[0].listen_to_relay(client, relay.port), name="agent of the relay"),
                tasks.create_task(agents[1].listen_to_ours(client, ours.port), name="agent of ours"),
            ]
            bare = await come(client, relay.port, VISITORS, hello=False)
            crowd = await come(client, ours.port, VISITORS, hello=True)
            await bare.talk(relay, 0)
            await crowd.talk(ours, 0)
            floors, costs = [], []
            for turn in range(1, ROUNDS + 1):
                floors.append(await bare.talk(relay, turn))
                costs.append(await crowd.talk(ours, turn))
            steady: dict[int, list[tuple[float, float]]] = {}
            for rate in RATES:
                steady[rate] = []
                for turn in range(rate * 10, rate * 10 + STEADY_ROUNDS):
                    low = await bare.type(relay, turn, rate)
                    steady[rate].append((low, await crowd.type(ours, turn, rate)))
            said = VISITORS * SAID_BY_EACH * (ROUNDS + 1) + sum(RATES) * STEADY_SECONDS * STEADY_ROUNDS
            for agent in agents:
                await agent.has_heard(said)
            for task in listening:
                task.cancel()
    told = {
        "bare relay with a durable row, all at once, µs CPU a message": median(floors),
        "ours, all at once, µs CPU a message": median(costs),
        "chat, all at once: ours / relay": ratio(costs, floors),
    }
    for rate, pairs in steady.items():
        told[f"bare relay, {rate} messages a second, µs CPU a message"] = median(low for low, _ in pairs)
        told[f"ours, {rate} messages a second, µs CPU a message"] = median(high for _, high in pairs)
        told[f"chat, {rate} messages a second: ours / relay"] = median(high / low for low, high in pairs)
    return told


def main() -> dict[str, float]:
    """Alternate the two, so that a slow minute of the machine meets both."""
    return asyncio.run(_main())


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value:.2f}")

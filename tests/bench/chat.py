"""CPU per chat contact, from the WebSocket to the commit, against a bare relay that commits a row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from statistics import median

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector

from tests.bench.children import Child, child

VISITORS = 100
SAID_BY_EACH = 60
ROUNDS = 5


async def _talk(ws: ClientWebSocketResponse, say: Callable[[int], str], count: int) -> None:
    for number in range(count):
        await ws.send_str(say(number))
        while True:
            frame = json.loads((await ws.receive()).data)
            if frame["type"] in ("refused", "try_again", "error"):
                raise RuntimeError(f"not accepted: {frame}")
            if frame["type"] == "received":
                break


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


async def _main() -> dict[str, float]:
    with child("chat-relay") as relay, child("our-chat") as ours:
        async with ClientSession(connector=TCPConnector(limit=0)) as client:
            bare = await come(client, relay.port, VISITORS, hello=False)
            crowd = await come(client, ours.port, VISITORS, hello=True)
            await bare.talk(relay, 0)
            await crowd.talk(ours, 0)
            floors, costs = [], []
            for turn in range(1, ROUNDS + 1):
                floors.append(await bare.talk(relay, turn))
                costs.append(await crowd.talk(ours, turn))
    ratios = [cost / floor for cost, floor in zip(costs, floors, strict=True)]
    return {
        "bare relay with a durable row, µs CPU a message": median(floors),
        "ours, µs CPU a message": median(costs),
        "chat: ours / relay": median(ratios),
    }


def main() -> dict[str, float]:
    """Alternate the two, so that a slow minute of the machine meets both."""
    return asyncio.run(_main())


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value:.2f}")

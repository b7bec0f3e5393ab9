"""First page of the inbox in a large store, start-up, and memory idle and with open chats."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median

from aiohttp import ClientSession, CookieJar, TCPConnector

from crm.collections import CASES, DEPARTMENTS, EMPLOYEES
from crm.employee import Department
from crm.store import Insert
from storage.sqlite import open_sqlite
from tests.bench.chat import come
from tests.bench.children import child
from tests.bench.guests import sign_in, somebody

LOADS = 40
CHATS = 2000


async def _prepare(large: Path) -> int:
    """Somebody who may sign in and sees the departments of the filled store; how many cases there are."""
    names = ("front-desk", "technical", "billing")
    async with open_sqlite(large) as store:
        writes = [Insert(DEPARTMENTS, Department(id=name, names={"ru": name, "en": name})) for name in names]
        await store.commit([*writes, Insert(EMPLOYEES, somebody(*names))])
        return sum(group.records for group in await store.aggregate(CASES))


async def _inbox(port: int) -> dict[str, float]:
    base = f"http://127.0.0.1:{port}"
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
        await sign_in(client, base)
        taken: dict[str, list[float]] = {"mine": [], "queue": [], "all": []}
        for _ in range(LOADS):
            for view, times in taken.items():
                begun = time.perf_counter()
                async with client.get(f"{base}/inbox", params={"list": view}) as response:
                    if response.status != 200 or not await response.read():
                        raise RuntimeError(f"the inbox answered {response.status}")
                times.append(time.perf_counter() - begun)
    return {f"inbox, first page of {view}, ms": median(times) * 1e3 for view, times in taken.items()}


async def _chats(port: int, visitors: int) -> tuple[ClientSession, object]:
    client = ClientSession(connector=TCPConnector(limit=0))
    return client, await come(client, port, visitors, hello=True)


async def _memory() -> dict[str, float]:
    with child("our-chat") as ours:
        idle = ours.memory()
        first, some = await _chats(ours.port, CHATS // 4)
        few = ours.memory()
        second, more = await _chats(ours.port, CHATS)
        many = ours.memory()
        del some, more
        await first.close()
        await second.close()
    return {
        "memory idle, MB": idle / 1e6,
        "memory for each 1,000 open chats, MB": (many - few) / CHATS * 1000 / 1e6,
    }


def main(large: Path) -> dict[str, float]:
    """The store at `large` was filled before."""
    cases = asyncio.run(_prepare(large))
    begun = time.perf_counter()
    with child("our-web", str(large.parent)) as ours:
        large_start = time.perf_counter() - begun
        inbox = asyncio.run(_inbox(ours.port))
    begun = time.perf_counter()
    with child("our-chat"):
        empty_start = time.perf_counter() - begun
    return {
        "cases in the store": cases,
        **inbox,
        "start-up with an empty store, s": empty_start,
        "start-up with the large store, s": large_start,
        **asyncio.run(_memory()),
    }

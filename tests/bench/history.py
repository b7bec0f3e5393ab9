"""How long it takes to attach a history, with a million contacts in the store against ten thousand."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from crm.store import Store
from router.history import attach_history
from storage.sqlite import open_sqlite
from tests.bench.filled import CONTACTS_OF_EACH, fill

SMALL, LARGE = 10_000, 1_000_000
LOOKS = 400
ROUNDS = 5


async def _look(path: Path, ids: list[str]) -> tuple[float, float]:
    """Median microseconds of a first look at a customer, and of a second one soon after."""
    async with open_sqlite(path) as store:
        return await _median(store, ids), await _median(store, ids)


async def _median(store: Store, ids: list[str]) -> float:
    times = []
    for customer_id in ids:
        begun = time.perf_counter()
        history = await attach_history(store, customer_id)
        times.append(time.perf_counter() - begun)
        if history.totals.contacts != CONTACTS_OF_EACH:
            raise RuntimeError("a history is not whole")
    return median(times) * 1e6


async def _fill(path: Path, contacts: int) -> list[str]:
    async with open_sqlite(path) as store:
        return await fill(store, contacts)


async def _main(large: Path) -> dict[str, float]:
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as directory:
        small = Path(directory, "onewindow.sqlite")
        few, many = await _fill(small, SMALL), await _fill(large, LARGE)
        rounds = []
        for _ in range(ROUNDS):
            low = await _look(small, chance.sample(few, LOOKS))
            high = await _look(large, chance.sample(many, LOOKS))
            rounds.append((low, high))
    return {
        f"history at {SMALL:,} contacts, first look, µs": median(low[0] for low, _ in rounds),
        f"history at {LARGE:,} contacts, first look, µs": median(high[0] for _, high in rounds),
        "history, first look: large / small": median(high[0] / low[0] for low, high in rounds),
        "history, second look: large / small": median(high[1] / low[1] for low, high in rounds),
    }


def main(large: Path) -> dict[str, float]:
    """Both stores are filled first, then looked into in turns. The large one stays at that path."""
    return asyncio.run(_main(large))

"""Filling in: only where nothing is, to the end, and each time the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from crm.collections import ALL, AUDIT, CASES, CONTACTS, CUSTOMERS, DEPARTMENTS, EMPLOYEES
from crm.customer import Customer
from crm.employee import Department
from crm.store import Insert
from onewindow.demo.seed import is_empty, make_world, seed_when_empty
from storage.sqlite import open_sqlite
from tests.onewindow.demo.conftest import NOW, Everything, at_now, nobody_watches, read_everything

CPU_LIMIT = 5.0
"""Seconds; the clock on the wall depends on what else the machine does."""


class PulledPlugError(Exception):
    """The machine went dark."""


async def test_it_takes_less_than_five_seconds(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "store.sqlite") as store:
        begun = time.process_time()
        assert await seed_when_empty(store, clock=at_now, progress=nobody_watches)
        assert time.process_time() - begun < CPU_LIMIT


async def test_progress_grows_to_its_total(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    async with open_sqlite(tmp_path / "store.sqlite") as store:
        await seed_when_empty(store, clock=at_now, progress=lambda done, total: told.append((done, total)))
    assert len(told) > 10
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1][0] == told[-1][1]


async def test_a_filled_store_is_left_alone(demo_file: Path, everything: Everything) -> None:
    async with open_sqlite(demo_file) as store:
        assert not await is_empty(store)
        assert not await seed_when_empty(store, clock=at_now, progress=nobody_watches)
        assert (await read_everything(store)).cases == everything.cases


async def test_a_store_that_somebody_uses_is_left_alone(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "store.sqlite") as store:
        mine = Customer(id="mine", name="Настоящий клиент", created_at=NOW, updated_at=NOW)
        await store.commit([Insert(CUSTOMERS, mine)])
        assert not await seed_when_empty(store, clock=at_now, progress=nobody_watches)
        assert await store.find(AUDIT, limit=10) == []
        assert await store.find(CUSTOMERS, limit=10) == [mine]


async def test_the_department_that_every_store_has_does_not_count(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "store.sqlite") as store:
        await store.commit([Insert(DEPARTMENTS, Department(id="front-desk", names={"en": "Anything"}))])
        assert await is_empty(store)
        assert await seed_when_empty(store, clock=at_now, progress=nobody_watches)
        front_desk = await store.get(DEPARTMENTS, "front-desk")
        assert front_desk is not None
        assert front_desk.names["ru"] == "Единая приёмная"


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
async def test_an_interrupted_filling_is_finished_by_the_next_start(
    tmp_path: Path, everything: Everything, share: float
) -> None:
    def pull_the_plug(done: int, total: int) -> None:
        if done > share * total:
            raise PulledPlugError

    async with open_sqlite(tmp_path / "store.sqlite") as store:
        with pytest.raises(PulledPlugError):
            await seed_when_empty(store, clock=at_now, progress=pull_the_plug)
        assert await store.get(AUDIT, "demo-done") is None
        assert await seed_when_empty(store, clock=at_now, progress=nobody_watches)
        finished = await read_everything(store)
    assert finished.cases == everything.cases
    assert finished.contacts == everything.contacts
    assert finished.entries == everything.entries
    assert finished.customers == everything.customers


def test_the_same_seed_and_moment_give_the_same_world() -> None:
    one, other = make_world(NOW, seed=7), make_world(NOW, seed=7)
    for collection in ALL:
        if collection is not EMPLOYEES:  # a password never has the same hash twice
            assert one.store.all(collection) == other.store.all(collection), collection
    assert one.store.blobs == other.store.blobs


def test_another_seed_gives_another_world() -> None:
    one, other = make_world(NOW, seed=7), make_world(NOW, seed=8)
    assert one.store.all(CUSTOMERS) != other.store.all(CUSTOMERS)
    assert one.store.all(CONTACTS) != other.store.all(CONTACTS)


@pytest.mark.parametrize("hour", [0, 5, 21])
def test_the_present_is_there_at_any_hour(hour: int) -> None:
    now = NOW.replace(day=22, hour=hour)  # a Sunday
    cases = make_world(now).store.all(CASES)
    assert sum(case.state == "queued" for case in cases) >= 20
    assert max(case.updated_at for case in cases) <= now

"""Live state of one process: no page misses or repeats an event, and whoever fell silent is gone in time."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.live import LOOK_LEASE, PAGE_LEASE, Event, Viewer
from storage.live import KEPT_EVENTS, RELOAD_GRACE, MemoryLive, open_live
from tests.storage.samples import NOON, minutes


class Ticks:
    """The seconds by which leases run out."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def live(ticks: Ticks) -> MemoryLive:
    return MemoryLive(lambda: NOON, ticks)


def numbered(first: int, count: int) -> list[Event]:
    return [Event(kind="case", at=NOON, case_id=str(number)) for number in range(first, first + count)]


async def read(live: MemoryLive, after: str, count: int) -> tuple[list[str], str]:
    """So many case ids behind that event, and the seq of the last of them: a page that is open that long."""
    seen: list[str] = []
    async with live.subscribe(after) as events:
        seq = events.seq
        assert not events.reset
        if count:
            async for event in events:
                seen.append(event.case_id)
                seq = event.seq
                if len(seen) == count:
                    break
    return seen, seq


@given(st.lists(st.integers(0, 5), max_size=20), st.lists(st.integers(1, 9), max_size=20))
async def test_a_page_that_comes_back_at_any_event_misses_nothing_and_repeats_nothing(
    published: list[int], reads: list[int]
) -> None:
    live = MemoryLive(lambda: NOON)
    async with live.subscribe() as events:
        after = events.seq
    total, seen = 0, 0
    for turn in range(max(len(published), len(reads))):
        if turn < len(published):
            await live.publish(numbered(total, published[turn]))
            total += published[turn]
        count = min(reads[turn] if turn < len(reads) else 0, total - seen)
        ids, after = await read(live, after, count)
        assert ids == [str(number) for number in range(seen, seen + count)]
        seen += count
    ids, _ = await read(live, after, total - seen)
    assert ids == [str(number) for number in range(seen, total)]


async def test_every_subscriber_gets_every_event_in_order_while_others_publish(live: MemoryLive) -> None:
    async def follow() -> list[str]:
        """A page that loses its line after every third event."""
        seen: list[str] = []
        after = start
        while len(seen) < 200:
            async with live.subscribe(after) as events:
                async for event in events:
                    seen.append(event.case_id)
                    after = event.seq
                    if len(seen) % 3 == 0 or len(seen) == 200:
                        break
        return seen

    async def publish() -> None:
        for first in range(0, 200, 4):
            await live.publish(numbered(first, 4))
            await asyncio.sleep(0)

    async with live.subscribe() as events:
        start = events.seq
    async with asyncio.timeout(20):
        *followed, _ = await asyncio.gather(*(follow() for _ in range(20)), publish())
    assert all(seen == [str(number) for number in range(200)] for seen in followed)


async def test_a_new_page_gets_what_follows_and_not_what_was(live: MemoryLive) -> None:
    await live.publish(numbered(0, 3))
    async with live.subscribe() as events:
        await live.publish(numbered(3, 1))
        assert (await anext(aiter(events))).case_id == "3"


async def test_a_subscriber_sleeps_through_what_he_does_not_want_and_is_not_left_behind(
    live: MemoryLive,
) -> None:
    async with live.subscribe(wants=lambda event: event.case_id == "7") as events:
        waiting = asyncio.ensure_future(anext(aiter(events)))
        for _ in range(3):
            await asyncio.sleep(0)
            await live.publish(numbered(100, KEPT_EVENTS))
        assert not waiting.done()
        await live.publish(numbered(5, 4))
        assert (await waiting).case_id == "7"
        assert not events.reset


async def test_events_are_numbered_in_the_order_of_publishing(live: MemoryLive) -> None:
    async with live.subscribe() as events:
        await asyncio.gather(*(live.publish(numbered(10 * n, 3)) for n in range(5)))
        following = aiter(events)
        numbers = [int((await anext(following)).seq.partition("-")[2]) for _ in range(15)]
    assert numbers == list(range(1, 16))


@pytest.mark.parametrize(
    "after", ["x", "1", "-", "-1", "ffffffff-1", "{epoch}-", "{epoch}-x", "{epoch}--1", "{epoch}-99"]
)
async def test_a_page_of_another_life_or_from_nowhere_reads_everything_anew(
    live: MemoryLive, after: str
) -> None:
    await live.publish(numbered(0, 3))
    async with live.subscribe() as events:
        epoch = events.seq.partition("-")[0]
    async with live.subscribe(after.format(epoch=epoch)) as events:
        assert events.reset
        await live.publish(numbered(3, 1))
        assert (await anext(aiter(events))).case_id == "3"


async def test_a_number_beyond_all_measure_reads_everything_anew(live: MemoryLive) -> None:
    async with live.subscribe() as events:
        epoch = events.seq.partition("-")[0]
    async with live.subscribe(f"{epoch}-{'9' * 5000}") as events:
        assert events.reset


async def test_a_page_too_far_behind_reads_everything_anew(live: MemoryLive) -> None:
    async with live.subscribe() as events:
        start = events.seq
    async with live.subscribe() as slow:
        for _ in range(3):
            await live.publish(numbered(0, KEPT_EVENTS))
        assert [event async for event in slow] == []
        assert slow.reset
    async with live.subscribe(start) as events:
        assert events.reset
        await live.publish(numbered(7, 1))
        assert (await anext(aiter(events))).case_id == "7"


async def test_no_more_events_are_kept_than_pages_can_catch_up_from(live: MemoryLive) -> None:
    async with live.subscribe() as events:
        await live.publish(numbered(0, KEPT_EVENTS - 1))
        behind = aiter(events)
        assert [(await anext(behind)).case_id for _ in range(3)] == ["0", "1", "2"]
    for _ in range(10):
        await live.publish(numbered(0, KEPT_EVENTS // 2))
        assert len(live.events_from(live._first) or ()) <= 2 * KEPT_EVENTS


async def test_five_hundred_pages_cost_little(live: MemoryLive) -> None:
    """The events are kept once, whoever reads them: what a page costs is its waking."""
    count = 200

    opened = asyncio.Semaphore(0)

    async def follow() -> int:
        seen = 0
        async with live.subscribe() as events:
            opened.release()
            async for _ in events:
                seen += 1
                if seen == count:
                    break
        return seen

    async with asyncio.TaskGroup() as pages:
        following = [pages.create_task(follow()) for _ in range(500)]
        for _ in following:
            await opened.acquire()
        began = time.process_time()
        for number in range(count):
            await live.publish(numbered(number, 1))
            await asyncio.sleep(0)
        await asyncio.gather(*following)
        spent = time.process_time() - began
    assert [task.result() for task in following] == [count] * 500
    assert spent / (500 * count) < 100e-6, "seconds for an event on a page"


async def test_whoever_opens_a_page_is_present_until_it_falls_silent(live: MemoryLive, ticks: Ticks) -> None:
    await live.arrive("anna", "p1", "ready")
    assert (await live.present())["anna"].status == "ready"
    ticks.seconds = PAGE_LEASE - 1
    await live.arrive("anna", "p1", "ready")
    ticks.seconds = 2 * PAGE_LEASE - 2
    assert list(await live.present()) == ["anna"]
    ticks.seconds = 2 * PAGE_LEASE
    assert await live.present() == {}


async def test_a_reload_takes_nobody_away(live: MemoryLive, ticks: Ticks) -> None:
    await live.arrive("anna", "p1", "ready")
    await live.leave("anna", "p1")
    ticks.seconds = RELOAD_GRACE - 1
    assert list(await live.present()) == ["anna"]
    await live.arrive("anna", "p2", "ready")
    ticks.seconds = RELOAD_GRACE + 1
    assert list(await live.present()) == ["anna"]


async def test_with_the_last_page_the_employee_is_gone(live: MemoryLive, ticks: Ticks) -> None:
    await live.arrive("anna", "p1", "ready")
    await live.arrive("anna", "p2", "ready")
    await live.leave("anna", "p1")
    ticks.seconds = RELOAD_GRACE + 1
    assert list(await live.present()) == ["anna"]
    await live.leave("anna", "p2")
    await live.leave("anna", "p3")
    await live.leave("nobody", "p1")
    ticks.seconds += RELOAD_GRACE + 1
    assert await live.present() == {}


async def test_since_when_tells_the_status_and_not_the_last_sign_of_life() -> None:
    at = [minutes(0)]
    live = MemoryLive(lambda: at[0])
    await live.arrive("anna", "p1", "ready")
    at[0] = minutes(5)
    await live.arrive("anna", "p1", "ready")
    assert (await live.present())["anna"].since == minutes(0)
    await live.arrive("anna", "p1", "away")
    presence = (await live.present())["anna"]
    assert (presence.status, presence.since) == ("away", minutes(5))


async def told(live: MemoryLive, after: str) -> list[tuple[str, str]]:
    """What pages were told since: who, and what of him."""
    end = Event(kind="channel", at=NOON)
    await live.publish([end])
    said: list[tuple[str, str]] = []
    async with live.subscribe(after) as events:
        async for event in events:
            if event.kind == "channel":
                break
            said.append((event.employee_id, event.data.get("status") or event.data.get("doing", "")))
    return said


async def test_pages_are_told_of_changes_only(live: MemoryLive, ticks: Ticks) -> None:
    async with live.subscribe() as events:
        start = events.seq
    await live.arrive("anna", "p1", "ready")
    await live.arrive("anna", "p1", "ready")
    await live.arrive("anna", "p2", "away")
    ticks.seconds = PAGE_LEASE
    await live.present()
    await live.present()
    assert await told(live, start) == [("anna", "ready"), ("anna", "away"), ("anna", "offline")]


async def test_whoever_looks_at_a_case_is_seen_until_he_leaves_or_falls_silent(
    live: MemoryLive, ticks: Ticks
) -> None:
    async with live.subscribe() as events:
        start = events.seq
    await live.look("1", "anna", "p1", typing=False)
    await live.look("1", "anna", "p1", typing=False)
    await live.look("1", "anna", "p2", typing=True)
    await live.look("1", "boris", "p3", typing=False)
    await live.look("2", "vera", "p4", typing=False)
    assert await live.viewers("1") == [
        Viewer(employee_id="anna", typing=True),
        Viewer(employee_id="boris", typing=False),
    ]
    await live.look_away("1", "boris", "p3")
    await live.look_away("1", "boris", "p3")
    ticks.seconds = LOOK_LEASE - 1
    await live.look("1", "anna", "p1", typing=True)
    ticks.seconds = LOOK_LEASE
    assert await live.viewers("1") == [Viewer(employee_id="anna", typing=True)]
    assert await live.viewers("2") == []
    assert await told(live, start) == [
        ("anna", "looking"),
        ("anna", "typing"),
        ("boris", "looking"),
        ("vera", "looking"),
        ("boris", "gone"),
        ("anna", "typing"),
        ("anna", "gone"),
        ("vera", "gone"),
    ]


async def test_leases_run_out_though_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.live.PAGE_LEASE", 0.05)
    monkeypatch.setattr("storage.live.SWEEP_EVERY", 0.02)
    async with open_live() as live, live.subscribe() as events:
        await live.arrive("anna", "p1", "ready")
        following = aiter(events)
        async with asyncio.timeout(5):
            assert [(await anext(following)).data["status"] for _ in range(2)] == ["ready", "offline"]


async def test_a_page_that_is_closed_while_it_waits_leaves_the_others_waiting(live: MemoryLive) -> None:
    async def first() -> str:
        async with live.subscribe() as events:
            return (await anext(aiter(events))).case_id

    gone, staying = asyncio.create_task(first()), asyncio.create_task(first())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    await live.publish(numbered(1, 1))
    assert await staying == "1"


async def test_work_under_one_lease_is_done_by_one_at_a_time_and_goes_on_when_that_one_is_gone(
    live: MemoryLive,
) -> None:
    began: list[str] = []
    second_began = asyncio.Event()

    async def work(who: str) -> None:
        began.append(who)
        if who == "second":
            second_began.set()
        if who != "other":
            await asyncio.Event().wait()

    first = asyncio.create_task(live.run_alone("mailbox", lambda: work("first")))
    await asyncio.sleep(0)
    second = asyncio.create_task(live.run_alone("mailbox", lambda: work("second")))
    await live.run_alone("another mailbox", lambda: work("other"))
    assert began == ["first", "other"]
    first.cancel()
    await asyncio.wait([first])
    await second_began.wait()
    second.cancel()
    await asyncio.wait([second])


async def test_events_that_are_there_together_come_together(live: MemoryLive) -> None:
    async with live.subscribe(wants=lambda event: event.case_id != "2") as events:
        together = events.together()
        await live.publish(numbered(1, 4))
        assert [event.case_id for event in await anext(together)] == ["1", "3", "4"]
        waiting = asyncio.ensure_future(anext(together))
        await live.publish(numbered(5, 1))
        assert [event.case_id for event in await waiting] == ["5"]
        await live.publish(numbered(6, 2 * KEPT_EVENTS + 1))
        assert await anext(together, None) is None
        assert events.reset

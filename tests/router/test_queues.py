"""A place in a queue is counted, and a wait is only told when the last hour gives reason to."""

from __future__ import annotations

import msgspec

from crm.case import URGENT, Case
from crm.collections import CASES
from crm.store import Replace, Store
from router.queues import place_in_queue
from tests.router.records import (
    MONDAY_NOON,
    HandClock,
    a_case,
    a_department,
    a_hand_over,
    an_employee,
    keep,
    minutes_ago,
)


async def position_of(store: Store, case: Case, clock: HandClock) -> int:
    place = await place_in_queue(store, case, clock=clock)
    assert place is not None
    return place.position


async def test_whoever_came_first_is_next(store: Store, clock: HandClock) -> None:
    first, second = a_case("1", queued=minutes_ago(10)), a_case("2", queued=minutes_ago(5))
    elsewhere = a_case("3", queued=minutes_ago(30), department_id="billing")
    held = a_case("4", queued=minutes_ago(40), state="assigned", assignee_id="anna")
    await keep(store, first, second, elsewhere, held)
    assert [await position_of(store, case, clock) for case in (first, second)] == [1, 2]


async def test_an_urgent_case_stands_before_older_ones(store: Store, clock: HandClock) -> None:
    old, urgent = a_case("1", queued=minutes_ago(60)), a_case("2", priority=URGENT)
    await keep(store, old, urgent)
    assert [await position_of(store, case, clock) for case in (old, urgent)] == [2, 1]


async def test_cases_of_the_same_moment_have_different_places(store: Store, clock: HandClock) -> None:
    cases = [a_case(str(number)) for number in range(5)]
    await keep(store, *cases)
    assert [await position_of(store, case, clock) for case in cases] == [1, 2, 3, 4, 5]


async def test_a_case_that_waits_for_nobody_has_no_place(store: Store, clock: HandClock) -> None:
    held = a_case(state="assigned", assignee_id="anna")
    await keep(store, held)
    assert await place_in_queue(store, held, clock=clock) is None


async def test_the_wait_is_the_position_times_the_mean_gap(store: Store, clock: HandClock) -> None:
    """Hand-overs 40, 20 and 10 minutes ago: 40 minutes / 2 gaps, so the second in the queue waits 40."""
    await keep(store, a_department(), an_employee())
    taken = [a_case(f"t{ago}", state="assigned", assignee_id="anna") for ago in (40, 20, 10)]
    overs = [
        a_hand_over(f"h{ago}", minutes_ago(ago), case_id=f"t{ago}", how=how)
        for ago, how in ((40, "took"), (20, "accepted"), (10, "took"))
    ]
    waiting = [a_case("1", queued=minutes_ago(3)), a_case("2", queued=minutes_ago(2))]
    await keep(store, *taken, *overs, *waiting)
    place = await place_in_queue(store, waiting[1], clock=clock)
    assert place == (2, 2 * 20 * 60)


async def test_what_was_handed_over_elsewhere_or_long_ago_tells_nothing(
    store: Store, clock: HandClock
) -> None:
    await keep(store, a_department(), an_employee())
    other = a_case("b", department_id="billing", state="assigned", assignee_id="anna")
    ours = a_case("f", state="assigned", assignee_id="anna")
    overs = [a_hand_over(f"b{n}", minutes_ago(n), case_id="b") for n in (10, 20, 30)]
    overs += [a_hand_over(f"f{n}", minutes_ago(n), case_id="f") for n in (5, 15, 61, 62, 63)]
    released = [a_hand_over(f"r{n}", minutes_ago(n), case_id="f", how="released") for n in (1, 2, 3)]
    waiting = a_case("1")
    await keep(store, other, ours, waiting, *overs, *released)
    assert await place_in_queue(store, waiting, clock=clock) == (1, None)


async def test_a_case_moves_up_when_one_before_it_is_taken(store: Store, clock: HandClock) -> None:
    first, second = a_case("1", queued=minutes_ago(10)), a_case("2", queued=minutes_ago(5))
    await keep(store, first, second)
    taken = msgspec.structs.replace(first, state="assigned", assignee_id="anna", updated_at=MONDAY_NOON)
    await store.commit([Replace(CASES, taken)])
    assert await position_of(store, second, clock) == 1

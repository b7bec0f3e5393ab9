"""Whoever waits is handed to somebody who is here and has room, in turn, and waits for nobody in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.case import HEAD_START, HIGH, LOW, URGENT, Assigned, Case
from crm.collections import CASES, EMPLOYEES
from crm.employee import Employee
from crm.errors import OnewindowError
from crm.store import Insert, equals
from router.dispatch import ASKED_AGAIN, Candidate, choose
from router.live import Status
from tests.disks import full_disk
from tests.polling import until
from tests.router.house import ANNA, House, a_message, an_arrival, check_cases, open_house
from tests.router.records import MONDAY_NOON, a_case, an_employee, minutes_ago


def a_candidate(id: str, load: int = 0, *, ready: float = 0, **fields: Any) -> Candidate:
    return Candidate(an_employee(id, **fields), load, minutes_ago(ready))


def chosen(case: Case, *candidates: Candidate) -> str:
    choice = choose(case, candidates)
    assert choice.step.matched == (choice.employee is not None)
    return choice.employee.id if choice.employee else ""


def test_the_least_loaded_gets_the_case() -> None:
    assert (
        chosen(a_case(), a_candidate("anna", 2), a_candidate("pavel", 1), a_candidate("vera", 3)) == "pavel"
    )


def test_among_equals_whoever_has_been_ready_longest_gets_it() -> None:
    assert chosen(a_case(), a_candidate("anna", 1, ready=2), a_candidate("pavel", 1, ready=9)) == "pavel"


def test_nobody_gets_a_case_he_has_no_room_for_or_does_not_serve_or_passed_over() -> None:
    assert chosen(a_case(), a_candidate("anna", 5, capacity=5)) == ""
    assert chosen(a_case(), a_candidate("anna", department_ids=("billing",))) == ""
    assert chosen(a_case(passed_by=("anna",)), a_candidate("anna")) == ""


def test_the_choice_says_why() -> None:
    step = choose(a_case(), [a_candidate("anna", 1, capacity=3), a_candidate("pavel", 2)]).step
    assert (step.code, step.details) == ("least_loaded", {"load": "1", "capacity": "3", "candidates": "2"})
    step = choose(a_case(passed_by=("anna",)), [a_candidate("anna")]).step
    assert (step.code, step.details) == ("no_agent_free", {"present": "1", "passed": "1"})


async def comes(house: House, id: str, status: Status = "ready") -> None:
    await house.live.arrive(id, "page", status)


async def a_queue(house: House, *cases: Case) -> None:
    await house.store.commit([Insert(CASES, case) for case in cases])


async def hire(house: House, *employees: Employee) -> None:
    await house.store.commit([Insert(EMPLOYEES, employee) for employee in employees])


async def reserved_for(house: House) -> dict[str, str]:
    return {case.id: case.assignee_id for case in await house.cases() if case.state == "reserved"}


async def test_a_waiting_case_is_reserved_for_whoever_is_here(house: House) -> None:
    case_id = (await house.intake.accept(an_arrival("m1"))).case_id
    await house.dispatch.round()
    assert (await house.case(case_id)).state == "queued", "nobody is here yet"
    await comes(house, "anna")
    await comes(house, "boris")  # of another department
    house.clock.pass_by(seconds=1)
    await house.dispatch.round()
    case = await house.case(case_id)
    assert (case.state, case.assignee_id) == ("reserved", "anna")
    assert case.reserved_until == house.clock() + timedelta(seconds=45)
    assert case.trace[-1].code == "least_loaded"
    entry = (await house.entries(case_id))[-1]
    assert isinstance(entry, Assigned)
    assert (entry.how, entry.assignee_id, entry.employee_id) == ("reserved", "anna", "")


@pytest.mark.parametrize("status", ["away", "offline"])
async def test_whoever_is_not_ready_gets_nothing(house: House, status: Status) -> None:
    await comes(house, "anna", status)
    await a_queue(house, a_case())
    await house.dispatch.round()
    assert await reserved_for(house) == {}


async def test_whoever_no_longer_works_here_gets_nothing(house: House) -> None:
    gone = an_employee("gone", active=False)
    await hire(house, gone)
    await comes(house, "gone")
    await a_queue(house, a_case())
    await house.dispatch.round()
    assert await reserved_for(house) == {}


async def test_many_cases_at_once_fill_everybody_and_overfill_nobody(house: House) -> None:
    await hire(house, an_employee("a", capacity=2), an_employee("b", capacity=3))
    await comes(house, "a")
    await comes(house, "b")
    await a_queue(house, *(a_case(f"{n}", queued=minutes_ago(n)) for n in range(20)))
    for _ in range(3):
        await house.dispatch.round()
    reserved = await reserved_for(house)
    assert sorted(reserved.values()) == ["a", "a", "b", "b", "b"]
    assert sorted(reserved) == ["15", "16", "17", "18", "19"], "those who waited longest"


async def test_cases_that_wait_for_the_customer_take_no_room(house: House) -> None:
    await hire(house, an_employee("a", capacity=1))
    await comes(house, "a")
    held: dict[str, Any] = {"state": "assigned", "assignee_id": "a", "waiting_since": None}
    await a_queue(house, a_case("1", **held), a_case("2"))
    await house.dispatch.round()
    assert await reserved_for(house) == {"2": "a"}


async def test_a_reservation_that_runs_out_goes_to_the_next_and_keeps_its_turn(house: House) -> None:
    await comes(house, "anna")
    await comes(house, "pavel")
    await a_queue(house, a_case())
    await house.dispatch.round()
    first = (await reserved_for(house))["100001"]
    house.clock.pass_by(seconds=44)
    await house.dispatch.round()
    assert await reserved_for(house) == {"100001": first}
    house.clock.pass_by(seconds=1)
    await house.dispatch.round()
    case = await house.case("100001")
    assert case.assignee_id == ({"anna", "pavel"} - {first}).pop()
    assert (case.passed_by, case.turn_at) == ((first,), MONDAY_NOON)


async def test_whoever_misses_an_offer_is_asked_again_after_ever_longer_rests(house: House) -> None:
    """A page left open over night must not fill the timeline with offers."""
    await comes(house, "anna")
    await a_queue(house, a_case())
    for minutes in (5, 10, 20, 40, 60, 60):
        await house.dispatch.round()
        assert await reserved_for(house) == {"100001": "anna"}
        house.clock.pass_by(seconds=45)
        await house.dispatch.round()
        house.clock.pass_by(seconds=minutes * 60 - 1)
        await house.dispatch.round()
        assert await reserved_for(house) == {}, "she is left alone for a while"
        house.clock.pass_by(seconds=1)


async def test_nothing_is_handed_to_supervisors(house: House) -> None:
    await hire(house, an_employee("boss", role="supervisor"))
    await comes(house, "boss")
    await a_queue(house, a_case())
    await house.dispatch.round()
    assert await reserved_for(house) == {}


async def test_whoever_has_room_is_asked_again_when_the_others_have_none(house: House) -> None:
    """Pavel is full and may stay so for ever: the customer must not wait for that."""
    await hire(house, an_employee("full", capacity=0))
    await comes(house, "anna")
    await comes(house, "full")
    await a_queue(house, a_case(passed_by=("anna",)))
    await house.dispatch.round()
    assert await reserved_for(house) == {"100001": "anna"}


async def test_a_case_that_was_given_back_is_not_pressed_on_the_same_agent_at_once(house: House) -> None:
    """He is alone: he is asked again after a while, and the case says that this is why."""
    await comes(house, "anna")
    await a_queue(house, a_case())
    await house.dispatch.round()
    await house.casework.release("100001", ANNA)
    await house.dispatch.round()
    assert await reserved_for(house) == {}
    house.clock.pass_by(seconds=ASKED_AGAIN.total_seconds() - 1)
    await house.dispatch.round()
    assert await reserved_for(house) == {}
    house.clock.pass_by(seconds=1)
    await house.dispatch.round()
    assert await reserved_for(house) == {"100001": "anna"}
    assert [step.code for step in (await house.case("100001")).trace][-2] == "asked_again"


async def test_a_case_that_was_given_back_goes_to_somebody_else_while_there_is_one(house: House) -> None:
    await comes(house, "anna")
    await a_queue(house, a_case())
    await house.dispatch.round()
    await comes(house, "pavel")
    await house.casework.release("100001", ANNA)
    await house.dispatch.round()
    assert await reserved_for(house) == {"100001": "pavel"}


async def test_the_reservation_of_whoever_left_goes_on_at_once_and_is_not_held_against_him(
    house: House,
) -> None:
    await comes(house, "anna")
    await a_queue(house, a_case())
    await house.dispatch.round()
    await leaves(house, "anna")
    await house.dispatch.round()
    case = await house.case("100001")
    assert (case.state, case.passed_by) == ("queued", ())


async def leaves(house: House, id: str) -> None:
    """His last page closes, and the grace for a reload passes."""
    await house.live.leave(id, "page")
    house.ticks.pass_by(seconds=10)


async def test_whose_holder_is_not_here_waits_in_the_queue_again_after_the_limit(house: House) -> None:
    held: dict[str, Any] = {"state": "assigned", "assignee_id": "pavel"}
    await a_queue(house, a_case("1", **held), a_case("2", **held, waiting_since=None))
    house.clock.pass_by(hours=4, seconds=-1)
    await house.dispatch.round()
    assert (await house.case("1")).state == "assigned"
    house.clock.pass_by(seconds=1)
    await house.dispatch.round()
    first, second = await house.case("1"), await house.case("2")
    assert (first.state, first.assignee_id, first.turn_at) == ("queued", "", MONDAY_NOON)
    assert second.state == "assigned", "nobody waits for an answer there"
    entry = (await house.entries("1"))[-1]
    assert isinstance(entry, Assigned)
    assert (entry.how, entry.assignee_id, entry.trace[0].code) == ("released", "pavel", "holder_absent")


async def test_whose_holder_is_here_stays_with_him(house: House) -> None:
    await comes(house, "pavel", "away")
    await a_queue(house, a_case(state="assigned", assignee_id="pavel"))
    house.clock.pass_by(days=2)
    await house.dispatch.round()
    assert (await house.case("100001")).state == "assigned"


async def test_an_absent_holders_case_is_found_behind_any_number_that_wait_longer(house: House) -> None:
    await comes(house, "olga")
    longer: dict[str, Any] = {"queued": minutes_ago(60), "department_id": "billing"}
    await a_queue(house, *(a_case(f"q{n}", **longer) for n in range(250)))
    mine: dict[str, Any] = {"state": "assigned", "assignee_id": "olga", "queued": minutes_ago(30)}
    await a_queue(house, *(a_case(f"h{n}", **mine) for n in range(250)))
    await a_queue(house, a_case("lost", state="assigned", assignee_id="pavel"))
    house.clock.pass_by(hours=4)
    await house.dispatch.round()
    assert (await house.case("lost")).state == "queued"
    assert (await house.case("h249")).state == "assigned"


async def test_the_urgent_go_first_and_then_whoever_waited_longest(house: House) -> None:
    await hire(house, an_employee("a", capacity=1))
    await comes(house, "a")
    await a_queue(
        house,
        a_case("normal", queued=minutes_ago(60)),
        a_case("low", queued=minutes_ago(120), priority=LOW),
        a_case("high", queued=minutes_ago(10), priority=HIGH),
        a_case("urgent", queued=minutes_ago(1), priority=URGENT),
        a_case("older", queued=minutes_ago(90)),
    )
    served = await served_in_order(house, "a", 5)
    assert served == ["urgent", "high", "older", "normal", "low"]


async def served_in_order(house: House, who: str, count: int) -> list[str]:
    """The cases as this agent gets, accepts and closes them, one after another."""
    by, served = await house.employee(who), []
    for _ in range(count):
        await house.dispatch.round()
        (case_id,) = [id_ for id_, agent in (await reserved_for(house)).items() if agent == who]
        await house.casework.accept(case_id, by)
        await house.casework.decide(case_id, by, code="solved")
        served.append(case_id)
    return served


async def test_nobody_starves_behind_the_urgent(house: House) -> None:
    """Urgent cases come as fast as one agent works; a low one has its turn among them."""
    await hire(house, an_employee("a", capacity=1))
    await comes(house, "a")
    await a_queue(house, a_case("low", priority=LOW), a_case("first", priority=URGENT))
    served: list[str] = []
    limit = (HEAD_START[URGENT] - HEAD_START[LOW]) / timedelta(minutes=10) + 2
    while "low" not in served and len(served) < limit:
        served += await served_in_order(house, "a", 1)
        house.clock.pass_by(minutes=10)
        await a_queue(house, a_case(f"u{len(served)}", priority=URGENT, queued=house.clock()))
    assert served[-1] == "low"


async def test_a_department_does_not_starve_behind_another_of_the_same_agent(house: House) -> None:
    await hire(house, an_employee("a", capacity=1, department_ids=("billing", "technical")))
    await comes(house, "a")
    await a_queue(
        house,
        a_case("b1", department_id="billing", queued=minutes_ago(5)),
        a_case("t1", department_id="technical", queued=minutes_ago(10)),
        a_case("b2", department_id="billing", queued=minutes_ago(15)),
    )
    assert await served_in_order(house, "a", 3) == ["b2", "t1", "b1"]


async def test_a_case_is_handed_out_as_soon_as_it_comes_and_as_soon_as_somebody_does(house: House) -> None:
    """Far sooner than a round that comes by itself: dispatch hears what happens."""

    async def state_of(case_id: str) -> str:
        return (await house.case(case_id)).state

    async with house.dispatch.running():
        await comes(house, "anna")
        first = (await house.intake.accept(an_arrival("m1"))).case_id
        await until(lambda: state_of(first), "reserved", patience=2)
        outage = (await house.intake.accept(an_arrival("m2", "интернет не работает"))).case_id
        assert await state_of(outage) == "queued"
        await comes(house, "boris")
        await until(lambda: state_of(outage), "reserved", patience=2)


async def test_dispatch_goes_on_after_the_store_was_down(house: House) -> None:
    async def reserved() -> int:
        return len(await reserved_for(house))

    async with house.dispatch.running():
        await a_queue(house, a_case("1"))
        with full_disk():
            await comes(house, "anna")
            await asyncio.sleep(0.2)
            assert await reserved_for(house) == {}
        await comes(house, "anna", "away")
        await comes(house, "anna", "ready")
        await until(reserved, 1, patience=10)


async def test_two_who_hand_out_at_once_reserve_a_case_once(house: House) -> None:
    await comes(house, "anna")
    await comes(house, "pavel")
    await a_queue(house, *(a_case(f"{n}", queued=minutes_ago(n)) for n in range(8)))
    await asyncio.gather(house.dispatch.round(), house.dispatch.round())
    reserved = await house.store.find(CASES, equals("state", "reserved"))
    entries = [entry for case in reserved for entry in await house.entries(case.id)]
    assert len(entries) == len(reserved)
    await check_cases(house)


Deed = tuple[Literal["write", "come", "go", "accept", "release", "answer", "close", "wait"], int]
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["write", "come", "go", "accept", "release", "answer", "close", "wait"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(DEEDS, st.lists(st.integers(0, 3), min_size=3, max_size=3))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_waits_for_ever_while_somebody_with_room_is_ready(
    tmp_path_factory: pytest.TempPathFactory, deeds: Sequence[Deed], capacities: Sequence[int]
) -> None:
    """Whatever happened before: then one agent works as he should, the others look on, and all get served."""
    async with open_house(tmp_path_factory.mktemp("floor")) as house:
        agents = [an_employee(f"a{n}", capacity=most) for n, most in enumerate(capacities)]
        good = an_employee("good", capacity=1)
        await hire(house, *agents, good)
        for number, (deed, which) in enumerate(deeds):
            await do(house, deed, [*agents, good][which % 4], number, which)
            await house.dispatch.round()
            await check_loads(house, [*agents, good])
        for agent in agents:
            await comes(house, agent.id)
        await comes(house, "good")
        waiting = [case.id for case in await house.cases() if case.state in ("queued", "reserved")]
        for _ in range(8 * len(waiting) + 8):
            await house.dispatch.round()
            for case_id, who in (await reserved_for(house)).items():
                if who == "good":
                    await house.casework.accept(case_id, good)
            for case in await house.cases():  # those too that he had taken before
                if case.state == "assigned" and case.assignee_id == "good":
                    await house.casework.decide(case.id, good, code="solved")
            house.clock.pass_by(seconds=46)
        still = [case for case in await house.cases() if case.id in waiting and case.open]
        assert still == []
        await check_cases(house)


async def do(house: House, deed: str, agent: Employee, number: int, which: int) -> None:
    cases = await house.store.find(CASES, equals("assignee_id", agent.id))
    try:
        if deed == "write":
            await house.intake.accept(a_message(f"c{number}", visitor=f"v{which}"))
        elif deed == "come":
            await comes(house, agent.id, ("ready", "away", "ready")[which % 3])
        elif deed == "go":
            await leaves(house, agent.id)
        elif deed == "wait":
            house.clock.pass_by(seconds=20 * which, hours=which % 2)
        elif cases and deed == "accept":
            await house.casework.accept(cases[0].id, agent)
        elif cases and deed == "release":
            await house.casework.release(cases[0].id, agent)
        elif cases and deed == "answer":
            (way, *_) = await house.casework.ways_to_answer(cases[0])
            await house.casework.answer(cases[0].id, agent, channel="chat", to=way.to, text="Чиним")
        elif cases:
            await house.casework.decide(cases[0].id, agent, code="solved")
    except OnewindowError:
        return  # what he may not do just now


async def check_loads(house: House, agents: Sequence[Employee]) -> None:
    """What is reserved for somebody never makes more than he can hold."""
    for agent in agents:
        cases = await house.store.find(CASES, equals("assignee_id", agent.id), equals("open", True))
        reserved = [case for case in cases if case.state == "reserved"]
        assert len(reserved) <= agent.capacity

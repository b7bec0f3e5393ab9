"""Calls find their case: who calls again joins what is to be called back, and so does the call back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from crm.contact import Address, Arrival, Receipt
from tests.router.house import ANNA, PAVEL, House, an_arrival, check_cases, open_house

IVAN = Address(kind="phone", value="+79161234567")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


def a_call(key: str, outcome: str, *, by: str = "", sender: Address = IVAN) -> Arrival:
    """A call as an exchange tells it; `by` took it."""
    return an_arrival(
        key, "", channel="phone", sender=sender, subject="Звонок", fields={"outcome": outcome}, employee_id=by
    )


def a_call_out(key: str, outcome: str, *, by: str = ANNA.id) -> Arrival:
    arrival = a_call(key, outcome, by=by, sender=Address(kind="phone", value=""))
    return arrival._replace(
        contact=msgspec.structs.replace(arrival.contact, direction="outbound", recipients=(IVAN,))
    )


async def take(house: House, arrival: Arrival) -> Receipt:
    return await house.intake.accept(arrival)


async def test_repeated_missed_calls_are_one_case_to_call_back(house: House) -> None:
    first = await take(house, a_call("1", "missed"))
    again = await take(house, a_call("2", "abandoned"))
    assert (again.case_id, again.number) == (first.case_id, 2)
    case = await house.case(first.case_id)
    assert (case.state, case.waiting_since) == ("queued", case.opened_at)
    other = await take(house, a_call("3", "missed", sender=Address(kind="phone", value="+79990000000")))
    assert other.case_id != first.case_id
    await check_cases(house)


def past(arrival: Arrival) -> Arrival:
    """The same, days ago."""
    call = arrival.contact
    at = call.received_at - timedelta(days=4)
    old = msgspec.structs.replace(call, received_at=at, fields={**call.fields, "past": "yes"})
    return arrival._replace(contact=old)


@pytest.mark.parametrize("outcome", ["missed", "abandoned", "answered"])
async def test_a_call_of_long_ago_is_history_and_waits_for_nobody(house: House, outcome: str) -> None:
    waits = await take(house, a_call("1", "missed"))
    told = await take(house, past(a_call("2", outcome, by=ANNA.id if outcome == "answered" else "")))
    open_before = await house.case(waits.case_id)
    assert told.case_id != waits.case_id
    assert (open_before.contacts, open_before.state) == (1, "queued")
    case = await house.case(told.case_id)
    assert (case.state, case.open, case.waiting_since, case.assignee_id) == ("closed", False, None, "")
    assert case.closed_at == case.opened_at == past(a_call("2", outcome)).contact.received_at
    assert case.customer_id == open_before.customer_id
    assert case.trace[-1].code == "past_call"
    again = await take(house, past(a_call("2", outcome, by=ANNA.id if outcome == "answered" else "")))
    assert (again.case_id, again.repeated) == (told.case_id, True)
    await check_cases(house)


async def test_who_calls_today_after_a_call_of_long_ago_is_called_back(house: House) -> None:
    await take(house, past(a_call("1", "missed")))
    today = await take(house, a_call("2", "missed"))
    assert (await house.case(today.case_id)).state == "queued"
    await check_cases(house)


async def test_who_calls_again_and_is_answered_is_in_the_hands_of_who_took_it(house: House) -> None:
    missed = await take(house, a_call("1", "missed"))
    answered = await take(house, a_call("2", "answered", by=ANNA.id))
    case = await house.case(missed.case_id)
    assert answered.case_id == missed.case_id
    assert (case.state, case.assignee_id, case.waiting_since) == ("assigned", ANNA.id, None)
    later = await take(house, a_call("3", "missed"))
    assert later.case_id != missed.case_id, "that matter is dealt with: this is another call to return"
    await check_cases(house)


async def test_a_case_in_a_colleagues_hands_stays_with_him(house: House) -> None:
    missed = await take(house, a_call("1", "missed"))
    await house.casework.take(missed.case_id, PAVEL)
    answered = await take(house, a_call("2", "answered", by=ANNA.id))
    assert answered.case_id != missed.case_id
    assert (await house.case(missed.case_id)).assignee_id == PAVEL.id


async def test_the_call_back_joins_the_case_and_ends_the_wait(house: House) -> None:
    missed = await take(house, a_call("1", "missed"))
    tried = await take(house, a_call_out("2", "busy"))
    case = await house.case(missed.case_id)
    assert (tried.case_id, case.state, case.waiting_since) == (missed.case_id, "queued", case.opened_at)
    spoke = await take(house, a_call_out("3", "answered"))
    case = await house.case(missed.case_id)
    assert (spoke.case_id, case.assignee_id, case.waiting_since) == (missed.case_id, ANNA.id, None)
    assert len(await house.customers()) == 1
    await check_cases(house)


async def test_a_call_to_a_customer_joins_the_case_of_who_calls(house: House) -> None:
    other = await take(house, an_arrival("m1", "Счёт", channel="visit", sender=IVAN))
    held = await take(house, an_arrival("m2", "Настройка", channel="visit", sender=IVAN))
    await house.casework.take(held.case_id, ANNA)
    called = await take(house, a_call_out("3", "answered"))
    assert (called.case_id, other.case_id != held.case_id) == (held.case_id, True)

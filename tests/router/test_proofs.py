"""What a channel proved ties people to who they are; customers known to people here are never made one."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.case import Identified
from crm.collections import CONTACTS, CUSTOMERS
from crm.contact import Address, Arrival
from router import proofs as module
from router.customers import update_customer
from router.history import attach_history, read_timeline
from tests.router.house import House, an_arrival, check_cases, open_house

PHONE = Address(kind="phone", value="+7 905 123-45-67")
PHONE_ID = "phone:+79051234567"


def a_call(key: str = "c1") -> Arrival:
    return an_arrival(key, "Счёт", channel="phone", sender=PHONE)


def a_word(
    key: str, text: str = "Здравствуйте", *proofs: Address, user: str = "42", **fields: Any
) -> Arrival:
    sender = Address(kind="telegram", value=user, name="Иван")
    return an_arrival(key, text, channel="telegram", sender=sender, proofs=proofs, **fields)


async def owners(house: House) -> dict[str, str]:
    return {id_: owner for id_, owner in (await house.addresses()).items() if owner}


async def check_whole(house: House) -> None:
    """Every contact and entry is of its case's customer, and every case of somebody who is somebody."""
    await check_cases(house)
    customers = {customer.id: customer for customer in await house.customers()}
    cases = {case.id: case for case in await house.cases()}
    for contact in await house.contacts():
        assert contact.customer_id == cases[contact.case_id].customer_id
    for case in cases.values():
        assert not customers[case.customer_id].became
        for entry in await house.entries(case.id):
            assert entry.customer_id == case.customer_id
    assert not any(customers[owner].became for owner in (await owners(house)).values())


async def test_an_unknown_sender_who_proves_a_known_address_is_that_customer(house: House) -> None:
    call = await house.intake.accept(a_call())
    word = await house.intake.accept(a_word("m1", "Это я", PHONE))
    assert word.customer_id == call.customer_id
    assert await owners(house) == {PHONE_ID: call.customer_id, "telegram:42": call.customer_id}
    assert "known_by_proof" in [step.code for step in (await house.case(word.case_id)).trace]


async def test_an_unknown_address_that_is_proved_is_tied_to_its_sender(house: House) -> None:
    first = await house.intake.accept(a_word("m1"))
    await house.intake.accept(a_word("m2", "Мой телефон", PHONE))
    call = await house.intake.accept(a_call())
    assert call.customer_id == first.customer_id
    assert "tied_by_proof" in [step.code for step in (await house.case(first.case_id)).trace]


async def test_a_new_sender_with_a_new_proof_is_one_new_customer(house: House) -> None:
    word = await house.intake.accept(a_word("m1", "Вот я", PHONE))
    assert await owners(house) == {PHONE_ID: word.customer_id, "telegram:42": word.customer_id}


async def test_what_was_kept_of_a_nameless_sender_moves_to_whom_he_proved_to_be(house: House) -> None:
    call = await house.intake.accept(a_call())
    before = [await house.intake.accept(a_word(f"m{n}")) for n in range(3)]
    proved = await house.intake.accept(a_word("m9", "Это мой номер", PHONE))
    assert proved.customer_id == call.customer_id
    assert proved.case_id == before[0].case_id, "the talk goes on in its case"
    assert (await owners(house))["telegram:42"] == call.customer_id
    await check_whole(house)
    shown = (await read_timeline(house.store, call.customer_id)).items
    assert len([item for item in shown if not hasattr(item, "at")]) == 5
    assert [item.before_customer_id for item in shown if isinstance(item, Identified)] == [
        before[0].customer_id
    ]
    codes = [step.code for step in (await house.case(proved.case_id)).trace]
    assert "moved_by_proof" in codes
    history = await attach_history(house.store, before[0].customer_id)
    assert history.customer.id == call.customer_id
    assert (history.totals.cases, history.totals.contacts) == (2, 5)


async def test_two_customers_whom_people_here_know_of_are_never_made_one(house: House) -> None:
    call = await house.intake.accept(a_call())
    word = await house.intake.accept(a_word("m1"))
    olga = await house.employee("olga")
    await update_customer(
        house.store, house.live, word.customer_id, by=olga, clock=house.clock, changes={"name": "Пётр"}
    )
    proved = await house.intake.accept(a_word("m2", "Это мой номер", PHONE))
    assert proved.customer_id == word.customer_id != call.customer_id
    (step,) = [
        step
        for step in (await house.case(proved.case_id)).trace
        if not step.matched and step.details.get("address")
    ]
    assert (step.code, step.details["address"]) == ("proof_of_another_customer", "+79051234567")
    assert (await owners(house))[PHONE_ID] == call.customer_id


async def test_somebody_with_more_than_one_address_stays_who_he_is(house: House) -> None:
    other = Address(kind="phone", value="+79990000001")
    await house.intake.accept(a_call())
    word = await house.intake.accept(a_word("m1", "Мой", other))
    proved = await house.intake.accept(a_word("m2", "И этот мой", PHONE))
    assert proved.customer_id == word.customer_id
    await check_whole(house)


async def test_a_history_that_is_too_long_to_move_at_once_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOVED_AT_MOST", 2)
    await house.intake.accept(a_call())
    words = [await house.intake.accept(a_word(f"m{n}")) for n in range(4)]
    proved = await house.intake.accept(a_word("m9", "Это мой номер", PHONE))
    assert proved.customer_id == words[0].customer_id
    await check_whole(house)


async def test_a_proof_that_is_sent_again_changes_nothing(house: House) -> None:
    await house.intake.accept(a_call())
    await house.intake.accept(a_word("m1"))
    proved = await house.intake.accept(a_word("m2", "Это мой номер", PHONE))
    again = await house.intake.accept(a_word("m2", "Это мой номер", PHONE))
    assert (again.repeated, again.customer_id) == (True, proved.customer_id)
    more = await house.intake.accept(a_word("m3", "Ещё раз", PHONE))
    assert more.case_id == proved.case_id
    entries = await house.entries(proved.case_id)
    assert len([one for one in entries if isinstance(one, Identified)]) == 1


async def test_a_stranger_who_answers_somebodys_letter_ties_no_address_to_him(house: House) -> None:
    letter = await house.intake.accept(an_arrival("a@x"))
    stranger = Address(kind="email", value="stranger@example.net")
    answer = an_arrival("b@x", sender=stranger, thread=letter.case_id, proofs=(PHONE,))
    joined = await house.intake.accept(answer)
    assert joined.case_id == letter.case_id
    assert PHONE_ID not in await owners(house)


STEPS = st.lists(
    st.sampled_from(["call", "word", "proof", "other proof", "other word"]), min_size=1, max_size=7
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(STEPS, st.integers(1, 8))
async def test_whatever_comes_in_whatever_batches_all_that_is_kept_fits_together(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], batch: int
) -> None:
    """And whoever proved the number is the one who has it, unless two had it proved for them."""
    async with open_house(tmp_path_factory.mktemp("proofs"), batch=batch) as house:
        kinds = {
            "call": lambda n: a_call(f"c{n}"),
            "word": lambda n: a_word(f"m{n}"),
            "proof": lambda n: a_word(f"m{n}", "Вот", PHONE),
            "other word": lambda n: a_word(f"o{n}", user="77"),
            "other proof": lambda n: a_word(f"o{n}", "Вот", PHONE, user="77"),
        }
        await asyncio.gather(*(house.intake.accept(kinds[kind](n)) for n, kind in enumerate(steps)))
        await check_whole(house)
        whose = await owners(house)
        if "proof" in steps and ("call" in steps or steps.count("proof") > 1):
            assert whose["telegram:42"] == whose[PHONE_ID]
        assert len(await house.store.find(CONTACTS, limit=100)) == len(steps)
        moved = [one for one in await house.store.find(CUSTOMERS, limit=100) if one.became]
        assert all(not one.name for one in moved)
        assert msgspec.json.encode(moved)

"""A card changes only as its employee meant, and an address has one customer at most."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from crm.collections import ADDRESSES, CUSTOMERS
from crm.contact import Address, Arrival
from crm.customer import Customer, CustomerAddress
from crm.errors import BadInput, Conflict, NotFound
from crm.store import Replace, Store
from router.customers import AddressTaken, add_address, remove_address, update_customer
from router.intake import Intake
from router.live import Live
from router.rules import RuleBook
from router.walk import Walk
from tests.router.records import CountedIds, HandClock, a_contact, a_customer, an_address, an_employee, keep

ANNA = an_employee()


@pytest.fixture
async def filled(store: Store) -> Store:
    await keep(store, ANNA, a_customer(), a_customer("maria", name="Мария Кузнецова"))
    await keep(store, an_address("phone:+74951234567", customer_id="maria"))
    return store


async def change(store: Store, live: Live, clock: HandClock, **changes: Any) -> Customer:
    return await update_customer(store, live, "ivan", by=ANNA, clock=clock, changes=changes)


async def test_only_what_is_named_changes(filled: Store, live: Live, clock: HandClock) -> None:
    clock.pass_by(minutes=1)
    changed = await change(
        filled, live, clock, segment="vip", preferences={"topics": ["кино"], "channel": "email"}
    )
    assert (changed.segment, changed.preferences.topics, changed.name) == ("vip", ("кино",), "Иван Петров")
    assert (changed.updated_at, changed.version) == (clock.at, 2)
    assert await filled.get(CUSTOMERS, "ivan") == changed


async def test_open_pages_hear_of_a_change_and_not_of_none(
    filled: Store, live: Live, clock: HandClock
) -> None:
    async with live.subscribe() as events:
        await change(filled, live, clock, name="Иван Петров")
        await change(filled, live, clock, name="Иван Сергеевич Петров")
        async with asyncio.timeout(5):
            event = await anext(aiter(events))
    assert (event.kind, event.customer_id, event.employee_id) == ("customer", "ivan", "anna")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "other"}, "id"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "created_at"),
        ({"segment": "emperor"}, "segment"),
        ({"name": 5}, "name"),
        ({"name": "я" * 301}, "name"),
        ({"preferences": {"quiet_from": "25:00", "quiet_until": "07:00"}}, "preferences.quiet_from"),
        ({"preferences": {"quiet_from": "22:00"}}, "preferences.quiet_until"),
        ({"contact_persons": [{"name": " "}]}, "contact_persons"),
        ({"contracts": ["1"] * 101}, "contracts"),
        ({"owner_id": "nobody"}, "owner_id"),
    ],
)
async def test_a_wrong_change_names_its_field(
    changes: dict[str, Any], field: str, filled: Store, live: Live, clock: HandClock
) -> None:
    with pytest.raises(BadInput) as refused:
        await change(filled, live, clock, **changes)
    assert refused.value.field == field
    assert await filled.get(CUSTOMERS, "ivan") == a_customer()


async def test_a_card_that_changed_since_it_was_read_is_a_conflict(
    filled: Store, live: Live, clock: HandClock
) -> None:
    await change(filled, live, clock, name="Иван")
    with pytest.raises(Conflict):
        await update_customer(
            filled, live, "ivan", by=ANNA, clock=clock, changes={"region": "Тверь"}, version=1
        )


async def test_two_who_change_different_fields_at_once_both_succeed(
    filled: Store, live: Live, clock: HandClock
) -> None:
    await asyncio.gather(
        change(filled, live, clock, region="Тверь"),
        change(filled, live, clock, segment="business"),
        change(filled, live, clock, contracts=["Д-1"]),
    )
    stored = await filled.get(CUSTOMERS, "ivan")
    assert stored is not None
    assert (stored.region, stored.segment, stored.contracts) == ("Тверь", "business", ("Д-1",))


async def add(store: Store, live: Live, clock: HandClock, kind: Any, value: str) -> CustomerAddress:
    return await add_address(store, live, "ivan", Address(kind=kind, value=value), by=ANNA, clock=clock)


async def test_an_address_is_added_normalised_and_once(filled: Store, live: Live, clock: HandClock) -> None:
    added = await add(filled, live, clock, "phone", "8 (812) 987-65-43")
    assert (added.id, added.value) == ("phone:+78129876543", "+78129876543")
    assert await add(filled, live, clock, "phone", "+7 812 9876543") == added


async def test_an_address_of_somebody_else_is_refused_with_his_name(
    filled: Store, live: Live, clock: HandClock
) -> None:
    with pytest.raises(AddressTaken, match="Мария Кузнецова") as refused:
        await add(filled, live, clock, "phone", "8 495 123-45-67")
    assert (refused.value.customer.id, refused.value.field) == ("maria", "value")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "not a mail address"),
        ("email", "ivan@localhost"),
        ("phone", "abc"),
        ("unknown", "x"),
        ("email", ""),
    ],
)
async def test_what_is_no_address_is_refused(
    kind: str, value: str, filled: Store, live: Live, clock: HandClock
) -> None:
    with pytest.raises(BadInput) as refused:
        await add(filled, live, clock, kind, value)
    assert refused.value.field == "value"


async def test_two_customers_who_want_one_address_at_once_do_not_share_it(
    filled: Store, live: Live, clock: HandClock
) -> None:
    wanted = Address(kind="email", value="family@example.com")
    outcomes = await asyncio.gather(
        *(add_address(filled, live, id_, wanted, by=ANNA, clock=clock) for id_ in ("ivan", "maria")),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AddressTaken", "CustomerAddress"]


async def test_a_removed_address_can_become_anybodys(filled: Store, live: Live, clock: HandClock) -> None:
    number = "phone:+74951234567"
    await remove_address(filled, live, "maria", number, by=ANNA, clock=clock)
    with pytest.raises(NotFound):
        await remove_address(filled, live, "maria", number, by=ANNA, clock=clock)
    added = await add(filled, live, clock, "phone", "+74951234567")
    stored = await filled.get(ADDRESSES, number)
    assert stored is not None
    assert stored == msgspec.structs.replace(added, version=stored.version)
    assert stored.customer_id == "ivan"


async def test_a_card_is_not_changed_under_another_hand(filled: Store, live: Live, clock: HandClock) -> None:
    """What a colleague changed in another field meanwhile stays."""
    before = await filled.get(CUSTOMERS, "ivan")
    assert before is not None
    await filled.commit([Replace(CUSTOMERS, msgspec.structs.replace(before, region="Казань"))])
    changed = await change(filled, live, clock, name="Иван")
    assert (changed.region, changed.name) == ("Казань", "Иван")


async def test_a_contact_from_an_address_taken_off_a_card_begins_a_new_customer(
    store: Store, live: Live, clock: HandClock
) -> None:
    """Whoever writes from it next takes the record of the address over; nothing collides."""
    walk = Walk(store, RuleBook(default_department="front-desk"), frozenset, clock=clock, new_id=CountedIds())
    intake = Intake(store, walk, live)
    async with intake.running():
        first = await intake.accept(Arrival(a_contact("w1", customer_id="", case_id="")))
        await remove_address(store, live, first.customer_id, "email:ivan@example.com", by=ANNA, clock=clock)
        second = await intake.accept(Arrival(a_contact("w2", customer_id="", case_id="")))
        third = await intake.accept(Arrival(a_contact("w3", customer_id="", case_id="")))
    assert second.customer_id not in ("", first.customer_id)
    assert third.customer_id == second.customer_id

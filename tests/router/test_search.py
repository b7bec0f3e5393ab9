"""Search finds by whatever somebody reads off a letter, a telephone or a screen, the surest first."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.case import Note
from crm.collections import ENTRIES
from crm.contact import Address
from crm.customer import ContactPerson
from crm.store import Insert, Store
from router.search import search_everything
from tests.router.records import (
    MONDAY_NOON,
    a_case,
    a_contact,
    a_customer,
    an_address,
    ids,
    keep,
    minutes_ago,
)


@pytest.fixture
async def filled(store: Store) -> Store:
    ivan = a_customer(contracts=("Д-77/2041",))
    mill = a_customer(
        "mill", name="ООО «Мельница»", kind="company", contact_persons=(ContactPerson(name="Ольга"),)
    )
    await keep(store, ivan, mill)
    await keep(store, an_address("phone:+74951234567"), an_address("email:ivan@example.com"))
    await keep(store, an_address("phone:+78129876543", customer_id="mill"))
    await keep(store, a_case("100001", subject="Не работает интернет", queued=minutes_ago(60)))
    await keep(store, a_case("100002", subject="Счёт за март", queued=minutes_ago(30)))
    await keep(store, a_case("4567000", subject="Замена роутера", customer_id="mill"))
    await keep(
        store,
        a_contact("m1@example.com", text="Вчера отключили телевидение"),
        a_contact(
            "call-1", channel="phone", case_id="100002", sender=Address(kind="phone", value="84951234567")
        ),
    )
    note = Note(
        id="n1", at=MONDAY_NOON, case_id="100001", customer_id="ivan", text="Монтажник приедет в среду"
    )
    await store.commit([Insert(ENTRIES, note)])
    return store


@pytest.mark.parametrize(
    "typed",
    [
        "+74951234567",
        "84951234567",
        "8 (495) 123-45-67",
        "+7 495 123 45 67",
        "4951234567",
        "123-45-67",
        "1234567",
        "4567",
        "ivan@example.com",
        "IVAN@Example.com",
        "<ivan@example.com>",
        "Петров",
        "петров иван",
        "Д-77/2041",
        "77/2041",
    ],
)
async def test_a_customer_is_found_by(typed: str, filled: Store) -> None:
    assert ids((await search_everything(filled, typed)).customers)[0] == "ivan"


async def test_a_company_is_found_by_the_name_of_its_person(filled: Store) -> None:
    assert ids((await search_everything(filled, "ольга")).customers) == ["mill"]


@pytest.mark.parametrize("typed", ["100001", "#100001", "№ 100001", " 100001 "])
async def test_a_case_is_found_by_its_number(typed: str, filled: Store) -> None:
    assert ids((await search_everything(filled, typed)).cases)[0] == "100001"


async def test_a_case_is_found_by_a_word_in_another_form(filled: Store) -> None:
    assert ids((await search_everything(filled, "не работал")).cases) == ["100001"]


async def test_whose_address_is_typed_his_cases_come_with_him(filled: Store) -> None:
    assert ids((await search_everything(filled, "8 495 123-45-67")).cases) == ["100002", "100001"]


async def test_contacts_and_notes_are_found_by_their_words(filled: Store) -> None:
    assert ids((await search_everything(filled, "отключение телевидения")).contacts) == []
    assert ids((await search_everything(filled, "телевидения")).contacts) == ["email:m1@example.com"]
    assert ids((await search_everything(filled, "монтажника")).entries) == ["n1"]


@pytest.mark.parametrize("typed", ["<m1@example.com>", "m1@example.com", "email:m1@example.com"])
async def test_a_message_is_found_by_its_id(typed: str, filled: Store) -> None:
    assert ids((await search_everything(filled, typed)).contacts)[0] == "email:m1@example.com"


async def test_what_is_found_twice_is_shown_once(filled: Store) -> None:
    found = await search_everything(filled, "4951234567")
    assert ids(found.customers) == ["ivan"]
    assert len(ids(found.cases)) == len(set(ids(found.cases)))


@pytest.mark.parametrize("typed", ["", "   ", "абракадабра"])
async def test_nothing_is_found_by(typed: str, filled: Store) -> None:
    assert not await search_everything(filled, typed)


@given(typed=st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
async def test_nothing_typed_breaks_the_search(filled: Store, typed: str) -> None:
    await search_everything(filled, typed)

"""What every store promises about search: words in any form, Russian and English, whole or in parts."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.collections import ADDRESSES, CONTACTS, CUSTOMERS
from crm.contact import Address
from crm.customer import Customer, CustomerAddress
from crm.store import Insert, Replace, Store, equals
from tests.storage.conftest import Engine
from tests.storage.samples import NOON, THINGS, Thing, a_contact

LETTER = (
    "Здравствуйте! Третий день не работает интернет в квартире, роутер мигает красным. "
    "Договор Д-2023/001, мой адрес ivan.petrov@example.com. ЁЛКА в подъезде. My routers were replaced "
    "yesterday, hoping for faster replies. Звонить 8 (495) 123-45-67."
)


@pytest.fixture(params=["just committed", "settled"])
async def letter(request: pytest.FixtureRequest, engine: Engine, store: Store) -> Thing:
    """A thing with that text, seen by search before and after the engine has done its indexing."""
    thing = Thing(id="1", text=LETTER)
    await store.commit([Insert(THINGS, thing)])
    if request.param == "settled":
        await engine.settle(store)
    return thing


@pytest.mark.parametrize(
    "words",
    [
        "интернет",
        "интернетом",
        "Интернета",
        "квартира роутеры",
        "роутерами квартирах",
        "красный",
        "красная",
        "мигать",
        "елка",
        "ёлки",
        "ЁЛКОЙ",
        "router",
        "replacing",
        "reply",
        "hoped",
        "fast",
        "д-2023/001",
        "Д-2023",
        "2023/001",
        "2023",
        "ivan.petrov@example.com",
        "IVAN.PETROV@EXAMPLE.COM",
        "petrov",
        "example.com",
        "интерн",  # being typed
        "роутер миг",
        "ivan.pet",
        "8 (495) 123-45-67",
        "123-45-67",
        "2023-001",  # whatever the punctuation
        "здравствуйте, интернет!",
        '"интернет" роутер*',
    ],
)
async def test_a_word_is_found_in_any_form(store: Store, letter: Thing, words: str) -> None:
    assert await store.search(THINGS, words) == [letter]


@pytest.mark.parametrize(
    "words",
    [
        "телевизор",
        "интернет телевизор",  # every word must occur
        "красивый",  # shares letters with красный, not the word
        "интернациональный",
        "petrov.ivan",  # the parts stand in another order
        "replica",
        "нтернет",
        "001/2023",
        "+",
        "",
        "  ",
        "\"'*-^:(){}",
    ],
)
async def test_another_word_is_not_found(store: Store, letter: Thing, words: str) -> None:
    assert await store.search(THINGS, words) == []


@pytest.mark.parametrize(
    "typed",
    [
        "+7 495 123-45-67",
        "84951234567",
        "8 495 1234567",
        "+74951234567",
        "4951234567",
        "123-45-67",
        "1234567",
        "4567",
    ],
)
async def test_a_telephone_number_is_found_as_people_write_it(store: Store, typed: str) -> None:
    address = CustomerAddress(
        id="phone:+74951234567", kind="phone", value="+74951234567", customer_id="c", created_at=NOON
    )
    other = CustomerAddress(
        id="phone:+74957654321", kind="phone", value="+74957654321", customer_id="c", created_at=NOON
    )
    await store.commit([Insert(ADDRESSES, address), Insert(ADDRESSES, other)])
    assert await store.search(ADDRESSES, typed) == [address]


async def test_a_contact_is_found_by_its_subject_sender_and_files(store: Store) -> None:
    contact = a_contact(
        subject="Счёт за январь", sender=Address(kind="email", value="anna@tele.ru", name="Анна")
    )
    await store.commit([Insert(CONTACTS, contact)])
    for words in ("счета", "январе", "анны", "anna@tele.ru", "tele", "счет анна"):
        assert await store.search(CONTACTS, words) == [contact], words


async def test_the_best_comes_first_then_the_newest(store: Store) -> None:
    texts = ["договором", "договор", "договорами", "договор"]
    await store.commit([Insert(THINGS, Thing(id=str(place), text=text)) for place, text in enumerate(texts)])
    assert [thing.id for thing in await store.search(THINGS, "договор")] == ["3", "1", "2", "0"]
    assert [thing.id for thing in await store.search(THINGS, "договор", limit=1)] == ["3"]


async def test_conditions_narrow_a_search(store: Store) -> None:
    things = [Thing(id=str(n), owner=f"owner {n % 3}", open=n % 2 == 0, text="интернет") for n in range(12)]
    await store.commit([Insert(THINGS, thing) for thing in things])
    narrowed = await store.search(THINGS, "интернета", equals("owner", "owner 1"), equals("open", True))
    assert {thing.id for thing in narrowed} == {"4", "10"}


async def test_a_record_is_found_by_its_new_words_and_not_by_its_old_ones(store: Store) -> None:
    customer = Customer(id="1", name="Пётр Сидоров", created_at=NOON, updated_at=NOON)
    await store.commit([Insert(CUSTOMERS, customer)])
    assert await store.search(CUSTOMERS, "сидоров") == [customer]
    for version, name in enumerate(("Пётр Кузнецов", "Пётр Орлов"), start=1):
        await store.commit(
            [Replace(CUSTOMERS, msgspec.structs.replace(customer, name=name, version=version))]
        )
    assert await store.search(CUSTOMERS, "сидоров") == []
    assert await store.search(CUSTOMERS, "кузнецов") == []
    assert [found.name for found in await store.search(CUSTOMERS, "петр")] == ["Пётр Орлов"]


async def test_a_very_long_text_is_kept_whole_and_found_by_its_beginning(store: Store) -> None:
    thing = Thing(id="1", text="начало " + "слово " * 400_000 + "конец")
    await store.commit([Insert(THINGS, thing)])
    assert await store.search(THINGS, "начала") == [thing]
    assert await store.get(THINGS, "1") == thing


@given(words=st.text(max_size=60) | st.text("аяёйaz09\"'*-+():^{}/@. \ud800\u0301\u00ad\x00", max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_typed_is_no_error(store: Store, letter: Thing, words: str) -> None:
    assert await store.search(THINGS, words) in ([], [letter])

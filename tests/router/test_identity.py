"""One customer for each address, however it is spelled and however many write at once."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm.collections import ADDRESSES
from crm.contact import Address, AddressKind
from crm.record import new_id
from crm.store import Replace
from router.history import attach_history
from router.identity import normalise, possible_customers
from router.intake import Intake
from router.walk import Walk
from tests.router.house import BOOK, House, a_message, all_departments, an_arrival, check_cases
from tests.router.records import a_customer, an_address, keep

KINDS: tuple[AddressKind, ...] = ("email", "phone", "visitor", "telegram", "fax", "postal", "api", "unknown")


def phone(value: str) -> str:
    return normalise(Address(kind="phone", value=value))


def email(value: str) -> str:
    return normalise(Address(kind="email", value=value))


@pytest.mark.parametrize(
    "spelled",
    [
        "+74951234567",
        "8 495 123-45-67",
        "8(495)1234567",
        "+7 (495) 123-45-67",
        "74951234567",
        "7 495 1234567",
        "495 123 45 67",
        "tel:+7-495-123-45-67",
        "810 7 495 123-45-67",
        " +7\u00a0495\u00a0123\u201345\u201367 ",
        "８４９５１２３４５６７",
        "+7 495 123-45-67 доб. 12",
    ],
)
def test_a_number_is_the_same_however_it_is_written(spelled: str) -> None:
    assert phone(spelled) == "phone:+74951234567"


def test_numbers_of_other_countries_and_of_the_exchange_are_told_apart() -> None:
    assert phone("+1 650 253 0000") == "phone:+16502530000"
    assert phone("8 10 44 20 7031 3000") == "phone:+442070313000"
    assert phone("112") == "phone:112"
    assert normalise(Address(kind="phone", value="020 7031 3000"), region="GB") == "phone:+442070313000"
    assert normalise(Address(kind="fax", value="8 495 123 45 67")) == "fax:+74951234567"


@pytest.mark.parametrize(
    "value", ["", "   ", "anonymous", "Unknown", "скрыт", "withheld", "+", "*", "-", "0"]
)
def test_a_withheld_number_names_nobody(value: str) -> None:
    assert phone(value) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ivan@Example.COM", "ivan@example.com"),
        (" ivan@example.com ", "ivan@example.com"),
        ("иван@пример.рф", "ИВАН@ПРИМЕР.РФ"),
        ("ivan@пример.рф", "ivan@xn--e1afmkfd.xn--p1ai"),
        ("ivan@Bücher.example", "ivan@xn--bcher-kva.example"),
        ("и\u0306@example.com", "й@example.com"),
    ],
)
def test_a_mail_address_is_the_same_however_it_is_written(one: str, other: str) -> None:
    assert email(one) == email(other) != ""


def test_different_addresses_stay_different() -> None:
    addresses = [
        "a@example.com",
        "b@example.com",
        "a@example.org",
        "a@пример.рф",
        "a@пример.ру",
        "a+b@example.com",
    ]
    assert len({email(address) for address in addresses}) == len(addresses)
    values = {normalise(Address(kind=kind, value="74951234567")) for kind in KINDS}
    assert len(values) == len(KINDS)


@given(st.sampled_from(KINDS), st.text() | st.from_regex(r"[+0-9()\- ]{1,24}", fullmatch=True))
@example("phone", "+00 495 123-45-67")
@example("phone", "8 800 8 800 8 800")
@example("email", "İ@ß.example")
@example("email", "a@xn--a")
@example("email", "a@" + "б" * 300)
@example("email", "\ud800@example.com")
@example("postal", "ǰ" * 400)
def test_normalising_never_raises_and_twice_is_the_same_as_once(kind: AddressKind, value: str) -> None:
    once = normalise(Address(kind=kind, value=value))
    assert once == "" or once.startswith(f"{kind}:")
    assert normalise(Address(kind=kind, value=once.partition(":")[2])) == once


async def test_many_contacts_at_once_from_one_address_make_one_customer(house: House) -> None:
    spellings = ["Ivan@Example.com", "ivan@example.com", "IVAN@EXAMPLE.COM"]
    arrivals = [an_arrival(f"m{n}", sender=spellings[n % 3]) for n in range(100)]
    await asyncio.gather(*(house.intake.accept(arrival) for arrival in arrivals))
    (customer,) = await house.customers()
    assert await house.addresses() == {"email:ivan@example.com": customer.id}
    assert {contact.customer_id for contact in await house.contacts()} == {customer.id}


async def test_two_intakes_of_one_store_make_one_customer_for_an_address(house: House) -> None:
    walk = Walk(house.store, BOOK, all_departments, clock=house.clock, new_id=new_id)
    other = Intake(house.store, walk, house.live, batch=3)
    chance = random.Random(7)
    async with other.running():
        intakes = [house.intake, other]
        accepting = [
            chance.choice(intakes).accept(
                an_arrival(f"m{n % 80}", sender=f"s{chance.randrange(5)}@example.com", fingerprint="")
            )
            for n in range(160)
        ]
        receipts = await asyncio.gather(*accepting)
    assert len({receipt.contact_id for receipt in receipts}) == 80
    addresses = await house.addresses()
    assert len(set(addresses.values())) == len(addresses) == len(await house.customers()) <= 5
    for contact in await house.contacts():
        assert contact.customer_id == addresses[f"email:{contact.sender.value}"]
    assert len({case.id for case in await house.cases()}) == len(await house.contacts())
    await check_cases(house)


async def test_a_caller_without_a_number_is_a_customer_of_his_own_each_time(house: House) -> None:
    hidden = Address(kind="phone", value="anonymous")
    for key in ("1", "2", "3"):
        await house.intake.accept(an_arrival(key, channel="phone", sender=hidden))
    assert len(await house.customers()) == 3
    assert await house.addresses() == {}


async def test_what_a_visitor_types_about_himself_opens_nobodys_history(house: House) -> None:
    ivan = await house.intake.accept(an_arrival("m1", "тайна", sender="ivan@example.com"))
    claims = (Address(kind="email", value="ivan@example.com"), Address(kind="phone", value="84951234567"))
    visitor = await house.intake.accept(a_message("c1", "это я, Иван", claims=claims))
    assert visitor.customer_id != ivan.customer_id
    assert visitor.case_id != ivan.case_id
    history = await attach_history(house.store, visitor.customer_id)
    assert history.totals.contacts == 1
    assert [address.id for address in history.addresses] == ["visitor:v1"]
    # The agent is told who it may be, and nothing more.
    assert [found.id for found in await possible_customers(house.store, claims)] == [ivan.customer_id]


async def test_a_claim_does_not_take_an_address_from_whoever_writes_from_it_later(house: House) -> None:
    claims = (Address(kind="email", value="ivan@example.com"),)
    visitor = await house.intake.accept(a_message("c1", claims=claims))
    ivan = await house.intake.accept(an_arrival("m1", sender="ivan@example.com"))
    assert ivan.customer_id != visitor.customer_id


async def test_a_source_that_knows_the_customer_is_believed_and_his_new_address_is_kept(house: House) -> None:
    await keep(house.store, a_customer("ivan"))
    caller = Address(kind="phone", value="8 495 123-45-67")
    receipt = await house.intake.accept(an_arrival("1", channel="desk", sender=caller, customer_id="ivan"))
    assert receipt.customer_id == "ivan"
    assert await house.addresses() == {"phone:+74951234567": "ivan"}
    called = await house.intake.accept(an_arrival("2", channel="phone", sender=caller))
    assert called.customer_id == "ivan"


async def test_a_source_that_knows_the_customer_takes_no_address_from_another(house: House) -> None:
    await keep(
        house.store, a_customer("ivan"), a_customer("maria"), an_address("email:ivan@example.com", "maria")
    )
    receipt = await house.intake.accept(an_arrival("1", channel="desk", customer_id="ivan"))
    assert receipt.customer_id == "ivan"
    assert await house.addresses() == {"email:ivan@example.com": "maria"}


async def test_a_customer_nobody_knows_is_not_believed(house: House) -> None:
    receipt = await house.intake.accept(an_arrival("1", channel="desk", customer_id="nobody"))
    assert receipt.customer_id != "nobody"
    assert [customer.id for customer in await house.customers()] == [receipt.customer_id]


async def test_an_address_that_was_taken_off_a_card_begins_anew_with_one_customer(house: House) -> None:
    await keep(house.store, a_customer("ivan"), an_address("email:ivan@example.com", "ivan"))
    nobodys = an_address("email:ivan@example.com", "")
    await house.store.commit([Replace(ADDRESSES, nobodys)])
    arrivals = [an_arrival(f"m{n}") for n in range(3)]
    receipts = await asyncio.gather(*(house.intake.accept(arrival) for arrival in arrivals))
    (owner,) = {receipt.customer_id for receipt in receipts}
    assert owner != "ivan"
    assert await house.addresses() == {"email:ivan@example.com": owner}

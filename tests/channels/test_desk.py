"""What an employee registers at the desk becomes a contact like any other, and becomes it once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.desk import Desk, read_desk_form
from crm.collections import CASES, CONTACTS, CUSTOMERS
from crm.contact import Address, Receipt, blob_id
from crm.customer import Customer
from crm.desk import DeskFile, DeskForm
from crm.employee import Employee
from crm.errors import BadInput
from crm.record import new_id, now
from crm.store import Insert, Store
from router.intake import Intake
from router.rules import RuleBook
from router.walk import Walk
from storage.live import open_live
from storage.sqlite import open_sqlite

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANNA = Employee(id="anna", login="anna", name="Анна")
CALLER = Address(kind="phone", value="8 495 123-45-67", name="Иван Петров")
SCAN = DeskFile(name="письмо.pdf", mime="application/pdf", content=b"%PDF-1.7 scan")


def a_form(**fields: Any) -> DeskForm:
    given = {"id": "form-00000001", "channel": "phone", "sender": CALLER, "text": "Нет интернета", **fields}
    return DeskForm(**given)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_sqlite(tmp_path / "onewindow.sqlite") as store:
        yield store


@pytest.fixture
async def desk(store: Store) -> AsyncIterator[Desk]:
    book = RuleBook(default_department="front-desk")
    async with open_live() as live:
        intake = Intake(
            store, Walk(store, book, lambda: frozenset({"front-desk"}), clock=now, new_id=new_id), live
        )
        async with intake.running():
            yield Desk(intake.accept)


async def register(desk: Desk, form: DeskForm) -> Receipt:
    return await desk.register(form, employee=ANNA, received_at=NOON)


async def test_a_letter_keeps_its_scan_its_date_and_who_registered_it(store: Store, desk: Desk) -> None:
    sender = Address(kind="postal", value="г. Тверь, ул. Мира, д. 5", name="Пётр Ильин")
    letter = a_form(
        channel="letter", sender=sender, text="", happened_at=NOON, subject="Жалоба", files=(SCAN,)
    )
    receipt = await register(desk, letter)
    stored = await store.get(CONTACTS, receipt.contact_id)
    assert stored is not None
    assert (stored.channel, stored.sent_at, stored.employee_id) == ("letter", NOON, "anna")
    (scan,) = stored.attachments
    assert (scan.name, scan.size) == ("письмо.pdf", len(SCAN.content))
    assert await store.read_blob(blob_id(SCAN.content)) == SCAN.content
    case = await store.get(CASES, receipt.case_id)
    assert case is not None
    assert (case.state, case.channel, case.subject) == ("queued", "letter", "Жалоба")


async def test_a_double_click_makes_one_contact(store: Store, desk: Desk) -> None:
    first, second = await register(desk, a_form()), await register(desk, a_form())
    assert (first.repeated, second.repeated) == (False, True)
    assert second.case_id == first.case_id
    assert len(await store.find(CONTACTS)) == 1


async def test_a_caller_known_by_another_spelling_of_his_number_is_the_same_customer(
    desk: Desk,
) -> None:
    first = await register(desk, a_form())
    again = Address(kind="phone", value="+7 (495) 1234567")
    second = await register(desk, a_form(id="form-00000002", sender=again))
    assert second.customer_id == first.customer_id


async def test_the_customer_that_the_employee_chose_is_the_one_whatever_the_number(
    store: Store, desk: Desk
) -> None:
    caller = await register(desk, a_form())
    chosen = Customer(id="maria", name="Мария", created_at=NOON, updated_at=NOON)
    await store.commit([Insert(CUSTOMERS, chosen)])
    receipt = await register(desk, a_form(id="form-00000002", customer_id="maria"))
    assert receipt.customer_id == "maria" != caller.customer_id


async def test_a_visit_about_an_open_case_joins_it(desk: Desk) -> None:
    call = await register(desk, a_form())
    visit = a_form(id="form-00000002", channel="visit", case_id=call.case_id, customer_id=call.customer_id)
    assert (await register(desk, visit)).case_id == call.case_id


@pytest.mark.parametrize(("answered", "said"), [(True, "yes"), (False, "no")])
def test_a_call_says_whether_it_was_answered(answered: bool, said: str) -> None:
    arrival = read_desk_form(a_form(answered=answered, duration=95), employee=ANNA, received_at=NOON)
    assert (arrival.contact.fields, arrival.contact.duration) == ({"answered": said}, 95)


def test_a_missed_call_needs_no_words() -> None:
    arrival = read_desk_form(a_form(answered=False, text=""), employee=ANNA, received_at=NOON)
    assert arrival.contact.text == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": "x"}, "id"),
        ({"id": "../../etc/passwd"}, "id"),
        ({"text": "  "}, "text"),
        ({"channel": "letter", "text": "", "sender": Address(kind="postal", value="Тверь")}, "text"),
        ({"sender": Address(kind="phone", value=" ")}, "sender"),
        ({"sender": Address(kind="unknown", value="", name="Иван")}, "sender"),
        ({"sender": Address(kind="telegram", value="1")}, "sender"),
        ({"channel": "visit", "sender": Address(kind="unknown", value="")}, "sender"),
        ({"duration": -1}, "duration"),
        ({"duration": 90_000}, "duration"),
        ({"text": "я" * 200_001}, "text"),
        ({"files": (SCAN,) * 51}, "files"),
    ],
)
def test_a_form_that_tells_too_little_or_too_much_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_desk_form(a_form(**fields), employee=ANNA, received_at=NOON)
    assert refused.value.field == field


@given(
    form=st.builds(
        DeskForm,
        id=st.one_of(st.just("form-00000001"), st.text(max_size=70)),
        channel=st.sampled_from(["visit", "letter", "phone"]),
        sender=st.builds(
            Address,
            kind=st.sampled_from(["phone", "email", "postal", "unknown"]),
            value=st.text(),
            name=st.text(),
        ),
        subject=st.text(),
        text=st.text(),
        duration=st.integers(),
        files=st.lists(st.builds(DeskFile, name=st.text(), mime=st.text(), content=st.binary())).map(tuple),
    )
)
def test_any_form_is_read_or_refused_and_keeps_every_word(form: DeskForm) -> None:
    try:
        arrival = read_desk_form(form, employee=ANNA, received_at=NOON)
    except BadInput:
        return
    assert arrival.contact.text == form.text.strip()
    assert arrival.contact.id == f"{form.channel}:{form.id}"
    assert {file.blob for file in arrival.contact.attachments} == set(arrival.blobs)

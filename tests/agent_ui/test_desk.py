"""At the desk a visit, a letter or a call becomes a contact, and it is said which case it came to."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from crm.collections import AUDIT
from crm.contact import blob_id
from crm.customer import Customer
from tests.agent_ui.site import FETCH, Answer, Browser, Site
from tests.router.house import an_arrival
from tests.router.records import MONDAY_NOON, a_customer, an_address, keep

CALL = {
    "id": "form-00000001",
    "channel": "phone",
    "number": "8 900 555-12-34",
    "name": "Пётр",
    "text": "Нет связи",
}
SCAN = b"\x89PNG\r\n\x1a\n scan"


@pytest.fixture
async def ivan(site: Site) -> Customer:
    customer = a_customer("ivan", contracts=("Д-77",))
    await keep(site.house.store, customer, an_address("phone:+74951234567"))
    return customer


async def register(browser: Browser, **fields: Any) -> Answer:
    return await browser.post("/desk", {**CALL, **fields})


async def test_the_form_comes_with_an_id_of_its_own(anna: Browser) -> None:
    first, second = (await anna.get("/desk")).text, (await anna.get("/desk")).text
    assert first != second
    assert 'name="id" value=""' not in first


async def test_a_call_becomes_a_contact_in_a_queue(site: Site, anna: Browser) -> None:
    answer = await register(anna, duration="5:30", happened_at="2026-03-02T14:45", subject="Связь")
    (case,) = await site.house.cases()
    (contact,) = await site.house.contacts()
    assert f'href="/cases/{case.id}"' in answer.text
    assert case.id in answer.words
    assert (contact.channel, contact.duration, contact.employee_id) == ("phone", 330, "anna")
    assert contact.sent_at is not None
    assert contact.sent_at.isoformat() == "2026-03-02T11:45:00+00:00"
    assert (case.state, case.subject) == ("queued", "Связь")


async def test_a_double_click_registers_once(site: Site, anna: Browser) -> None:
    await register(anna)
    again = await register(anna)
    assert "уже зарегистрирована" in again.words
    assert len(await site.house.contacts()) == 1


@pytest.mark.parametrize("words", ["8 495 123-45-67", "1234567", "Петров", "Д-77"])
async def test_a_customer_is_found_by_what_he_says(
    words: str, site: Site, ivan: Customer, anna: Browser
) -> None:
    found = await anna.get("/desk/customers", params={"q": words}, headers=FETCH)
    assert 'data-customer="ivan"' in found.text


async def test_a_customer_is_found_by_the_number_of_his_case(site: Site, anna: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    found = await anna.get("/desk/customers", params={"q": receipt.case_id}, headers=FETCH)
    assert f'data-customer="{receipt.customer_id}"' in found.text


async def test_who_is_not_found_is_told_to_be_new(anna: Browser) -> None:
    assert "Никто не найден" in (await anna.get("/desk/customers?q=nobody", headers=FETCH)).words
    assert (await anna.get("/desk/customers?q=", headers=FETCH)).words == ""


async def test_the_customer_who_was_chosen_is_the_one(site: Site, ivan: Customer, anna: Browser) -> None:
    await register(anna, customer_id="ivan")
    (contact,) = await site.house.contacts()
    assert contact.customer_id == "ivan"


async def test_what_is_about_an_open_case_joins_it(site: Site, ivan: Customer, anna: Browser) -> None:
    await register(anna, customer_id="ivan")
    (case,) = await site.house.cases()
    chosen = await anna.get("/desk/customers/ivan", headers=FETCH)
    assert f'value="{case.id}"' in chosen.text
    answer = await register(anna, id="form-00000002", customer_id="ivan", case_id=case.id, channel="visit")
    assert "Добавлено к обращению" in answer.words
    assert len(await site.house.cases()) == 1


async def test_a_case_of_somebody_else_is_not_joined(site: Site, ivan: Customer, anna: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    refused = await register(anna, customer_id="ivan", case_id=receipt.case_id)
    assert (refused.status, refused.json()["field"]) == (422, "case_id")


async def test_a_letter_keeps_its_scan(site: Site, anna: Browser) -> None:
    fields = {**CALL, "channel": "letter", "postal": "г. Тверь", "dated": "2026-02-20"}
    form = aiohttp.FormData(fields, quote_fields=False)  # as browsers send names
    form.add_field("files", SCAN, filename="C:/scans/письмо.png", content_type="image/png")
    headers = {**FETCH, "X-CSRF-Token": anna.csrf}
    assert (await anna.send("POST", "/desk", data=form, headers=headers)).status == 200
    (contact,) = await site.house.contacts()
    (scan,) = contact.attachments
    assert (scan.name, await site.house.store.read_blob(blob_id(SCAN))) == ("письмо.png", SCAN)
    assert contact.sent_at is not None
    assert contact.sent_at.date().isoformat() == "2026-02-20"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"channel": "telepathy"}, "channel"),
        ({"id": ""}, "id"),
        ({"text": ""}, "text"),
        ({"number": ""}, "sender"),
        ({"number": "позвоните мне"}, "number"),
        ({"duration": "long"}, "duration"),
        ({"duration": "9999"}, "duration"),
        ({"happened_at": "yesterday"}, "happened_at"),
        ({"happened_at": "0001-01-01T00:00"}, "happened_at"),
        ({"channel": "letter", "dated": "2026-99-01"}, "dated"),
        ({"channel": "visit", "reach": "ivan@home"}, "reach"),
        ({"case_id": "100001"}, "case_id"),
    ],
)
async def test_a_form_that_cannot_be_registered_names_its_field(
    fields: dict[str, Any], field: str, site: Site, anna: Browser
) -> None:
    refused = await register(anna, **fields)
    assert (refused.status, refused.json()["field"]) == (422, field)
    assert await site.house.contacts() == []


async def test_an_unknown_customer_is_not_found(anna: Browser) -> None:
    assert (await register(anna, customer_id="nobody")).status == 404
    assert (await anna.get("/desk/customers/nobody", headers=FETCH)).status == 404


async def test_a_form_of_a_browser_without_scripts_gets_a_page(anna: Browser) -> None:
    page = await anna.send("POST", "/desk", data={**CALL, "csrf": anna.csrf})
    assert page.status == 200
    assert "<html" in page.text
    assert "Зарегистрировано" in page.words


async def test_who_chose_and_registered_stands_in_the_audit(
    site: Site, ivan: Customer, anna: Browser
) -> None:
    await anna.get("/desk/customers/ivan", headers=FETCH)
    await register(anna, customer_id="ivan")
    await site.rooms.audit.flush()
    lines = await site.house.store.find(AUDIT)
    assert {(line.what, line.employee_id, line.customer_id) for line in lines} == {
        ("desk.chose", "anna", "ivan"),
        ("desk.registered", "anna", "ivan"),
    }
    assert all(line.at == MONDAY_NOON for line in lines)

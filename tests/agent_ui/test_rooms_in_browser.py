"""The board, the desk and the administration in a real browser: live, and by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from agent_ui.sessions import open_session
from crm.collections import DEAD_LETTERS
from crm.dead_letter import DeadLetter
from crm.store import Insert
from tests.agent_ui.site import Site
from tests.components import path_to
from tests.router.house import a_message, an_arrival
from tests.router.records import MONDAY_NOON, a_contact, a_customer, an_address, an_employee, keep

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 15_000


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path_to("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def page_of(chromium: Browser, site: Site, id: str, **options: Any) -> AsyncIterator[Page]:
    """An employee's page. Whatever its console finds wrong fails the test."""
    rooms = site.rooms
    employee = await site.house.employee(id)
    token = await open_session(rooms.store, employee, at=rooms.clock(), settings=rooms.settings)
    context = await chromium.new_context(base_url=site.url, locale="ru-RU", **options)
    await context.add_cookies([{"name": "onewindow", "value": token, "url": site.url}])
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    # A refused form is an answer of 422, which the console tells too: that one is meant.
    assert [said for said in complaints if "422" not in said] == []
    await context.close()


async def test_the_board_follows_what_happens_without_a_reload(site: Site, chromium: Browser) -> None:
    async with page_of(chromium, site, "olga") as page:
        await page.goto("/board")
        waiting = page.locator("#tile-waiting .tile-number")
        await expect(waiting).to_have_text("0")
        await page.evaluate("window.stayed = true")
        await site.house.intake.accept(a_message("m1"))
        site.house.clock.pass_by(seconds=2)
        await site.house.intake.accept(an_arrival())
        await expect(waiting).to_have_text("2", timeout=PATIENCE)
        site.house.clock.pass_by(seconds=2)
        site.rooms.doors.door("email", "email").down("address in use")
        await site.house.intake.accept(a_message("m2", visitor="v2"))
        await expect(page.locator("#channels")).to_contain_text("address in use", timeout=PATIENCE)
        assert await page.evaluate("window.stayed")


async def test_a_dead_letter_is_routed_again_or_laid_aside_on_the_board(
    site: Site, chromium: Browser
) -> None:
    contacts = [a_contact(key, customer_id="", case_id="") for key in ("d1", "d2")]
    await site.house.store.commit(
        [
            Insert(
                DEAD_LETTERS,
                DeadLetter(
                    id=one.id, at=MONDAY_NOON, channel="email", contact=one, reason="KeyError at a.py:1"
                ),
            )
            for one in contacts
        ]
    )
    async with page_of(chromium, site, "olga") as page:
        await page.goto("/board")
        rows = page.locator("#dead-letters tbody tr")
        await expect(rows).to_have_count(2)
        await rows.first.get_by_role("button", name="Распределить снова").click()
        await expect(rows).to_have_count(1)
        await rows.first.get_by_role("button", name="Отложить").click()
        await page.locator("#drop .danger").click()
        await expect(rows).to_have_count(0)
        await expect(page.locator("#dead-letters")).to_contain_text("Каждый контакт нашёл")
    assert len(await site.house.contacts()) == 1


async def test_a_call_is_registered_by_keyboard_alone(site: Site, chromium: Browser) -> None:
    await keep(site.house.store, a_customer("ivan"), an_address("phone:+74951234567"))
    async with page_of(chromium, site, "anna") as page:
        await page.goto("/desk?channel=phone")
        await page.locator("#desk-search").focus()
        await page.keyboard.type("123-45-67")
        await expect(page.locator(".candidate")).to_have_count(1)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator(".chosen")).to_contain_text("Иван Петров")
        await expect(page.locator("[name=subject]")).to_be_focused()
        await page.keyboard.type("Нет связи")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Просит прислать мастера")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".registered")).to_contain_text("Зарегистрировано")
        await expect(page.locator("[name=subject]")).to_have_value("")
    (contact,) = await site.house.contacts()
    assert (contact.channel, contact.customer_id, contact.text) == (
        "phone",
        "ivan",
        "Просит прислать мастера",
    )


async def test_a_refused_form_points_at_the_field_and_keeps_the_words(site: Site, chromium: Browser) -> None:
    async with page_of(chromium, site, "anna") as page:
        await page.goto("/desk?channel=phone")
        await page.locator("[name=text]").fill("Важные слова")
        await page.locator("#desk-send").click()
        await expect(page.locator("[data-field=number] .wrong")).to_be_visible()
        await expect(page.locator("[name=number]")).to_be_focused()
        await page.reload()
        await expect(page.locator("[name=text]")).to_have_value("Важные слова")
        await expect(page.locator("[name=channel][value=phone]")).to_be_checked()


async def test_an_administrator_adds_somebody_and_tries_a_rule(site: Site, chromium: Browser) -> None:
    await keep(site.house.store, an_employee("irina", role="admin", department_ids=()))
    async with page_of(chromium, site, "irina") as page:
        await page.goto("/admin/employees")
        await page.locator("[data-sheet='/admin/employees/new']").click()
        await page.locator("dialog [name=name]").fill("Нина Фомина")
        await page.locator("dialog [name=login]").fill("anna")
        await page.locator("dialog .primary").click()
        await expect(page.locator("dialog [data-refusal]")).to_have_text("Этот логин занят.")
        await page.locator("dialog [name=login]").fill("nina")
        await page.locator("dialog .primary").click()
        await expect(page.locator(".people-table")).to_contain_text("Нина Фомина")
        await page.goto("/admin/rules")
        await page.locator("#try [name=text]").fill("ничего не работает")
        await page.locator("#try .primary").click()
        await expect(page.locator(".verdict")).to_contain_text("technical")


@pytest.mark.parametrize(
    "path",
    ["/board", "/board/cases?what=open", "/desk", *(f"/admin/{tab}" for tab in ("employees", "departments"))]
    + [f"/admin/{tab}" for tab in ("rules", "replies", "tokens", "audit")],
)
async def test_nothing_sticks_out_of_a_narrow_screen(path: str, site: Site, chromium: Browser) -> None:
    long = "Оченьдлинноесловобезпробеловкотороенегдеперенести" * 4
    await keep(site.house.store, an_employee("irina", role="admin", name=long[:200]))
    await site.house.intake.accept(an_arrival(subject=long, text=long))
    async with page_of(chromium, site, "irina", viewport={"width": 390, "height": 844}) as page:
        await page.goto(path)
        await expect(page.locator("h1")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert await page.evaluate("document.getElementById('main').scrollWidth") <= 390

"""The whole window in a real browser: a visitor writes, the agent sees it and answers, he sees the answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from onewindow.demo.telecom import PASSWORD
from tests.components import path_to
from tests.demo_house import DemoHouse, demo_house
from tests.test_doors import a_letter, send

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE = 20_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHouse]:
    with demo_house(tmp_path_factory.mktemp("window")) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=path_to("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield chromium
        finally:
            await chromium.close()


async def an_employee(browser: Browser, house: DemoHouse, login: str) -> Page:
    """His inbox with every case he may see."""
    context = await browser.new_context(locale="ru-RU", viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    await page.goto(f"{house.url}/login")
    await page.fill("[name=login]", login)
    await page.fill("[name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/inbox*")
    await page.get_by_role("link", name=re.compile("^Все")).first.click()
    return page


async def a_visitor(browser: Browser, house: DemoHouse) -> Page:
    context = await browser.new_context(locale="ru-RU")
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    await page.goto(f"{house.url}/chat/")
    return page


async def test_a_visitor_and_an_agent_talk_without_a_refresh(browser: Browser, house: DemoHouse) -> None:
    agent = await an_employee(browser, house, "supervisor")
    visitor = await a_visitor(browser, house)
    await visitor.get_by_role("textbox").fill("Сколько стоит статический адрес?")
    await visitor.keyboard.press("Enter")
    row = agent.locator(".case-row", has_text="Сколько стоит статический адрес?")
    await row.click(timeout=PATIENCE)
    await agent.get_by_role("button", name="Взять").first.click()
    await agent.locator("#composer-text").fill("Здравствуйте! 150 рублей в месяц.")
    await agent.keyboard.press("Control+Enter")
    await expect(visitor.get_by_text("150 рублей в месяц")).to_be_visible(timeout=PATIENCE)
    await visitor.get_by_role("textbox").fill("Подключайте!")
    await visitor.keyboard.press("Enter")
    await expect(agent.locator("main").get_by_text("Подключайте!").last).to_be_visible(timeout=PATIENCE)
    await agent.keyboard.press("Escape")
    await agent.reload()
    await expect(agent.locator("main").get_by_text("Подключайте!").last).to_be_visible(timeout=PATIENCE)


async def test_a_letter_appears_on_an_open_page_and_unsaved_words_survive_a_reload(
    browser: Browser, house: DemoHouse
) -> None:
    agent = await an_employee(browser, house, "supervisor")
    letter = a_letter("window-1@customer.example", "Прошу перерасчёт за ноябрь.")
    del letter["Subject"]
    letter["Subject"] = "Перерасчёт за ноябрь для Марии"
    send(house, letter)
    await agent.locator(".case-row", has_text="Перерасчёт за ноябрь для Марии").click(timeout=PATIENCE)
    await expect(agent.get_by_text("Прошу перерасчёт за ноябрь.").last).to_be_visible()
    await agent.get_by_role("button", name="Взять").first.click()
    await agent.locator("#composer-text").fill("Начатый, но не отправленный ответ")
    await agent.wait_for_function("Object.values(localStorage).some((kept) => kept.includes('Начатый'))")
    await agent.reload()
    await expect(agent.locator("#composer-text")).to_have_value("Начатый, но не отправленный ответ")


async def test_nothing_closes_without_a_decision(browser: Browser, house: DemoHouse) -> None:
    agent = await an_employee(browser, house, "supervisor")
    letter = a_letter("window-2@customer.example", "Спасибо, всё заработало.")
    del letter["Subject"]
    letter["Subject"] = "Благодарность за ремонт"
    send(house, letter)
    await agent.locator(".case-row", has_text="Благодарность за ремонт").click(timeout=PATIENCE)
    await agent.get_by_role("button", name="Взять").first.click()
    await agent.locator("body").press("d")
    sheet = agent.get_by_role("dialog")
    await expect(sheet).to_be_visible()
    await expect(sheet.locator("[name=code]").first).to_have_attribute("required", re.compile(".*"))

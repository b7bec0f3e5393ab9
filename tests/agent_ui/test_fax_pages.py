"""A fax on the case's page: its pages can be seen and turned, and how it ended is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import async_playwright, expect

from channels.fax.frames import File
from channels.fax.press import develop
from channels.fax.reading import Reception, read_fax, show_pages
from crm.contact import Arrival
from tests.agent_ui.site import Browser, Site
from tests.agent_ui.test_rooms_in_browser import page_of
from tests.channels.fax.machines import STANDARD, a_fax, a_page
from tests.components import path_to

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def a_shown_fax(reason: str = "") -> Arrival:
    content = a_fax(
        a_page("one", height=2290, lines_per_inch=STANDARD),
        a_page("two", height=2290, lines_per_inch=STANDARD),
        lines_per_inch=STANDARD,
    )
    reception = Reception("fax000000012", reason=reason, number="+74951234567")
    arrival = read_fax(reception, content, received_at=AT)
    developed = await develop([File(name="fax", content=content)], most=10, seconds=60)
    return show_pages(arrival, developed)


async def test_a_reception_that_broke_off_says_so_with_its_reason(site: Site, anna: Browser) -> None:
    receipt = await site.house.intake.accept(await a_shown_fax("Failed to detect carrier"))
    page = await anna.get(f"/cases/{receipt.case_id}")
    assert "Принят не полностью" in page.words
    assert "Failed to detect carrier" in page.words
    assert page.text.count('class="fax-page"') == 2
    assert "fax000000012.pdf" in page.text


async def test_a_file_that_cannot_be_shown_says_so_in_words(site: Site, anna: Browser) -> None:
    fax = await a_shown_fax()
    fields = {**fax.contact.fields, "outcome": "failed", "troubles": "chain_loops page_damaged:2"}
    broken = Arrival(msgspec.structs.replace(fax.contact, fields=fields), fax.blobs)
    receipt = await site.house.intake.accept(broken)
    words = (await anna.get(f"/cases/{receipt.case_id}")).words
    assert "файл ссылается сам на себя" in words
    assert "стр. 2" in words


@pytest.fixture
async def chromium() -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path_to("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest.mark.browser
@pytest.mark.slow
async def test_a_page_is_seen_in_its_proportion_and_can_be_turned(site: Site, chromium: Chromium) -> None:
    receipt = await site.house.intake.accept(await a_shown_fax())
    async with page_of(chromium, site, "anna") as page:
        await page.goto(f"/cases/{receipt.case_id}")
        await page.locator(".fax-page").first.click()
        paper = page.locator(".fax-paper")
        await expect(paper).to_have_attribute("data-turned", "0")
        box = await paper.locator("img").bounding_box()
        assert box is not None
        # 1728 dots at 204 an inch across, 1145 lines at 98 down.
        assert box["height"] / box["width"] == pytest.approx((1145 / 98) / (1728 / 204), rel=0.01)
        await page.keyboard.press("r")
        await expect(paper).to_have_attribute("data-turned", "90")
        await page.keyboard.press("+")
        await expect(paper).to_have_attribute("data-zoom", "1.25")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(".fax-tools .place")).to_have_text("2 / 2")
        await page.keyboard.press("Escape")
        await expect(paper).to_have_count(0)

"""The pages in a real browser: live by themselves, by keyboard alone, nothing lost and nothing sent twice."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Browser, Page, Request, Route, async_playwright, expect

from agent_ui.events import hang_up
from crm.collections import CASES
from crm.contact import Contact, DeliveryReport, Receipt, blob_id
from crm.record import now
from crm.store import Replace
from router.plan import case_event
from tests.agent_ui.site import Site, open_site
from tests.components import path_to
from tests.polling import until
from tests.router.house import a_message, an_arrival

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 15_000
WIDE, NARROW = (1440, 900), (390, 844)


@dataclass
class Desk:
    """An employee at his browser. `complaints` is what its console found wrong with our pages."""

    page: Page
    complaints: list[str]

    async def go(self, path: str) -> None:
        await self.page.goto(path)
        await self.page.wait_for_selector("html[data-ready]", state="attached")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path_to("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as site:
        site.house.clock.at = now()  # the browser has a clock of its own
        yield site


@asynccontextmanager
async def desk_of(
    browser: Browser, site: Site, id: str = "anna", *, size: tuple[int, int] = WIDE, theme: str = "light"
) -> AsyncIterator[Desk]:
    context = await browser.new_context(
        base_url=site.url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        timezone_id="Europe/Moscow",
    )
    context.set_default_timeout(PATIENCE)
    async with site.visitor() as visitor:
        token = await visitor.enter(id)
    await context.add_cookies([{"name": "onewindow", "value": token, "url": site.url}])
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    try:
        yield Desk(page, complaints)
    finally:
        await context.close()
    assert complaints == []


@pytest.fixture
async def anna(browser: Browser, site: Site) -> AsyncIterator[Desk]:
    async with desk_of(browser, site) as desk:
        yield desk


@pytest.fixture
async def letter(site: Site) -> Receipt:
    arrival = an_arrival(text="Прошу перерасчёт", subject="Счёт", received_at=now())
    return await site.house.intake.accept(arrival)


async def answers(site: Site) -> list[Contact]:
    return [one for one in await site.house.contacts() if one.direction == "outbound"]


async def test_a_case_comes_into_the_queue_and_its_messages_into_the_timeline_by_themselves(
    site: Site, anna: Desk
) -> None:
    page = anna.page
    await anna.go("/inbox?list=queue")
    await expect(page.locator(".case-row")).to_have_count(0)
    receipt = await site.house.intake.accept(
        a_message("m1", "Здравствуйте, вы работаете?", received_at=now())
    )
    row = page.locator(f'[data-case="{receipt.case_id}"].case-row')
    await expect(row).to_be_visible()
    await anna.press("j", "Enter")
    await expect(page.locator("#timeline .words")).to_have_text(["Здравствуйте, вы работаете?"])
    assert page.url.endswith(f"/cases/{receipt.case_id}?list=queue")
    said = [f"сообщение {number}" for number in range(30)]
    for number, text in enumerate(said):
        await site.house.intake.accept(a_message(f"n{number}", text, received_at=now()))
    await expect(page.locator("#timeline .words")).to_have_text(["Здравствуйте, вы работаете?", *said])
    await expect(page.locator(".case-row")).to_have_count(1)
    await expect(row.locator(".preview")).to_have_text("сообщение 29")


async def test_what_somebody_reads_in_a_list_stays_where_it_is(site: Site, anna: Desk) -> None:
    page = anna.page
    for number in range(60):
        at = site.house.clock()
        sender = f"s{number}@example.com"
        await site.house.intake.accept(an_arrival(f"{number}", sender=sender, received_at=at))
        site.house.clock.pass_by(seconds=1)
    await anna.go("/inbox?list=all")
    await expect(page.locator(".case-row")).to_have_count(40)
    await page.locator("#list-body").hover()
    await page.mouse.wheel(0, 1500)
    await expect(page.locator(".case-row")).to_have_count(60)  # the next page came by itself
    row = page.locator(".case-row").nth(30)
    await row.scroll_into_view_if_needed()
    case_id, before = await row.get_attribute("data-case"), await row.bounding_box()
    for number in range(3):
        at = site.house.clock()
        await site.house.intake.accept(
            an_arrival(f"n{number}", sender=f"n{number}@example.com", received_at=at)
        )
    await expect(page.locator(".case-row")).to_have_count(63)
    after = await page.locator(f'.case-row[data-case="{case_id}"]').bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 2


async def test_the_answer_is_written_by_keyboard_and_sent_once(
    site: Site, anna: Desk, letter: Receipt
) -> None:
    page = anna.page
    await anna.go(f"/cases/{letter.case_id}")
    await anna.press("r")
    await page.keyboard.type("Сделаем сегодня")
    await anna.press("Control+Enter", "Control+Enter", "Control+Enter")
    await expect(page.locator(".item.out .words")).to_have_text(["Сделаем сегодня"])
    await expect(page.locator(".item.out .delivery")).to_have_text("Ждёт отправки")
    await expect(page.locator("#composer-text")).to_have_value("")
    assert [one.text for one in await answers(site)] == ["Сделаем сегодня"]
    # It was in the queue: whoever answers takes it.
    await expect(page.locator("#case-head .chip").first).to_have_text("В работе")


async def test_what_is_written_survives_a_reload_until_it_is_sent(
    site: Site, anna: Desk, letter: Receipt
) -> None:
    page = anna.page
    await anna.go(f"/cases/{letter.case_id}")
    await anna.press("r")
    await page.keyboard.type("Черновик ответа")
    await page.click("#tab-note")
    await page.keyboard.type("Черновик заметки")
    await page.reload()
    await page.wait_for_selector("html[data-ready]", state="attached")
    await expect(page.locator("#composer-text")).to_have_value("Черновик заметки")
    await page.click("#tab-answer")
    await expect(page.locator("#composer-text")).to_have_value("Черновик ответа")
    await page.click("#send")
    await expect(page.locator(".item.out .words")).to_have_text(["Черновик ответа"])
    await page.reload()
    await page.click("#tab-answer")
    await expect(page.locator("#composer-text")).to_have_value("")
    await page.click("#tab-note")
    await expect(page.locator("#composer-text")).to_have_value("Черновик заметки")


async def test_an_answer_whose_receipt_was_lost_is_not_sent_again(
    site: Site, anna: Desk, letter: Receipt
) -> None:
    page = anna.page
    await anna.go(f"/cases/{letter.case_id}")

    async def lose(route: Route) -> None:
        await route.fetch()  # it reaches the server, and the line breaks before the answer
        await route.abort()

    await page.route("**/answer", lose)
    await anna.press("r")
    await page.keyboard.type("Один раз")
    await anna.press("Control+Enter")
    await expect(page.locator(".toast")).to_contain_text("Нет связи")
    await expect(page.locator("#composer-text")).to_have_value("Один раз")
    await page.unroute("**/answer")
    await page.reload()
    await page.click("#send")
    await expect(page.locator("#composer-text")).to_have_value("")
    assert len(await answers(site)) == 1
    anna.complaints.clear()  # the browser complains of the line we cut


async def test_a_page_that_lost_its_line_catches_up_without_missing_or_repeating(
    site: Site, anna: Desk
) -> None:
    page = anna.page
    first = await site.house.intake.accept(a_message("m0", "раз", received_at=now()))
    await anna.go(f"/cases/{first.case_id}?list=queue")
    await page.route("**/events?*", lambda route: route.abort())
    await hang_up(site.app)
    await expect(page.locator("#offline-bar")).to_be_visible()
    for number in range(1, 6):
        await site.house.intake.accept(a_message(f"m{number}", f"без связи {number}", received_at=now()))
    strangers = [
        await site.house.intake.accept(
            an_arrival(f"s{number}", sender=f"s{number}@example.com", received_at=now())
        )
        for number in range(3)
    ]
    await page.unroute("**/events?*")
    await expect(page.locator("#timeline .words")).to_have_text(
        ["раз", *(f"без связи {n}" for n in range(1, 6))]
    )
    await expect(page.locator(".case-row")).to_have_count(4)
    for receipt in strangers:
        await expect(page.locator(f'[data-case="{receipt.case_id}"].case-row')).to_have_count(1)
    await expect(page.locator("#offline-bar")).to_be_hidden()
    anna.complaints.clear()


async def test_keys_work_with_a_russian_layout_too(anna: Desk, letter: Receipt) -> None:
    page = anna.page
    await anna.go(f"/cases/{letter.case_id}")
    for key, code in (("в", "KeyD"), ("е", "KeyT")):
        pressed = (
            "(key) => document.body.dispatchEvent(new KeyboardEvent('keydown', {...key, bubbles: true}))"
        )
        await page.evaluate(pressed, {"key": key, "code": code})
        await expect(page.locator("dialog.sheet")).to_be_visible()
        await anna.press("Escape")
        await expect(page.locator("dialog.sheet")).to_have_count(0)
    await anna.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await expect(page.locator("#keys-list li")).not_to_have_count(0)
    await anna.press("Escape", "g", "i")
    await page.wait_for_url("**/inbox")


async def test_a_case_is_decided_and_closed_by_keyboard_alone(
    site: Site, anna: Desk, letter: Receipt
) -> None:
    page = anna.page
    await anna.go("/inbox?list=queue")
    await anna.press("j", "Enter")
    await expect(page.locator("#case-pane")).to_be_visible()
    await anna.press("d")
    await expect(page.locator("dialog.sheet input[name=code]").first).to_be_focused()
    await anna.press("Space", "Tab")
    await page.keyboard.type("Перерасчёт сделан")
    await anna.press("Control+Enter")
    await expect(page.locator(".decision-card")).to_contain_text("Перерасчёт сделан")
    await expect(page.locator("#case-head .chip").first).to_have_text("Закрыто")
    await expect(page.locator("#composer-closed")).to_contain_text("Обращение закрыто")
    case = await site.house.case(letter.case_id)
    assert (case.state, case.decision) == ("closed", "solved")


async def test_a_refused_form_says_so_and_keeps_what_was_typed(anna: Desk, letter: Receipt) -> None:
    page = anna.page
    await anna.go(f"/cases/{letter.case_id}")
    await anna.press("t")
    await page.select_option("dialog.sheet select", "technical")
    await page.fill("dialog.sheet textarea", "   ")
    await page.click("dialog.sheet .primary")
    await expect(page.locator("dialog.sheet [data-refusal]")).to_contain_text("нужна причина")
    await expect(page.locator("dialog.sheet textarea")).to_be_focused()
    await page.fill("dialog.sheet textarea", "Нужен выезд мастера")
    await page.click("dialog.sheet .primary")
    await expect(page.locator("#case-head .notice")).to_contain_text("Нужен выезд мастера")
    anna.complaints.clear()  # the browser notes the refusal


async def test_an_offer_rings_and_is_accepted_with_one_key(site: Site, anna: Desk, letter: Receipt) -> None:
    page = anna.page
    await anna.go("/me")
    case = await site.house.case(letter.case_id)
    reserved = msgspec.structs.replace(case, state="reserved", assignee_id="anna", reserved_until=now())
    await site.house.store.commit([Replace(CASES, reserved)])
    await site.house.live.publish([case_event(reserved, now(), "reserved")])
    await expect(page.locator(".offer h2")).to_have_text("ivan@example.com")
    await expect(page).to_have_title(re.compile(r"^\(1\) "))
    await page.click("[data-accept]")
    await page.wait_for_url(f"**/cases/{letter.case_id}?list=mine")
    await expect(page.locator(".offer")).to_have_count(0)
    assert (await site.house.case(letter.case_id)).state == "assigned"


async def test_what_the_router_does_to_an_open_case_is_shown_too(site: Site, anna: Desk) -> None:
    page = anna.page
    first = await site.house.intake.accept(a_message("m1", "Не работает роутер", received_at=now()))
    boris = await site.house.employee("boris")
    await site.house.casework.decide(first.case_id, boris, code="solved")
    await anna.go(f"/cases/{first.case_id}")  # another department's: she hears of it while she has it open
    await expect(page.locator("#case-head .chip").first).to_have_text("Закрыто")
    await site.house.intake.accept(a_message("m2", "Снова не работает", received_at=now()))
    await expect(page.locator(".item.in .words")).to_have_text(["Не работает роутер", "Снова не работает"])
    await expect(page.locator(".happened", has_text="Клиент написал снова")).to_have_count(1)
    await expect(page.locator("#case-head .chip").first).to_have_text("В очереди")


async def test_colleagues_see_who_looks_and_who_types(
    browser: Browser, site: Site, anna: Desk, letter: Receipt
) -> None:
    await anna.go(f"/cases/{letter.case_id}")
    async with desk_of(browser, site, "pavel") as pavel:
        await pavel.go(f"/cases/{letter.case_id}")
        await expect(anna.page.locator("#viewers")).to_have_text("Pavel смотрит")
        await expect(pavel.page.locator("#viewers")).to_have_text("Anna смотрит")
        await pavel.press("n")
        await pavel.page.keyboard.type("Пишу")
        await expect(anna.page.locator("#viewers")).to_have_text("Pavel печатает")
        await pavel.press("Control+Enter")
        await expect(anna.page.locator(".note-card .words")).to_have_text(["Пишу"])
        await pavel.go("/me")
        await expect(anna.page.locator("#viewers")).to_have_text("")


async def test_delivery_is_shown_as_it_changes(site: Site, anna: Desk, letter: Receipt) -> None:
    page = anna.page
    await anna.go(f"/cases/{letter.case_id}")
    await anna.press("r")
    await page.keyboard.type("Ответ")
    await anna.press("Control+Enter")
    await expect(page.locator(".delivery")).to_have_text("Ждёт отправки")
    sent = (await answers(site))[0]
    report = DeliveryReport(key=sent.key, outcome="bounced", status="5.1.1")
    await site.house.intake.accept(an_arrival("bounce", text="", automatic="bounce", report=report))
    await expect(page.locator(".delivery.bounced")).to_contain_text("Вернулось недоставленным")
    await expect(page.locator(".item.out")).to_have_count(1)


async def test_a_letter_as_laid_out_runs_nothing_and_reads_pictures_only_when_asked(
    site: Site, anna: Desk
) -> None:
    html = (
        "<p>Вёрстка</p><script>parent.document.title='взлом'</script>"
        "<img src='https://pictures.example/a.png' onerror='parent.document.title=1'>"
    ).encode()
    arrival = an_arrival(text="Слова", html=blob_id(html), blobs={blob_id(html): html}, received_at=now())
    receipt = await site.house.intake.accept(arrival)
    page = anna.page
    asked: list[str] = []

    async def answer(route: Route, request: Request) -> None:
        asked.append(request.url)
        await route.fulfill(content_type="image/png", body=b"broken")  # onerror would run

    await page.route("https://pictures.example/**", answer)
    await anna.go(f"/cases/{receipt.case_id}")
    title = await page.title()
    await page.click("[data-shows-letter]")
    await expect(page.frame_locator(".letter iframe").locator("p")).to_have_text("Вёрстка")
    await expect(page.locator("[data-shows-pictures]")).to_be_visible()
    assert asked == []
    await page.click("[data-shows-pictures]")
    await until(lambda: _now(asked[:1]), ["https://pictures.example/a.png"])
    assert await page.title() == title


async def _now(value: list[str]) -> list[str]:
    return value


async def test_search_answers_as_one_types(anna: Desk, letter: Receipt) -> None:
    page = anna.page
    await anna.go("/inbox")
    await anna.press("/")
    await page.keyboard.type("перерасчет")
    await expect(page.locator("#found li a").first).to_be_visible()
    await anna.press("Enter")
    await expect(page.locator("#case-pane")).to_have_attribute("data-case", letter.case_id)


async def test_the_whole_history_is_one_key_away(site: Site, anna: Desk, letter: Receipt) -> None:
    page = anna.page
    await site.house.casework.decide(
        letter.case_id, await site.house.employee("anna"), code="promised", text="Завтра"
    )
    site.house.clock.pass_by(days=90)
    at = site.house.clock()
    again = await site.house.intake.accept(
        an_arrival("2", text="Это снова я", subject="Иное", received_at=at)
    )
    async with site.visitor() as visitor:
        token = await visitor.enter("anna")
    await page.context.add_cookies([{"name": "onewindow", "value": token, "url": site.url}])
    await anna.go(f"/cases/{again.case_id}")
    await expect(page.locator(".before")).to_contain_text("Дано обещание")
    await expect(page.locator("#timeline .words")).to_have_text(["Это снова я"])
    await anna.press("h")
    await expect(page.locator(".decision-card .words")).to_have_text(["Завтра"])
    await expect(page.locator("#timeline .item.in .words")).to_have_text(["Прошу перерасчёт", "Это снова я"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_every_page_fits_its_window_and_the_browser_has_nothing_to_complain_of(
    browser: Browser, site: Site, letter: Receipt, size: tuple[int, int], theme: str
) -> None:
    endless = "Оченьдлинноеслово" * 40
    arrival = an_arrival("long", subject=endless, text=endless * 20, sender="x" * 60 + "@example.com")
    long = await site.house.intake.accept(arrival)
    pages = ["/inbox", "/inbox?list=queue", "/me", "/search?q=перерасчет", f"/customers/{letter.customer_id}"]
    async with desk_of(browser, site, size=size, theme=theme) as desk:
        for path in (*pages, f"/cases/{letter.case_id}", f"/cases/{long.case_id}"):
            await desk.go(path)
            width = await desk.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0], path


async def test_on_a_telephone_one_pane_is_shown_at_a_time(
    browser: Browser, site: Site, letter: Receipt
) -> None:
    async with desk_of(browser, site, size=NARROW) as desk:
        page = desk.page
        await desk.go("/inbox?list=queue")
        await page.click(".case-row a")
        await expect(page.locator("#case-pane")).to_be_visible()
        await expect(page.locator("#list-pane")).to_be_hidden()
        await page.click("[data-card]")
        await expect(page.locator("#customer-pane")).to_be_visible()
        await page.click("[data-card-closes]")
        await expect(page.locator("#customer-pane")).to_be_hidden()
        await page.click("#case-head [data-back]")
        await expect(page.locator("#list-pane")).to_be_visible()
        await page.go_back()
        await expect(page.locator("#case-pane")).to_be_visible()


async def test_one_who_is_signed_out_elsewhere_is_taken_to_the_door(site: Site, anna: Desk) -> None:
    await anna.go("/inbox")
    async with site.signed_in("anna") as other:
        await other.send("POST", "/logout", data={"csrf": other.csrf, "everywhere": "1"})
    await anna.press("1")
    await anna.page.wait_for_url("**/login?next=*")
    anna.complaints.clear()


async def test_the_first_stop_of_the_keyboard_leads_past_the_menu(anna: Desk) -> None:
    await anna.go("/me")
    await anna.press("Tab")
    await expect(anna.page.locator(".skip")).to_be_focused()
    await anna.press("Enter")
    await expect(anna.page.locator("#main")).to_be_focused()

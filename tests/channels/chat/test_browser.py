"""The chat in a real browser: on a site of somebody else, by keyboard, over restarts and broken lines."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from channels.chat.settings import ChatSettings
from crm.collections import CONTACTS
from crm.contact import Contact
from crm.employee import Hours
from crm.store import Order
from tests.channels.chat.browsing import a_site, a_visit
from tests.channels.chat.house import ChatHouse, open_house
from tests.polling import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc00000"
    "030101001818dd8d0000000049454e44ae426082"
)


async def said(house: ChatHouse) -> list[Contact]:
    found = await house.store.find(CONTACTS, order=Order("number"), limit=1000)
    return [contact for contact in found if contact.direction == "inbound"]


def texts(house: ChatHouse) -> Callable[[], Awaitable[list[str]]]:
    async def look() -> list[str]:
        return [contact.text for contact in await said(house)]

    return look


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_a_visitor_of_another_site_talks_with_an_agent_and_finds_it_all_after_a_reload(
    browser: Browser, house: ChatHouse
) -> None:
    async with a_site(house.url) as site, a_visit(browser, site) as visit:
        await visit.page.get_by_role("button", name="Открыть чат").click()
        await visit.ready()
        await visit.say("Не работает интернет")
        await expect(visit.chat.get_by_text("Получено").first).to_be_visible()
        (question,) = await said(house)
        await house.take(question.case_id)
        await expect(visit.chat.locator(".status")).to_have_text(re.compile("Анна Петрова"))
        await house.answer(question.case_id, question.sender.value, "Уже чиним: https://example.com/a(b).")
        link = visit.chat.get_by_role("link")
        await expect(link).to_have_attribute("href", "https://example.com/a(b)")
        await expect(link).to_have_attribute("rel", re.compile("noopener"))
        await visit.page.reload()
        await visit.ready()  # who spoke once finds the chat loaded, to see what is new
        await visit.page.get_by_role("button", name="Открыть чат").click()
        await expect(visit.chat.get_by_text("Уже чиним")).to_be_visible()
        assert await visit.bubbles() == ["Не работает интернет", "Уже чиним: https://example.com/a(b)."]
        assert question.fields["page"] == site


async def test_an_answer_counts_on_the_button_while_the_chat_is_closed_and_is_delivered_when_seen(
    browser: Browser, house: ChatHouse
) -> None:
    async with a_site(house.url) as site, a_visit(browser, site) as visit:
        await visit.page.get_by_role("button", name="Открыть чат").click()
        await visit.ready()
        await visit.say("Вопрос")
        await until(texts(house), ["Вопрос"])
        (question,) = await said(house)
        await visit.chat.get_by_role("button", name="Закрыть чат").click()
        answer = await house.answer(question.case_id, question.sender.value, "Ответ")
        await expect(visit.page.get_by_role("button", name="Открыть чат (1)")).to_be_visible()

        async def delivery() -> str:
            contact = await house.store.get(CONTACTS, answer.id)
            return contact.delivery if contact else ""

        assert await delivery() != "delivered"
        await visit.page.get_by_role("button", name="Открыть чат (1)").click()
        await until(delivery, "delivered")
        await visit.chat.get_by_role("button", name="Закрыть чат").click()
        await expect(visit.page.get_by_role("button", name="Открыть чат", exact=True)).to_be_visible()


async def test_the_keyboard_alone_is_enough(browser: Browser, house: ChatHouse) -> None:
    async with a_site(house.url) as site, a_visit(browser, site) as visit:
        await visit.page.wait_for_function("window.onewindowChat")
        await visit.page.keyboard.press("Tab")
        await visit.page.keyboard.press("Enter")
        await visit.ready()
        await expect(visit.chat.locator("textarea")).to_be_focused()
        await visit.page.keyboard.type("первая строка")
        await visit.page.keyboard.press("Shift+Enter")
        await visit.page.keyboard.type("вторая")
        await visit.page.keyboard.press("Enter")
        await until(texts(house), ["первая строка\nвторая"])
        await visit.page.keyboard.press("Escape")
        await expect(visit.page.get_by_role("button", name="Открыть чат")).to_be_focused()


async def test_a_site_with_the_strictest_policy_needs_to_allow_only_our_origin(
    browser: Browser, house: ChatHouse
) -> None:
    policy = f"default-src 'none'; script-src {house.url}; frame-src {house.url}; img-src data:"
    async with a_site(house.url, policy=policy) as site, a_visit(browser, site) as visit:
        await visit.page.get_by_role("button", name="Открыть чат").click()
        await visit.ready()
        box = await visit.page.locator("iframe").bounding_box()
        assert box is not None
        assert box["width"] == 392
        await visit.say("Работает")
        await until(texts(house), ["Работает"])


async def test_the_site_chooses_language_colour_and_side(browser: Browser, house: ChatHouse) -> None:
    attributes = 'data-language="en" data-color="#ffd54f" data-position="left" data-theme="dark"'
    async with a_site(house.url, attributes) as site, a_visit(browser, site) as visit:
        button = visit.page.get_by_role("button", name="Open the chat")
        box = await button.bounding_box()
        assert box is not None
        assert box["x"] == 20
        await button.click()
        await visit.ready()
        await expect(visit.chat.get_by_placeholder("Write a message…")).to_be_visible()
        head = visit.chat.locator(".head")
        await expect(head).to_have_css("background-color", "rgb(255, 213, 79)")
        await expect(head).to_have_css("color", "rgb(20, 24, 31)")  # dark words on a light colour
        await expect(visit.chat.locator("#chat")).to_have_css("background-color", "rgb(21, 24, 29)")


async def test_what_was_not_sent_goes_through_once_after_the_server_comes_back(
    browser: Browser, tmp_path: Path, settings: ChatSettings, free_port: int
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_house(tmp_path, settings, port=free_port))
        async with a_visit(browser, f"{first.url}/chat/") as visit:
            await visit.ready()
            await visit.say("до остановки")
            await until(texts(first), ["до остановки"])
            first.down = True
            await visit.say("во время остановки")
            await expect(visit.chat.locator(".pending")).to_have_count(1)
            await stack.aclose()
            await visit.say("после остановки")
            await expect(visit.chat.get_by_text("Нет связи.")).to_be_visible()
            async with open_house(tmp_path, settings, port=free_port) as second:
                wanted = ["до остановки", "во время остановки", "после остановки"]
                await until(texts(second), wanted, patience=30)
                await expect(visit.chat.locator(".pending")).to_have_count(0)
                assert await visit.bubbles() == wanted


async def test_what_was_not_sent_survives_a_reload_and_so_do_the_words_being_written(
    browser: Browser, house: ChatHouse
) -> None:
    async with a_visit(browser, f"{house.url}/chat/") as visit:
        await visit.ready()
        house.down = True
        await visit.say("важное")
        await expect(visit.chat.get_by_text("Сейчас не получается принять сообщение")).to_be_visible()
        await visit.chat.locator("textarea").fill("ещё не дописано")
        await visit.page.reload()
        await visit.ready()
        await expect(visit.chat.locator("textarea")).to_have_value("ещё не дописано")
        await expect(visit.chat.locator(".pending .bubble")).to_have_text("важное")
        house.down = False
        await until(texts(house), ["важное"])
        await expect(visit.chat.get_by_text("Получено")).to_be_visible()


async def test_two_tabs_show_the_same_talk(browser: Browser, house: ChatHouse) -> None:
    async with a_visit(browser, f"{house.url}/chat/") as visit:
        await visit.ready()
        other = await visit.context.new_page()
        await other.goto(f"{house.url}/chat/")
        await other.wait_for_selector("[data-ready]")
        await visit.say("с первой")
        await expect(other.get_by_text("с первой")).to_be_visible()
        await other.locator("textarea").fill("со второй")
        await other.locator("textarea").press("Enter")
        await expect(visit.page.locator(".bubble:visible")).to_have_text(["с первой", "со второй"])
        await expect(other.locator(".bubble:visible")).to_have_text(["с первой", "со второй"])


async def test_files_go_out_and_come_back(browser: Browser, house: ChatHouse, tmp_path: Path) -> None:
    async with a_visit(browser, f"{house.url}/chat/") as visit:
        await visit.ready()
        (tmp_path / "снимок.png").write_bytes(PNG)
        (tmp_path / "virus.exe").write_bytes(b"MZ")
        (tmp_path / "заметки.txt").write_text("слова")
        files = [tmp_path / name for name in ("снимок.png", "virus.exe", "заметки.txt")]
        await visit.chat.locator("input[type=file]").set_input_files(files)
        await expect(visit.chat.get_by_text("Файлы этого вида здесь отправить нельзя.")).to_be_visible()
        await expect(visit.chat.get_by_role("button", name="Картинка снимок.png")).to_be_visible()
        await visit.chat.get_by_role("button", name="Убрать").click()
        await expect(visit.chat.locator(".pending")).to_have_count(0)
        await visit.page.reload()
        await visit.ready()
        await visit.chat.wait_for_selector(".picture img")
        async with visit.page.expect_download() as downloading:
            await visit.chat.get_by_role("button", name="Скачать заметки.txt").click()
        download = await downloading.value
        assert download.suggested_filename == "заметки.txt"
        assert Path(await download.path()).read_text() == "слова"


async def test_the_visitor_takes_his_transcript(browser: Browser, house: ChatHouse) -> None:
    async with a_visit(browser, f"{house.url}/chat/") as visit:
        await visit.ready()
        await visit.say("Запомните это")
        await until(texts(house), ["Запомните это"])
        await visit.chat.get_by_role("button", name="Меню").click()
        async with visit.page.expect_download() as downloading:
            await visit.chat.get_by_role("button", name="Сохранить переписку").click()
        download = await downloading.value
        assert download.suggested_filename == "Переписка.txt"
        assert "Запомните это" in Path(await download.path()).read_text()


async def test_out_of_hours_a_message_is_left_with_a_way_to_answer(
    browser: Browser, tmp_path: Path, settings: ChatSettings
) -> None:
    # One minute in a week: whenever this runs, the house is closed, or closes before the form is read.
    hours = (Hours(day=0, opens="03:00", closes="03:01"),)
    async with (
        open_house(tmp_path, settings, hours=hours) as house,
        a_visit(browser, f"{house.url}/chat/", width=390) as visit,
    ):
        await visit.ready()
        leave = visit.chat.get_by_role("button", name="Оставить сообщение")
        await leave.click()
        await expect(visit.chat.get_by_text("Напишите, пожалуйста, о чём речь.")).to_be_visible()
        await expect(visit.chat.get_by_text("Укажите, пожалуйста, почту или телефон")).to_be_visible()
        await visit.chat.get_by_label("Сообщение").first.fill("Перезвоните мне")
        await visit.chat.get_by_label("Эл. почта").fill("ivan@example.com")
        await leave.click()
        await expect(visit.chat.get_by_text("Спасибо, сообщение у нас.")).to_be_visible()
        (contact,) = await said(house)
        assert (contact.text, contact.fields["left"]) == ("Перезвоните мне", "yes")
        assert [(claim.kind, claim.value) for claim in contact.claims] == [("email", "ivan@example.com")]
        await expect(visit.chat.locator("textarea:visible")).to_be_editable()


@pytest.mark.parametrize("width", [320, 390, 1000])
async def test_hostile_and_endless_words_stay_words_within_their_bubbles(
    browser: Browser, house: ChatHouse, width: int
) -> None:
    hostile = [
        "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>",
        "javascript:alert(1) data:text/html,<b> http://",
        "бесконечное" * 60,
        "https://example.com/" + "a" * 300,
    ]
    async with a_visit(browser, f"{house.url}/chat/", width=width) as visit:
        await visit.ready()
        for text in hostile:
            await visit.say(text)
        await until(texts(house), hostile)
        assert await visit.bubbles() == hostile
        assert await visit.page.title() == "Напишите нам"
        links = await visit.chat.locator(".bubble a").all()
        assert [await link.get_attribute("href") for link in links] == [hostile[3]]
        log = visit.chat.locator(".log")
        assert await log.evaluate("log => log.scrollWidth <= log.clientWidth")
        assert await visit.chat.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_token_that_is_none_makes_a_new_visitor(browser: Browser, house: ChatHouse) -> None:
    async with a_visit(browser, f"{house.url}/chat/") as visit:
        await visit.ready()
        await visit.page.evaluate("localStorage.setItem('onewindow.chat.token', '\"forged\"')")
        await visit.page.reload()
        await visit.ready()
        await visit.say("я новый")
        await until(texts(house), ["я новый"])


async def test_typing_is_seen_by_both(browser: Browser, house: ChatHouse) -> None:
    async with a_visit(browser, f"{house.url}/chat/") as visit, house.live.subscribe() as events:
        await visit.ready()
        await visit.say("Вопрос")
        await until(texts(house), ["Вопрос"])
        (question,) = await said(house)
        await house.take(question.case_id)
        await expect(visit.chat.locator(".status")).to_have_text(re.compile("Анна Петрова"))
        await house.live.look(question.case_id, "anna", "page", typing=True)
        await expect(visit.chat.locator(".typing")).to_be_visible()
        await visit.chat.locator("textarea").press_sequentially("печатаю")
        async with asyncio.timeout(10):
            async for event in events:
                if event.kind == "typing":
                    break
        await house.answer(question.case_id, question.sender.value, "Ответ")
        await expect(visit.chat.locator(".typing")).to_be_hidden()

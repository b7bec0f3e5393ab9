"""A long conversation is read back in steps to its first word, and only by whom it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from playwright.async_api import Browser, expect

from channels.chat.reading import PAGE, STEP
from crm.collections import CASES, CONTACTS
from crm.contact import Address, Contact, contact_id
from crm.store import Insert, Replace
from tests.channels.chat.browsing import a_visit
from tests.channels.chat.house import ChatHouse
from tests.channels.chat.page import NUMBERS, Page, open_page
from tests.polling import until


async def a_past(house: ChatHouse, page: Page, channels: Sequence[str]) -> list[str]:
    """What was said in the page's case after its first word, an answer a second; the chat's words of it."""
    said = await page.say("message-1", "начало")
    case = await house.store.get(CASES, str(said["seq"] // NUMBERS))
    assert case is not None
    contacts = [
        Contact(
            id=contact_id(channel, f"answer-{number}"),
            channel=channel,
            key=f"answer-{number}",
            direction="outbound",
            received_at=case.opened_at + timedelta(seconds=number),
            sender=Address(kind="unknown", value="", name="Анна Петрова"),
            recipients=(Address(kind="visitor", value=page.visitor),) if channel == "chat" else (),
            text=f"{channel} {number}",
            customer_id=case.customer_id,
            case_id=case.id,
            number=number,
            delivery="sent",
        )
        for number, channel in enumerate(channels, start=2)
    ]
    grown = msgspec.structs.replace(case, contacts=len(contacts) + 1)
    await house.store.commit([Replace(CASES, grown), *(Insert(CONTACTS, one) for one in contacts)])
    return ["начало", *(one.text for one in contacts if one.channel == "chat")]


async def look_back(page: Page) -> list[str]:
    """All that the page is told when it asks for what was before, again and again; a step is bounded."""
    (earlier,) = [frame["earlier"] for frame in page.frames if frame["type"] == "welcome"]
    texts = [message["text"] for message in page.messages]
    while earlier:
        page.frames.clear()
        await page.send("earlier", before=earlier)
        past = await page.heard("past")
        assert len(past["history"]) <= PAGE
        assert past["earlier"] != earlier
        earlier = past["earlier"]
        texts = [*(message["text"] for message in past["history"]), *texts]
    return texts


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, 2 * PAGE, 2 * PAGE + 50])
async def test_a_new_page_reads_back_to_the_first_word(house: ChatHouse, count: int) -> None:
    async with open_page(house.url) as first:
        texts = await a_past(house, first, ["chat"] * (count - 1))
    async with open_page(house.url, token=first.token) as page:
        (welcome,) = page.frames
        assert len(welcome["history"]) == min(count, PAGE)
        assert bool(welcome["earlier"]) is (count > PAGE), "no way back is offered where nothing is"
        assert await look_back(page) == texts


async def test_letters_between_are_passed_over_in_bounded_steps_and_never_told(house: ChatHouse) -> None:
    channels = [*["chat"] * 30, *["email"] * (STEP + PAGE), *["chat"] * 30]
    async with open_page(house.url) as first:
        texts = await a_past(house, first, channels)
    async with open_page(house.url, token=first.token) as page:
        (welcome,) = page.frames
        assert [message["text"] for message in welcome["history"]] == texts[-30:]
        assert welcome["earlier"], "one step does not look through everything"
        assert await look_back(page) == texts


async def test_a_page_that_comes_again_lacks_nothing_and_is_told_nothing_twice(house: ChatHouse) -> None:
    async with open_page(house.url) as first:
        await a_past(house, first, ["chat"] * 300)
    async with open_page(house.url, token=first.token) as page:
        last = list(page.positions.values())
    async with open_page(house.url, token=first.token, last=last) as again:
        (welcome,) = again.frames
        assert (welcome["history"], welcome["earlier"]) == ([], 0)


async def test_a_place_in_the_conversation_of_somebody_else_leads_nowhere(house: ChatHouse) -> None:
    async with open_page(house.url) as his:
        await a_past(house, his, ["chat"] * 300)
    async with open_page(house.url, token=his.token) as page:
        place = page.frames[0]["earlier"]
    async with open_page(house.url) as stranger:
        for before in (place, 0, 2**53 - 1):
            await stranger.send("earlier", before=before)
            await stranger.heard("error", reason="bad_place")
            stranger.frames.clear()
        await stranger.say("message-1", "я другой")
        await stranger.send("earlier", before=place)
        await stranger.heard("error", reason="bad_place")
        assert stranger.texts == []


@pytest.mark.browser
@pytest.mark.slow
async def test_the_keyboard_reads_back_and_what_is_read_stays_where_it_is(
    browser: Browser, house: ChatHouse
) -> None:
    async with a_visit(browser, f"{house.url}/chat/") as visit:
        await visit.ready()
        token = await visit.page.evaluate("JSON.parse(localStorage.getItem('onewindow.chat.token'))")
        async with open_page(house.url, token=token) as page:
            page.frames.append({"type": "welcome", "visitor": page.visitor, "token": token})
            texts = await a_past(house, page, ["chat"] * 449)
        await visit.page.reload()
        await visit.ready()
        rows, log = visit.chat.locator(".row .bubble:visible"), visit.chat.locator(".log")
        await expect(rows).to_have_count(PAGE)
        earlier = visit.chat.get_by_role("button", name="Показать более ранние сообщения")
        await earlier.focus()
        top = rows.first
        text = await top.inner_text()
        before = await visit.chat.get_by_text(text, exact=True).bounding_box()
        await visit.page.keyboard.press("Enter")
        await expect(rows).to_have_count(2 * PAGE)
        after = await visit.chat.get_by_text(text, exact=True).bounding_box()
        assert before is not None
        assert after is not None
        assert abs(after["y"] - before["y"]) < 40, "the reader is still where he was"
        await expect(visit.chat.get_by_text("Показано ещё 200 ранних сообщений")).to_be_attached()
        await expect(earlier).to_be_focused()
        await visit.page.keyboard.press("Enter")
        await expect(rows).to_have_count(450)
        assert await visit.bubbles() == texts
        await expect(earlier).to_be_hidden()
        await expect(log).to_be_focused()

        async def unseen() -> int:
            return sum(c.delivery != "delivered" for c in await house.store.find(CONTACTS, limit=1000)) - 1

        await until(unseen, 0)


@pytest.mark.browser
@pytest.mark.slow
async def test_reading_upwards_asks_for_more_by_itself(browser: Browser, house: ChatHouse) -> None:
    async with a_visit(browser, f"{house.url}/chat/") as visit:
        await visit.ready()
        token = await visit.page.evaluate("JSON.parse(localStorage.getItem('onewindow.chat.token'))")
        async with open_page(house.url, token=token) as page:
            page.frames.append({"type": "welcome", "visitor": page.visitor, "token": token})
            await a_past(house, page, ["chat"] * 249)
        await visit.page.reload()
        await visit.ready()
        await expect(visit.chat.locator(".row .bubble:visible")).to_have_count(PAGE)
        await visit.chat.locator(".log").hover()
        await visit.page.mouse.wheel(0, -100_000)
        await expect(visit.chat.locator(".row .bubble:visible")).to_have_count(250)

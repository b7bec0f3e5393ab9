"""What a visitor is told, and when."""

import asyncio

from crm.collections import CONTACTS
from crm.contact import contact_id
from tests.channels.chat.house import AGENT, ChatHouse
from tests.channels.chat.page import open_page
from tests.polling import until


def case_of(frame: dict[str, int]) -> str:
    return str(frame["seq"] // 1_000_000)


async def stored(house: ChatHouse) -> list[str]:
    return [contact.text for contact in await house.store.find(CONTACTS, limit=1000)]


async def test_received_is_said_only_once_the_message_is_stored(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        house.stall = asyncio.Event()
        await page.send("say", id="message-1", text="Не работает интернет")
        await page.send("ping")
        await asyncio.sleep(0.1)
        assert [frame["type"] for frame in page.frames] == ["welcome"]
        house.stall.set()
        received = await page.heard("received", id="message-1")
        contact = await house.store.get(CONTACTS, contact_id("chat", f"{page.visitor}-message-1"))
        assert contact is not None
        assert (contact.text, contact.case_id) == ("Не работает интернет", case_of(received))


async def test_a_resend_is_received_again_and_stored_once(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        first = await page.say("message-1", "Здравствуйте")
        again = await page.say("message-1", "Здравствуйте")
        assert first["seq"] == again["seq"]
        assert await stored(house) == ["Здравствуйте"]


async def test_other_words_under_a_used_id_are_not_lost(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        await page.say("message-1", "одно")
        assert (await page.say("message-1", "другое"))["type"] == "received"
        assert sorted(await stored(house)) == ["другое", "одно"]


async def test_what_cannot_be_stored_is_asked_for_again_and_then_received(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        house.down = True
        answer = await page.say("message-1", "важное")
        assert answer["type"] == "try_again"
        assert answer["after"] > 0
        house.down = False
        assert (await page.say("message-1", "важное"))["type"] == "received"
        assert await stored(house) == ["важное"]


async def test_messages_of_one_visitor_are_one_case_in_the_order_he_said_them(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        seqs = [(await page.say(f"message-{number}", f"слово {number}"))["seq"] for number in range(5)]
    assert seqs == [seqs[0] + place for place in range(5)]


async def test_an_answer_is_told_at_once_with_the_agents_name(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        received = await page.say("message-1", "Когда починят?")
        await house.answer(case_of(received), page.visitor, "Уже чиним")
        message = await page.heard("message", text="Уже чиним")
        assert (message["own"], message["name"]) == (False, "Анна Петрова")
        assert message["seq"] == received["seq"] + 1


async def test_an_answer_is_delivered_once_the_page_has_shown_it(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        received = await page.say("message-1", "Когда?")
        answer = await house.answer(case_of(received), page.visitor, "Завтра")
        message = await page.heard("message", text="Завтра")

        async def delivery() -> str:
            contact = await house.store.get(CONTACTS, answer.id)
            return contact.delivery if contact else ""

        await until(delivery, "sent")
        await page.send("seen", seq=message["seq"])
        await until(delivery, "delivered")


async def test_who_was_away_finds_the_answer_when_he_comes_back(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        received = await page.say("message-1", "Вопрос")
    await house.answer(case_of(received), page.visitor, "Ответ")
    async with open_page(house.url, token=page.token) as back:
        assert back.texts == ["Вопрос", "Ответ"]
        assert [message["own"] for message in back.messages] == [True, False]
        assert back.messages[0]["id"] == "message-1"
        assert back.visitor == page.visitor
        assert back.token == ""  # he has it already


async def test_a_page_that_comes_back_is_told_only_what_it_lacks(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        received = await page.say("message-1", "Вопрос")
    await house.answer(case_of(received), page.visitor, "Ответ")
    last = list(page.positions.values())
    async with open_page(house.url, token=page.token, last=last) as back:
        assert back.texts == ["Ответ"]
        last = list(back.positions.values())
    async with open_page(house.url, token=page.token, last=last) as again:
        assert again.texts == []


async def test_every_page_of_a_visitor_is_told_everything_his_own_words_too(house: ChatHouse) -> None:
    async with open_page(house.url) as one, open_page(house.url, token=one.token) as other:
        received = await one.say("message-1", "с первой")
        await other.say("message-2", "со второй")
        await house.answer(case_of(received), one.visitor, "обеим")
        await one.heard("message", text="обеим")
        await other.heard("message", text="обеим")
        assert one.texts == ["со второй", "обеим"]
        assert other.texts == ["с первой", "обеим"]
        assert [message["id"] for message in other.messages if message["own"]] == ["message-1"]


async def test_a_later_answer_in_an_earlier_case_is_not_missed(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        first = await page.say("message-1", "первое дело")
        await house.take(case_of(first))
        await house.close_case(case_of(first))
        await page.heard("closed")
        house.clock.ahead += house.clock.ahead.resolution * 3600 * 10**6 * 24
        second = await page.say("message-2", "второе дело")
        assert case_of(second) != case_of(first)
    last = list(page.positions.values())
    await house.casework.reopen(case_of(first), AGENT, "забыли сказать")
    await house.answer(case_of(first), page.visitor, "о первом деле")
    async with open_page(house.url, token=page.token, last=last) as back:
        assert back.texts == ["о первом деле"]


async def test_typing_is_told_both_ways(house: ChatHouse) -> None:
    async with open_page(house.url) as page, house.live.subscribe() as events:
        received = await page.say("message-1", "Вопрос")
        case_id = case_of(received)
        await house.take(case_id)
        await page.heard("agent", name="Анна Петрова")
        await page.send("typing", on=True)
        async with asyncio.timeout(5):
            async for event in events:
                if event.kind == "typing":
                    assert (event.case_id, event.channel) == (case_id, "chat")
                    break
        await house.live.look(case_id, "anna", "page", typing=True)
        await page.heard("typing", on=True)
        await house.live.look(case_id, "anna", "page", typing=False)
        await page.heard("typing", on=False)


async def test_a_colleague_who_types_a_note_is_no_news_to_the_visitor(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        received = await page.say("message-1", "Вопрос")
        await house.take(case_of(received))
        await page.heard("agent", name="Анна Петрова")
        await house.live.look(case_of(received), "boris", "page", typing=True)
        await house.answer(case_of(received), page.visitor, "Ответ")
        await page.heard("message", text="Ответ")
        assert not any(frame["type"] == "typing" for frame in page.frames)


async def test_a_visitor_learns_his_place_then_who_answers_then_that_it_ended(house: ChatHouse) -> None:
    async with open_page(house.url) as before, open_page(house.url) as page:
        first = await before.say("message-1", "я раньше")
        received = await page.say("message-1", "я позже")
        await page.heard("queue", position=2)
        await house.take(case_of(first))
        await page.heard("queue", position=1)
        await house.live.arrive("anna", "page", "ready")
        await house.take(case_of(received))
        await page.heard("agent", name="Анна Петрова", present=True)
        await house.live.arrive("anna", "page", "away")
        await page.heard("agent", name="Анна Петрова", present=False)
        await house.close_case(case_of(received))
        await page.heard("closed")


async def test_what_he_says_about_himself_is_a_claim(house: ChatHouse) -> None:
    who = {"type": "profile", "name": "Иван", "email": "ivan@example.com", "phone": "8 (495) 123-45-67"}
    async with open_page(house.url, profile=who, page="https://shop.example/help", language="ru") as page:
        await page.say("message-1", "Вопрос")
    contact = house.arrivals[0].contact
    assert contact.sender.name == "Иван"
    assert [(claim.kind, claim.value) for claim in contact.claims] == [
        ("email", "ivan@example.com"),
        ("phone", "8 (495) 123-45-67"),
    ]
    assert contact.fields == {"page": "https://shop.example/help", "language": "ru"}

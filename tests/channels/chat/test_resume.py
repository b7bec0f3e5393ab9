"""Lost connections lose nothing: whatever breaks and when, each message is told once and in order."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from channels.chat.settings import ChatSettings
from crm.collections import CONTACTS
from crm.store import Order, equals
from tests.channels.chat.house import ChatHouse, open_house
from tests.channels.chat.page import Frame, Page, open_line, open_page
from tests.channels.chat.slow import SlowStore
from tests.polling import until

ANSWERS = 40
WORDS = 25


@pytest.fixture(params=["near", "far"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, settings: ChatSettings
) -> AsyncIterator[ChatHouse]:
    """With everything in this process; and with a store and events that come from far away."""
    slow = random.Random(7) if request.param == "far" else None
    async with open_house(tmp_path, settings, slow=slow) as house:
        yield house


class Visitor:
    """A visitor whose line breaks at random. He keeps his place and says again what was not received."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.token = ""
        self.id = ""
        self.positions: dict[int, int] = {}
        self.told: list[Frame] = []
        self.unsent = [(f"message-{number:03}", f"слово {number}") for number in range(WORDS)]
        self.received: dict[str, int] = {}
        self.known = asyncio.Event()  # his case is

    async def live(self, url: str) -> None:
        """Connection after connection, until everything was received and every answer told."""
        while self.unsent or len(self.answers) < ANSWERS:
            last = list(self.positions.values())
            async with open_page(url, token=self.token, last=last) as page:
                self.token = self.token or page.token
                self.id = page.visitor
                try:
                    async with asyncio.timeout(self.chance.uniform(0.01, 0.15)):
                        await self.talk(page)
                except TimeoutError:
                    page.ws._response.close()  # the line is cut, no goodbye is said
                finally:
                    self.remember(page)

    async def talk(self, page: Page) -> None:
        while self.unsent:
            await page.say(*self.unsent[0])
            self.unsent.pop(0)
        await asyncio.sleep(1)

    def remember(self, page: Page) -> None:
        self.told += page.messages
        for case, seq in page.positions.items():
            self.positions[case] = max(seq, self.positions.get(case, 0))
        for frame in page.frames:
            if frame["type"] == "received":
                self.received[frame["id"]] = frame["seq"]
                self.known.set()
        self.unsent = [said for said in self.unsent if said[0] not in self.received]

    @property
    def answers(self) -> list[Frame]:
        return [message for message in self.told if not message["own"]]


async def answer(house: ChatHouse, visitor: Visitor) -> None:
    """Answers at random moments, as soon as there is a case."""
    await visitor.known.wait()
    case_id = str(next(iter(visitor.received.values())) // 1_000_000)
    for number in range(ANSWERS):
        await house.answer(case_id, visitor.id, f"ответ {number}")
        await asyncio.sleep(visitor.chance.uniform(0, 0.03))


@pytest.mark.parametrize("seed", range(5))
async def test_a_line_that_breaks_at_any_moment_loses_and_repeats_nothing(
    house: ChatHouse, seed: int
) -> None:
    visitor = Visitor(random.Random(seed))
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(visitor.live(house.url))
        tasks.create_task(answer(house, visitor))
    assert [message["text"] for message in visitor.answers] == [f"ответ {n}" for n in range(ANSWERS)]
    stored = await house.store.find(CONTACTS, order=Order("received_at"), limit=1000)
    own = [contact for contact in stored if contact.direction == "inbound"]
    assert sorted(contact.text for contact in own) == sorted(f"слово {n}" for n in range(WORDS))
    # What was acknowledged has the place that was promised.
    places = {contact.key.partition("-")[2]: contact.number for contact in own}
    assert {name: seq % 1_000_000 for name, seq in visitor.received.items()} == places


async def test_many_pages_of_one_visitor_agree_on_everything(house: ChatHouse) -> None:
    """Pages that speak at once while answers come: each is told all that the others said, in order."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_page(house.url))
        received = await first.say("message-first", "начало")
        more = [open_page(house.url, token=first.token) for _ in range(3)]
        pages = [first, *[await stack.enter_async_context(page) for page in more]]
        case_id = str(received["seq"] // 1_000_000)

        async def speak(page: Page, number: int) -> None:
            for word in range(15):
                await page.say(f"page-{number}-word-{word:02}", f"{number}/{word}")

        async def reply() -> None:
            for word in range(15):
                await house.answer(case_id, first.visitor, f"ответ {word}")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(reply())
            for number, page in enumerate(pages):
                tasks.create_task(speak(page, number))
        await first.say("message-last", "конец")
        for page in pages[1:]:
            await page.heard("message", text="конец")
        stored = await house.store.find(CONTACTS, limit=1000)
        order = [contact.text for contact in sorted(stored, key=lambda contact: contact.number)]
        for number, page in enumerate(pages):
            told = [f for f in page.messages if not f["own"] or not f["id"].startswith(f"page-{number}-")]
            told = [f for f in told if not f["id"].startswith("message-") or number]
            assert [f["seq"] for f in told] == sorted({f["seq"] for f in told})
            mine = {f"{number}/{word}" for word in range(15)} | ({"начало", "конец"} if not number else set())
            assert [f["text"] for f in told] == [text for text in order if text not in mine]


async def test_a_restart_of_the_server_loses_nothing(tmp_path: Path, settings: ChatSettings) -> None:
    async with open_house(tmp_path, settings) as house, open_page(house.url) as page:
        received = await page.say("message-1", "до")
        await house.answer(str(received["seq"] // 1_000_000), page.visitor, "ответ до")
        await page.heard("message", text="ответ до")
    last = list(page.positions.values())
    async with open_house(tmp_path, settings) as house:
        await house.answer(str(received["seq"] // 1_000_000), page.visitor, "ответ после")
        async with open_page(house.url, token=page.token, last=last) as back:
            assert back.texts == ["ответ после"]
            assert (await back.say("message-1", "до"))["seq"] == received["seq"]


async def test_more_than_one_page_of_the_store_is_caught_up_in_order(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        received = await page.say("message-1", "вопрос")
    last = list(page.positions.values())
    case_id = str(received["seq"] // 1_000_000)
    for number in range(450):
        await house.answer(case_id, page.visitor, f"ответ {number}")

    async def unsettled() -> int:
        return len(await house.store.find(CONTACTS, equals("delivery", "queued")))

    await until(unsettled, 0)
    async with open_page(house.url, token=page.token, last=last) as back:
        await back.until(lambda frame: frame.get("text") == "ответ 449")
        assert back.texts == [f"ответ {number}" for number in range(450)]
    async with open_page(house.url, token=page.token) as reloaded:
        assert reloaded.texts == [f"ответ {number}" for number in range(250, 450)]
        await reloaded.send("ping")
        await reloaded.heard("pong")
        assert len(reloaded.messages) == 200


async def test_what_comes_while_a_page_is_catching_up_is_told_after_it_and_to_the_others_once(
    tmp_path: Path, settings: ChatSettings
) -> None:
    async with open_house(tmp_path, settings, slow=random.Random(1)) as house, open_page(house.url) as page:
        received = await page.say("message-1", "вопрос")
        assert isinstance(house.chats_store, SlowStore)
        hold = house.chats_store.hold("contacts")
        async with open_line(house.url) as late:
            await late.send("hello", token=page.token)
            await hold.reached.wait()
            await house.answer(str(received["seq"] // 1_000_000), page.visitor, "ответ")
            await page.heard("message", text="ответ")
            hold.release.set()
            await late.until(lambda _: "ответ" in late.texts)
            await late.say("message-2", "спасибо")
            await page.heard("message", text="спасибо")
        assert page.texts == ["ответ", "спасибо"]
        assert late.texts[:2] == ["вопрос", "ответ"]


async def test_a_page_that_does_not_read_is_let_go_and_holds_nobody_up(
    tmp_path: Path, settings: ChatSettings
) -> None:
    settings = msgspec.structs.replace(settings, send_timeout=0.5)
    async with (
        open_house(tmp_path, settings) as house,
        open_page(house.url) as quick,
        open_page(house.url, token=quick.token) as stuck,
    ):
        line = stuck.ws._response.connection
        assert line is not None
        assert line.transport is not None
        line.transport.pause_reading()
        received = await quick.say("message-1", "вопрос")
        case_id = str(received["seq"] // 1_000_000)
        for number in range(300):  # more than a machine keeps for somebody who does not read
            await house.answer(case_id, quick.visitor, f"{number} " + "\U0001f600" * 9_000)
        await quick.until(lambda _: len(quick.texts) == 300)
        visitor = house.visitor(quick.visitor)
        await until(lambda: asyncio.sleep(0, len(visitor.tabs)), 1)

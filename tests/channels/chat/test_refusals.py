"""What the chat refuses, how clearly, and that nobody else suffers from it."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from channels.chat.settings import ChatSettings
from channels.chat.token import new_token
from crm.collections import CONTACTS
from tests.channels.chat.house import ChatHouse, open_house
from tests.channels.chat.page import open_line, open_page
from tests.polling import until

POLICY_VIOLATION, TOO_BIG, RESTART, GOING_AWAY = 1008, 1009, 1012, 1001


@pytest.mark.parametrize(
    ("id", "text", "reason"),
    [
        ("message-1", "", "empty"),
        ("message-1", " \n\t\x00 ", "empty"),
        ("message-1", "a" * 10_001, "too_long"),
        ("short", "words", "bad_id"),
        ("with spaces in it", "words", "bad_id"),
        ("x" * 65, "words", "bad_id"),
    ],
)
async def test_what_can_never_be_stored_is_refused_with_the_reason(
    house: ChatHouse, id: str, text: str, reason: str
) -> None:
    async with open_page(house.url) as page:
        assert await page.say(id, text) == {"type": "refused", "id": id, "reason": reason}
        assert (await page.say("message-9", "и дальше"))["type"] == "received"


async def test_the_longest_text_of_the_longest_characters_is_received(house: ChatHouse) -> None:
    text = "\U0001f600" * 10_000
    async with open_page(house.url) as page:
        await page.ws.send_str('{"type":"say","id":"message-1","text":"' + text + '"}')
        await page.heard("received", id="message-1")
    assert house.arrivals[0].contact.text == text


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("", "one JSON object"),
        ("{", "one JSON object"),
        ("[]", "object"),
        ('{"type":"dance"}', "dance"),
        ('{"type":"say","id":"message-1"}', "text"),
        ('{"type":"say","id":1,"text":"words"}', "id"),
        ('{"type":"hello"}', "one hello"),
    ],
)
async def test_a_frame_that_makes_no_sense_is_answered_with_what_was_expected(
    house: ChatHouse, frame: str, expected: str
) -> None:
    async with open_page(house.url) as page:
        await page.ws.send_str(frame)
        error = await page.heard("error", reason="bad_frame")
        assert expected in error["expected"]
        assert (await page.say("message-1", "дальше"))["type"] == "received"


async def test_binary_and_broken_utf8_make_no_sense_either(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        await page.ws.send_bytes(b'{"type":"ping"}')
        assert (await page.heard("error"))["expected"] == "expected text"
        await page.ws.send_frame(b'{"type":"say","id":"message-1","text":"\xff"}', WSMsgType.TEXT)
        await page.heard("error", expected="expected UTF-8")


async def test_who_sends_only_nonsense_is_sent_away(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        for _ in range(20):
            await page.ws.send_str("nonsense")
        assert await page.closed() == POLICY_VIOLATION


async def test_a_frame_of_ten_megabytes_is_refused_clearly_and_harms_nobody(house: ChatHouse) -> None:
    async with open_page(house.url) as neighbour, open_page(house.url) as page:
        await page.ws.send_str("x" * 10_000_000)
        assert await page.closed() == TOO_BIG
        assert (await neighbour.say("message-1", "я здесь"))["type"] == "received"
    async with open_page(house.url, token=page.token) as again:
        assert (await again.say("message-1", "и я"))["type"] == "received"


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ('{"type":"say","id":"message-1","text":"без приветствия"}', "hello"),
        ("nonsense", "hello"),
        ('{"type":"hello","token":"forged"}', "token"),
        ('{"type":"hello","token":"' + "?" * 43 + '"}', "token"),
    ],
)
async def test_who_does_not_begin_with_a_true_hello_is_not_let_in(
    house: ChatHouse, first: str, reason: str
) -> None:
    async with open_line(house.url) as page:
        await page.ws.send_str(first)
        assert await page.closed() == POLICY_VIOLATION
    assert page.frames == []
    assert await house.store.find(CONTACTS) == []


async def test_a_token_of_somebody_else_shows_nothing_of_this_visitor(house: ChatHouse) -> None:
    async with open_page(house.url) as page:
        await page.say("message-1", "тайна")
    async with open_page(house.url, token=new_token()) as stranger:
        assert stranger.messages == []
        assert stranger.visitor != page.visitor


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(frames=st.lists(st.one_of(st.text(), st.binary().map(lambda b: b.decode("latin-1"))), max_size=15))
def test_no_frame_stops_the_chat(tmp_path: Path, frames: list[str]) -> None:
    async def try_it() -> None:
        async with open_house(tmp_path, ChatSettings()) as house, open_page(house.url) as page:
            for frame in frames:
                await page.ws.send_str(frame.encode("utf-8", "replace").decode())
            await page.send("ping")
            await page.heard("pong")

    asyncio.run(try_it())


class TestOfOneSite:
    @pytest.fixture
    def settings(self) -> ChatSettings:
        return ChatSettings(allowed_origins=("https://shop.example",))

    async def test_a_foreign_page_is_not_let_in(self, house: ChatHouse) -> None:
        with pytest.raises(WSServerHandshakeError, match="403"):
            async with open_line(house.url, {"Origin": "https://evil.example"}):
                pass

    @pytest.mark.parametrize("origin", ["https://shop.example", None, "own"])
    async def test_the_site_and_our_own_pages_are(self, house: ChatHouse, origin: str | None) -> None:
        origin = house.url if origin == "own" else origin
        async with open_line(house.url, {"Origin": origin} if origin else None) as page:
            await page.send("hello")
            await page.heard("welcome")

    async def test_only_the_site_may_frame_the_chat(self, house: ChatHouse) -> None:
        async with ClientSession() as client, client.get(f"{house.url}/chat/frame") as answer:
            policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self' https://shop.example" in policy


class TestWithNarrowLimits:
    @pytest.fixture
    def settings(self) -> ChatSettings:
        return ChatSettings(
            visitor_messages_per_minute=3,
            connections_per_peer=2,
            hello_timeout=0.2,
            ping_after=0.3,
            closed_after=0.9,
        )

    async def test_who_speaks_too_fast_is_asked_to_wait_and_loses_nothing(self, house: ChatHouse) -> None:
        async with open_page(house.url) as page:
            said = [(await page.say(f"message-{number}", "слово"))["type"] for number in range(4)]
            assert said == ["received", "received", "received", "try_again"]
            assert 0 < page.frames[-1]["after"] <= 20

    async def test_one_place_cannot_take_every_seat(self, house: ChatHouse) -> None:
        async with open_page(house.url), open_page(house.url):
            with pytest.raises(WSServerHandshakeError, match="503"):
                async with open_page(house.url):
                    pass
        async with open_page(house.url):
            pass

    async def test_who_never_says_hello_is_sent_away(self, house: ChatHouse) -> None:
        async with open_line(house.url) as page:
            assert await page.closed() == POLICY_VIOLATION

    async def test_a_silent_page_that_lives_stays_and_a_dead_one_goes(self, house: ChatHouse) -> None:
        async with open_page(house.url) as alive:
            async with open_line(house.url) as dead:
                dead.ws._autoping = False  # a machine that vanished answers no ping
                await dead.send("hello")
                await dead.heard("welcome")
                assert await dead.closed() == GOING_AWAY
            assert (await alive.say("message-1", "я молчал"))["type"] == "received"


async def test_a_stop_finishes_what_is_being_stored_and_says_goodbye(
    tmp_path: Path, settings: ChatSettings
) -> None:
    async with open_house(tmp_path, settings) as house:
        stall = house.stall = asyncio.Event()
        async with open_page(house.url) as page:
            await page.send("say", id="message-1", text="в последний миг")

            async def knocks() -> int:
                return house.knocks

            await until(knocks, 1)
            asyncio.get_running_loop().call_later(0.2, stall.set)
            await house.source.hang_up()
            assert await page.closed() == RESTART
            assert page.frames[-1]["type"] == "received"


async def test_a_closed_door_asks_to_come_again(house: ChatHouse) -> None:
    await house.source.hang_up()
    async with ClientSession() as client, client.get(f"{house.url}/chat/ws") as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0

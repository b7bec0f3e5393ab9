"""The webhook: only Telegram is believed, and it hears 200 only once the contact is stored."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from channels.telegram import webhook
from crm.contact import Arrival, Receipt
from crm.errors import StoreDown
from crm.record import now
from tests.channels.telegram.bot_api import HELP, SHOP, Mood, call_webhook
from tests.channels.telegram.house import House, a_house, secret_of
from tests.channels.telegram.updates import a_text
from tests.polling import until
from tests.raw import say

WEBHOOK: dict[str, object] = {"receive": "webhook"}


async def registered(house: House) -> None:
    """Until Telegram was told where we are."""

    async def state() -> str:
        return house.doors["shop"].state

    await until(state, "up")


async def test_telegram_is_told_the_address_the_secret_and_what_we_want(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK) as house:
        await registered(house)
        told = house.api.webhooks[SHOP]
        assert told["url"] == "https://help.example.com/telegram/shop"
        assert told["secret_token"] == secret_of()
        assert json.loads(told["allowed_updates"]) == ["message", "edited_message"]
        assert "drop_pending_updates" not in told


async def test_what_was_stored_is_acknowledged_and_a_repeat_changes_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK) as house:
        update = a_text("The lamp is red.")
        for _ in range(2):
            status, _ = await call_webhook(f"{house.url}/telegram/shop", update, secret_of())
            assert status == 200
        assert (await house.contact()).text == "The lamp is red."


@pytest.mark.parametrize(
    ("name", "secret"),
    [("shop", ""), ("shop", "x"), ("shop", secret_of(HELP)), ("nobody", secret_of()), ("nobody", "-" * 64)],
)
async def test_whoever_does_not_know_the_secret_is_sent_away(tmp_path: Path, name: str, secret: str) -> None:
    async with a_house(tmp_path, WEBHOOK) as house:
        status, _ = await call_webhook(f"{house.url}/telegram/{name}", a_text("forged"), secret)
        assert status == 403
        assert await house.contacts() == []


async def test_a_secret_that_is_no_text_is_a_wrong_one(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK) as house:
        header = b"X-Telegram-Bot-Api-Secret-Token: \xff\xfe"
        assert (await say(house.url, b"POST /telegram/shop HTTP/1.1", header, body=b"{}")).status == 403


async def test_a_bot_that_polls_has_no_webhook(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        status, _ = await call_webhook(f"{house.url}/telegram/shop", a_text("forged"), secret_of())
        assert status == 403


async def test_a_closed_door_asks_to_come_again(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK, listens=False) as house:
        status, _ = await call_webhook(f"{house.url}/telegram/shop", a_text("early"), secret_of())
        assert status == 503


async def test_nothing_is_acknowledged_that_the_store_did_not_keep(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK, listens=False) as house:

        async def accept(arrival: Arrival) -> Receipt:
            raise StoreDown("down")

        async with house.source.listening(accept):
            status, said = await call_webhook(f"{house.url}/telegram/shop", a_text("Hello"), secret_of())
        assert status == 503
        assert "down" not in said


async def test_what_cannot_be_read_is_kept_and_not_sent_again(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK) as house:
        for raw in (b"{", b'{"update_id": 1, "message": 5}'):
            status, _ = await call_webhook(f"{house.url}/telegram/shop", raw, secret_of())
            assert status == 200
        assert len(await house.dead_letters()) == 2


async def test_a_body_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK) as house:
        status, _ = await call_webhook(f"{house.url}/telegram/shop", b"x" * (2 * 1024 * 1024), secret_of())
        assert status == 413


async def test_many_calls_at_once_are_each_one_contact(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK) as house:
        url = f"{house.url}/telegram/shop"
        calls = [call_webhook(url, a_text(f"{n}", 100 + n), secret_of()) for n in range(40)]
        assert {status for status, _ in await asyncio.gather(*calls)} == {200}
        assert len(await house.contacts()) == 40


async def test_a_webhook_that_does_not_reach_us_is_told_to_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "LOOK_EVERY", 0.1)
    async with a_house(tmp_path, WEBHOOK) as house:
        await registered(house)
        failed = int((now() - timedelta(seconds=30)).timestamp())
        house.api.webhook_info = {
            "pending_update_count": 7,
            "last_error_date": failed,
            "last_error_message": "Connection refused",
        }

        async def state() -> str:
            return house.doors["shop"].state

        await until(state, "Telegram cannot deliver: Connection refused")
        assert 29 < house.doors["shop"].behind < 60
        house.api.webhook_info = {}
        await until(state, "up")


async def test_a_webhook_that_was_taken_away_is_set_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "LOOK_EVERY", 0.1)
    async with a_house(tmp_path, WEBHOOK) as house:
        await registered(house)
        house.api.webhooks[SHOP] = {"url": "https://elsewhere.example/"}

        async def url() -> str:
            return house.api.webhooks[SHOP]["url"]

        await until(url, "https://help.example.com/telegram/shop")
        await registered(house)


async def test_a_token_that_telegram_refuses_is_told(tmp_path: Path) -> None:
    async with a_house(tmp_path, WEBHOOK, listens=False) as house:
        house.api.be("getMe", Mood(401, "Unauthorized"))
        async with house.source.listening(house.intake.accept):
            await registered(house)
        assert house.doors["shop"].told[0] == "Telegram does not know this token"

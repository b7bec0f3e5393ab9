"""The webhook: signed and fresh, or refused by name; what a system proved is proven, the rest a claim."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from channels import webhook
from channels.base import Reply
from channels.signed import sign
from channels.webhook import WebhookOutlet, WebhookSettings, WebhookSource, read_handed
from crm.collections import CASES, CONTACTS, DEAD_LETTERS
from crm.contact import Address, Attachment, blob_id
from crm.errors import BadInput, DeliveryDelayed, DeliveryFailed
from tests.channels.webhook.rig import SECRET, SHOP, WebhookOutletRig, open_shop
from tests.router.house import House, open_house

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SAMPLE = (Path(__file__).parents[2] / "samples/webhook/order.json").read_bytes()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


def test_what_a_system_hands_over_is_read_whole() -> None:
    arrival = read_handed(SAMPLE, SHOP, received_at=NOON)
    contact = arrival.contact
    assert contact.id == "webhook:shop:order-4711/message-2"
    assert contact.sender == Address(kind="webhook", value="shop:customer-90210", name="Иван Петров")
    assert [(one.kind, one.value) for one in contact.proofs] == [("email", "ivan@example.com")]
    assert [(one.kind, one.value) for one in contact.claims] == [("phone", "8 (495) 123-45-67")]
    assert (contact.subject, contact.text) == ("Заказ 4711", "Роутер пришёл без блока питания.")
    assert contact.sent_at == datetime(2026, 11, 23, 9, 31, 5, tzinfo=UTC)
    assert contact.references == ("shop:order-4711/message-1",)
    (file,) = contact.attachments
    assert (file.name, file.mime, file.size) == ("box.png", "image/png", 8)
    assert arrival.blobs[file.blob] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": ""}, "key"),
        ({"key": "two words"}, "key"),
        ({"sender": 7}, "sender"),
        ({"text": "", "subject": " ", "files": []}, "text"),
        ({"at": "2026-11-23T12:31:05"}, "at"),
        ({"files": [{"name": "a", "content": "not base64!"}]}, "files[0].content"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(change: dict[str, object], field: str) -> None:
    body = msgspec.json.encode(msgspec.json.decode(SAMPLE) | change)
    with pytest.raises(BadInput) as caught:
        read_handed(body, SHOP, received_at=NOON)
    assert caught.value.field == field
    assert field in str(caught.value)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_comes_is_a_contact_or_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput):
        read_handed(body, SHOP, received_at=NOON)


@given(st.text(max_size=300), st.text(max_size=100), st.binary(max_size=100))
def test_whatever_words_and_files_it_holds_are_kept(text: str, subject: str, content: bytes) -> None:
    files = [{"name": "f", "content": content}]
    handed = {"key": "a", "sender": "b", "text": text, "subject": subject, "files": files}
    body = msgspec.json.encode(handed)
    arrival = read_handed(body, SHOP, received_at=NOON)
    assert arrival.blobs[arrival.contact.attachments[0].blob] == content
    assert "\x00" not in arrival.contact.text + arrival.contact.subject
    assert [c for c in arrival.contact.text if c.isprintable()] == [c for c in text if c.isprintable()]


@pytest.mark.parametrize(
    "how",
    [{"secret": "another one, sixteen long"}, {"late": 301}, {"late": -301}, {"system": "unknown"}],
    ids=str,
)
async def test_who_does_not_sign_freshly_is_not_listened_to(house: House, how: dict[str, object]) -> None:
    async with open_shop(house.intake.accept) as shop:
        status, said = await shop.post(SAMPLE, **how)  # type: ignore[arg-type]
    assert status == 401
    assert said["field"].startswith("X-Onewindow-")
    assert await house.contacts() == []


async def test_a_secret_is_changed_without_losing_a_contact(house: House) -> None:
    async with open_shop(house.intake.accept) as shop:
        assert (await shop.post(SAMPLE, secret=SHOP.secrets[1]))[0] == 200
    assert len(await house.contacts()) == 1


async def test_too_much_is_refused_before_it_is_read(house: House) -> None:
    small = msgspec.structs.replace(SHOP, body_limit=100)
    async with open_shop(house.intake.accept, small) as shop:
        assert (await shop.post(SAMPLE))[0] == 413


async def test_a_resend_is_told_that_it_is_one(house: House) -> None:
    async with open_shop(house.intake.accept) as shop:
        first, again = (await shop.post(SAMPLE))[1], (await shop.post(SAMPLE))[1]
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert first["case"] == again["case"] != ""
    assert len(await house.contacts()) == 1


async def test_a_proven_address_leads_to_the_customer_and_a_claimed_one_does_not(house: House) -> None:
    async with open_shop(house.intake.accept) as shop:
        for key, sender, more in (
            ("one", "ivan", {"email": "ivan@example.com"}),
            ("two", "ivan-on-his-phone", {"email": "IVAN@example.com"}),
            ("three", "petr", {"phone": "84951234567"}),
            ("four", "who-claims-petrs-number", {"phone": "84951234567"}),
        ):
            handed = {"key": key, "sender": sender, "text": "Вопрос", **more}
            assert (await shop.post(msgspec.json.encode(handed)))[0] == 200
    customers = {c.key: c.customer_id for c in await house.contacts()}
    assert customers["shop:one"] == customers["shop:two"]
    assert len(set(customers.values())) == 3


async def test_an_answer_to_our_answer_joins_its_case(house: House) -> None:
    async with open_shop(house.intake.accept) as shop:
        handed = {"key": "one", "sender": "ivan", "text": "Где заказ?"}
        case = (await shop.post(msgspec.json.encode(handed)))[1]["case"]
        again = {"key": "two", "sender": "ivan", "text": "Так где?", "answers": ["one"]}
        assert (await shop.post(msgspec.json.encode(again)))[1]["case"] == case


async def test_what_is_signed_but_unreadable_is_kept_and_can_be_read_again(house: House) -> None:
    async with open_shop(house.intake.accept) as shop:
        status, said = await shop.post(b'{"key": "one", "sender": "ivan", "txt": "Lamp"}')
    assert (status, said["field"]) == (422, "txt")
    (letter,) = await house.store.find(DEAD_LETTERS)
    assert "txt" in letter.reason
    source = WebhookSource([SHOP])
    async with source.listening(house.intake.accept):
        kept = letter.contact
        receipt = await source.read_again(kept, b'{"key": "one", "sender": "ivan", "text": "Lamp"}')
        with pytest.raises(BadInput):
            await source.read_again(kept, b"{}")
    contact = await house.store.get(CONTACTS, receipt.contact_id)
    assert contact is not None
    assert contact.text == "Lamp"
    assert await house.store.get(CASES, receipt.case_id) is not None


async def test_an_answer_goes_out_with_its_files() -> None:
    async with WebhookOutletRig().open() as shop:
        content = b"%PDF-1.7"
        file = Attachment(name="act.pdf", mime="application/pdf", size=8, blob=blob_id(content))
        answer = msgspec.structs.replace(shop.answer("0a1b", "Акт во вложении."), attachments=(file,))
        await shop.outlet.deliver(Reply(answer, {file.blob: content}))
        await shop.outlet.deliver(Reply(answer, {file.blob: content}))
    assert shop.taken == {
        "answer:0a1b": {
            "key": "answer:0a1b",
            "to": "ivan",
            "subject": "",
            "text": "Акт во вложении.",
            "files": [{"name": "act.pdf", "mime": "application/pdf", "content": "JVBERi0xLjc="}],
        }
    }


async def test_a_system_that_says_when_is_asked_then_and_not_before() -> None:
    async with WebhookOutletRig().open() as shop:
        shop.be("busy")
        with pytest.raises(DeliveryDelayed) as caught:
            await shop.outlet.deliver(Reply(shop.answer("0a1b", "Да.")))
    assert caught.value.after is not None
    assert caught.value.after.total_seconds() == 7


async def test_a_system_that_takes_no_answers_is_told_to_the_agent_at_once() -> None:
    async with WebhookOutletRig().open() as shop:
        to_nobody = (Address(kind="webhook", value="unknown:ivan"),)
        answer = msgspec.structs.replace(shop.answer("0a1b", "Да."), recipients=to_nobody)
        with pytest.raises(DeliveryFailed):
            await shop.outlet.deliver(Reply(answer))


async def test_a_system_that_is_away_gets_it_later() -> None:
    away = msgspec.structs.replace(SHOP, answers_to="http://127.0.0.1:1/answers")
    async with ClientSession() as client, WebhookOutletRig().open() as shop:
        with pytest.raises(DeliveryDelayed):
            await WebhookOutlet([away], client).deliver(Reply(shop.answer("0a1b", "Да.")))


def test_settings_that_cannot_work_are_named() -> None:
    wrong = WebhookSettings(name="shop", secrets=("short",), answers_to="shop.example/answers").wrong()
    assert [one.field for one in wrong] == ["secrets", "answers_to"]


def test_the_example_with_openssl_signs_as_we_do() -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is missing: apt-get install openssl")
    command = ["openssl", "dgst", "-sha256", "-hmac", SECRET]
    signed = subprocess.run(command, input=b"1700000000./webhook/shop.{}", capture_output=True, check=True)
    assert signed.stdout.decode().split()[-1] == sign(SECRET, "1700000000", "/webhook/shop", b"{}")


def test_the_example_of_a_whole_channel_is_no_more_than_150_lines() -> None:
    lines = Path(webhook.__file__).read_text("utf-8").splitlines()
    assert sum(1 for line in lines if line.strip()) <= 150  # blank ones are not counted

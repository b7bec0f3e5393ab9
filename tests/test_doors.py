"""The main job from door to door: what a customer writes is one contact, and what we answer reaches him."""

from __future__ import annotations

import email
import email.policy
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession, WSMsgType

from tests.components import path_to
from tests.demo_house import TOKEN, DemoHouse, demo_house

pytestmark = pytest.mark.slow
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHouse]:
    with demo_house(tmp_path_factory.mktemp("demo")) as running:
        yield running


async def ask(house: DemoHouse, path: str, **params: str) -> dict[str, Any]:
    async with (
        ClientSession(headers=BEARER) as client,
        client.get(f"{house.url}/api/v1{path}", params=params) as response,
    ):
        assert response.status == 200, await response.text()
        said: dict[str, Any] = await response.json()
        return said


async def tell(house: DemoHouse, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with (
        ClientSession(headers=BEARER) as client,
        client.post(f"{house.url}/api/v1{path}", json=body) as response,
    ):
        assert response.status in (200, 201), await response.text()
        said: dict[str, Any] = await response.json()
        return said


def a_letter(key: str, text: str, **headers: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = "Мария Иванова <maria@customer.example>"
    letter["To"] = "help@example.com"
    letter["Subject"] = "Не работает интернет"
    letter["Message-ID"] = f"<{key}>"
    for name, value in headers.items():
        letter[name.replace("_", "-")] = value
    letter.set_content(text)
    return letter


def send(house: DemoHouse, letter: EmailMessage, to: str = "help@example.com") -> None:
    with smtplib.SMTP("127.0.0.1", house.smtp_port, timeout=20) as peer:
        peer.send_message(letter, from_addr="maria@customer.example", to_addrs=[to])


def sent_mail(house: DemoHouse, about: Callable[[EmailMessage], bool]) -> EmailMessage:
    """The letter of ours that the demo's relay keeps, once it is there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for path in (house.data / "sent-mail").glob("*.eml"):
            letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if about(letter):
                return letter
        time.sleep(0.05)
    raise AssertionError("the answer did not leave")


async def test_a_letter_becomes_one_contact_with_its_case(house: DemoHouse) -> None:
    letter = a_letter("first@customer.example", "Со вчерашнего дня нет интернета.\n\n-- \nМария")
    send(house, letter)
    send(house, letter)  # a relay that did not hear our 250 sends it again
    found = await ask(house, "/contacts", channel="email", key="first@customer.example")
    (contact,) = found["items"]
    assert contact["text"].strip() == "Со вчерашнего дня нет интернета."
    assert contact["sender"] == {
        "kind": "email",
        "value": "maria@customer.example",
        "name": "Мария Иванова",
    }
    assert contact["automatic"] is False
    case = await ask(house, f"/cases/{contact['case_id']}")
    assert case["department"] == "technical"
    assert case["trace"], "nobody could say why it came there"


async def test_an_answer_leaves_and_its_answer_finds_the_case_from_another_address(house: DemoHouse) -> None:
    send(house, a_letter("second@customer.example", "Когда починят?"))
    (contact,) = (await ask(house, "/contacts", channel="email", key="second@customer.example"))["items"]
    case_id = contact["case_id"]
    await tell(house, f"/cases/{case_id}/answers", {"channel": "email", "text": "Мастер будет завтра."})
    ours = sent_mail(house, lambda letter: letter["In-Reply-To"] == "<second@customer.example>")
    assert "Мастер будет завтра." in ours.get_content()
    back = a_letter("third@elsewhere.example", "Спасибо, жду!", In_Reply_To=str(ours["Message-ID"]))
    del back["From"]
    back["From"] = "maria@elsewhere.example"
    send(house, back, to=str(ours["Reply-To"].addresses[0].addr_spec))
    (answer,) = (await ask(house, "/contacts", channel="email", key="third@elsewhere.example"))["items"]
    assert answer["case_id"] == case_id
    delivered = await ask(house, f"/contacts/{quote('email:' + ours['Message-ID'].strip('<>'), safe='')}")
    assert delivered["delivery"] == "sent"


async def test_a_strangers_letter_does_not_join_by_references_alone(house: DemoHouse) -> None:
    send(house, a_letter("fourth@customer.example", "Мой договор расторгнут?"))
    (contact,) = (await ask(house, "/contacts", channel="email", key="fourth@customer.example"))["items"]
    stranger = a_letter("fifth@stranger.example", "Что там?", References="<fourth@customer.example>")
    del stranger["From"]
    stranger["From"] = "stranger@stranger.example"
    send(house, stranger)
    (other,) = (await ask(house, "/contacts", channel="email", key="fifth@stranger.example"))["items"]
    assert other["case_id"] != contact["case_id"]
    assert other["customer_id"] != contact["customer_id"]


@pytest.mark.component("swaks")
async def test_swaks_is_told_received_and_a_foreign_address_is_refused(house: DemoHouse) -> None:
    def swaks(to: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(path_to("swaks"), "--server", f"127.0.0.1:{house.smtp_port}", "--to", to),
                *("--from", "swaks@customer.example", "--header", "Message-Id: <swaks@customer.example>"),
                *("--body", "Проверка связи"),
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert swaks("help@example.com").returncode == 0
    assert (await ask(house, "/contacts", channel="email", key="swaks@customer.example"))["items"]
    refused = swaks("somebody@foreign.example")
    assert refused.returncode != 0
    assert "550 5.1.1" in refused.stdout


async def test_a_visitor_is_told_received_and_gets_the_answer(house: DemoHouse) -> None:
    async with ClientSession() as client, client.ws_connect(f"{house.url}/chat/ws") as ws:
        await ws.send_json({"type": "hello", "language": "ru"})
        frames = [await ws.receive_json(timeout=10)]
        await ws.send_json({"type": "say", "id": "client-id-0001", "text": "Добрый день, вы работаете?"})
        while frames[-1]["type"] != "received":
            frames.append(await ws.receive_json(timeout=10))
        latest = await ask(house, "/contacts", channel="chat", limit="5")
        (contact,) = [item for item in latest["items"] if item["text"] == "Добрый день, вы работаете?"]
        body = {"channel": "chat", "text": "Да, слушаем вас."}
        await tell(house, f"/cases/{contact['case_id']}/answers", body)
        while not (frames[-1]["type"] == "message" and frames[-1]["text"] == "Да, слушаем вас."):
            message = await ws.receive(timeout=10)
            assert message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY
            frames.append(message.json())


async def test_another_system_posts_a_contact_once(house: DemoHouse) -> None:
    body = {
        "channel": "phone",
        "key": "call-77",
        "sender": {"kind": "phone", "value": "8 (900) 555-12-34", "name": "Пётр"},
        "text": "Просит перезвонить",
    }
    first = await tell(house, "/contacts", body)
    second = await tell(house, "/contacts", body)
    assert first["id"] == second["id"] == "phone:call-77"
    timeline = await ask(house, f"/customers/{first['customer_id']}/timeline")
    assert sum(item.get("id") == "phone:call-77" for item in timeline["items"]) == 1


async def test_the_demo_tells_how_to_write_in_and_stops_cleanly(tmp_path: Path) -> None:
    with demo_house(tmp_path) as house:
        for told in (house.url, "help@example.com", TOKEN, "supervisor", "admin"):
            assert told in house.log
        assert house.stop() == 0, house.log
        assert "Traceback" not in house.log

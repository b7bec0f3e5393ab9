"""The webhook: signed and fresh, or refused by name; a call comes out once, with its recording."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from channels.phone.hooked import read_hooked
from channels.phone.settings import PhoneSettings
from channels.phone.source import PhoneSource
from channels.signed import sign
from crm.collections import DEAD_LETTERS, EMPLOYEES
from crm.errors import BadInput
from crm.store import Replace
from router.extensions import Extensions
from router.health import Doors
from router.ringing import Ringing
from tests.raw import say
from tests.router.house import ANNA, House, open_house

SECRET = "sixteen characters at least"
EVENTS = "/phone/events/beeline"
STARTED = {"call": "c-1", "at": "2026-03-02T12:30:00+03:00", "number": "8 916 123-45-67", "line": "600"}


class Sender:
    """Another exchange."""

    def __init__(self, house: House, url: str, client: aiohttp.ClientSession) -> None:
        self.house = house
        self.url = url
        self._client = client

    async def send(self, path: str, body: bytes, *, secret: str = SECRET, late: float = 0) -> tuple[int, Any]:
        at = str(int(self.house.clock().timestamp() - late))
        headers = {"X-Onewindow-Timestamp": at}
        headers["X-Onewindow-Signature"] = f"sha256={sign(secret, at, path, body)}"
        async with self._client.post(self.url + path, data=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def tell(self, event: str, **more: Any) -> tuple[int, Any]:
        return await self.send(EVENTS, msgspec.json.encode({"event": event, **STARTED, **more}))


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    async with open_house(tmp_path) as house, serving(house, tmp_path) as sender:
        yield sender


@asynccontextmanager
async def serving(house: House, folder: Path) -> AsyncIterator[Sender]:
    anna = await house.employee(ANNA.id)
    await house.store.commit([Replace(EMPLOYEES, msgspec.structs.replace(anna, extensions=("101",)))])
    doors = Doors(clock=house.clock)
    (folder / "sounds").mkdir()
    source = PhoneSource(
        PhoneSettings(webhooks={"beeline": SECRET}, recordings=str(folder / "sounds")),
        store=house.store,
        live=house.live,
        staff=Extensions(house.store),
        doors=lambda name: doors.door(name, "phone"),
        clock=house.clock,
    )
    app = web.Application()
    source.add_to(app)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with source.listening(house.intake.accept), aiohttp.ClientSession() as client:
            yield Sender(house, url, client)
    finally:
        await runner.cleanup()


async def test_a_call_with_all_its_events_is_one_contact_in_the_hands_of_who_took_it(sender: Sender) -> None:
    assert await sender.tell("started") == (200, {"status": "received", "stored": False})
    assert (await sender.tell("ringing", extension="101"))[0] == 200
    for _ in range(2):
        assert (await sender.tell("answered", extension="101", waited=9)) == (
            200,
            {"status": "received", "stored": True},
        )
    assert (await sender.tell("ended", talked=70))[0] == 200
    (contact,) = await sender.house.contacts()
    assert (contact.key, contact.fields["outcome"], contact.duration) == ("beeline/c-1", "answered", 70)
    assert (await sender.house.case(contact.case_id)).assignee_id == ANNA.id


async def test_it_rings_on_the_page_of_whose_telephone_rings(sender: Sender) -> None:
    board = Ringing(sender.house.clock)
    async with sender.house.live.subscribe() as events:
        await sender.tell("ringing", extension="101")
        await sender.tell("ended", extension="101", outcome="missed")
        heard = []
        async for event in events:
            if event.kind == "ringing":
                board.hear(event)
                heard.append(len(board.at(ANNA.id)))
            if len(heard) == 2:
                break
    assert heard == [1, 0]


async def test_a_call_that_ended_without_an_answer_is_missed(sender: Sender) -> None:
    await sender.tell("ended", waited=25)
    (contact,) = await sender.house.contacts()
    assert contact.fields["outcome"] == "missed"
    assert (await sender.house.case(contact.case_id)).state == "queued"


@pytest.mark.parametrize(
    ("path", "secret", "late", "said"),
    [
        (EVENTS, "another secret of that length", 0, "the signature is wrong"),
        (EVENTS, SECRET, 400, "signed too long ago"),
        (EVENTS, SECRET, -400, "signed too long ago"),
        ("/phone/events/nobody", SECRET, 0, "the signature is wrong"),
    ],
)
async def test_what_is_not_proven_is_refused(
    sender: Sender, path: str, secret: str, late: float, said: str
) -> None:
    body = msgspec.json.encode({"event": "ended", **STARTED})
    status, answer = await sender.send(path, body, secret=secret, late=late)
    assert (status, said in answer["title"]) == (401, True)
    assert await sender.house.contacts() == []


async def test_a_signature_that_is_no_text_is_a_wrong_one(sender: Sender) -> None:
    at = b"X-Onewindow-Timestamp: %d" % sender.house.clock().timestamp()
    signature = b"X-Onewindow-Signature: sha256=\xff\xfe"
    told = await say(sender.url, f"POST {EVENTS} HTTP/1.1".encode(), at, signature, body=b"{}")
    assert told.status == 401


async def test_a_signed_event_that_is_wrong_is_told_by_its_field_and_kept(sender: Sender) -> None:
    status, answer = await sender.tell("ended", talked="long")
    assert (status, answer["field"]) == (422, "talked")
    (letter,) = await sender.house.store.find(DEAD_LETTERS)
    assert letter.unread
    assert letter.reason.startswith("webhook: talked:")


async def test_a_recording_is_attached_once_and_only_to_a_call_that_is_known(sender: Sender) -> None:
    path = "/phone/recordings/beeline/c-1?name=call.mp3"
    assert (await sender.send(path, b"ID3 sound"))[0] == 404
    await sender.tell("ended", extension="101", talked=5)
    for _ in range(2):
        assert (await sender.send(path, b"ID3 sound"))[0] == 200
    (contact,) = await sender.house.contacts()
    assert [(file.name, file.mime, file.size) for file in contact.attachments] == [
        ("call.mp3", "audio/mpeg", 9)
    ]
    assert (await sender.send("/phone/recordings/beeline/c-1?name=../x.exe", b"x"))[0] == 422


def test_the_example_with_openssl_signs_as_we_do() -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is missing: apt-get install openssl")
    command = ["openssl", "dgst", "-sha256", "-hmac", SECRET]
    signed = subprocess.run(command, input=b"1700000000./phone/events/x.{}", capture_output=True, check=True)
    assert signed.stdout.decode().split()[-1] == sign(SECRET, "1700000000", "/phone/events/x", b"{}")


@given(st.binary(max_size=300))
def test_whatever_comes_is_an_event_or_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput):
        read_hooked(body)

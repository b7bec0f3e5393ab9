"""Files in the chat: taken once, given back to those who took part, harmless to whoever opens them."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession
from hypothesis import example, given
from hypothesis import strategies as st

from channels.chat.files import NAME_LIMIT, as_attachment, tidy_name
from channels.chat.settings import ChatSettings
from channels.chat.token import new_token
from crm.contact import blob_id
from router.casework import NewFile
from tests.channels.chat.house import ChatHouse, open_house
from tests.channels.chat.page import open_page

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def put(
    client: ClientSession, house: ChatHouse, token: str, name: str, content: bytes, id: str = "file-0001"
) -> ClientResponse:
    url = f"{house.url}/chat/files/{id}"
    return await client.put(url, params={"name": name}, data=BytesIO(content), headers=bearer(token))


async def test_a_file_is_a_message_that_every_page_of_the_visitor_sees(
    house: ChatHouse, client: ClientSession
) -> None:
    async with open_page(house.url) as page:
        answer = await put(client, house, page.token, "фото счёта.png", PNG)
        received = await answer.json()
        assert (answer.status, received["type"]) == (200, "received")
        message = await page.heard("message", id="file-0001")
        assert message["seq"] == received["seq"]
        (file,) = message["files"]
        assert (file["name"], file["mime"], file["size"]) == ("фото счёта.png", "image/png", len(PNG))
        async with client.get(f"{house.url}/chat/{file['path']}", headers=bearer(page.token)) as given:
            assert await given.read() == PNG


async def test_the_bytes_are_stored_with_the_contact(house: ChatHouse, client: ClientSession) -> None:
    async with open_page(house.url) as page:
        await put(client, house, page.token, "photo.png", PNG)
    assert await house.store.read_blob(blob_id(PNG)) == PNG


async def test_a_file_sent_again_is_received_again_and_stored_once(
    house: ChatHouse, client: ClientSession
) -> None:
    async with open_page(house.url) as page:
        first = await (await put(client, house, page.token, "photo.png", PNG)).json()
        again = await (await put(client, house, page.token, "photo.png", PNG)).json()
        assert first["seq"] == again["seq"]
        await page.send("ping")
        await page.heard("pong")
        assert len(page.messages) == 1


async def test_a_file_of_an_agent_reaches_its_visitor_and_nobody_else(
    house: ChatHouse, client: ClientSession
) -> None:
    async with open_page(house.url) as page, open_page(house.url) as stranger:
        received = await page.say("message-1", "пришлите договор")
        case_id = str(received["seq"] // 1_000_000)
        await house.answer(
            case_id, page.visitor, "вот он", (NewFile("договор.pdf", "application/pdf", b"%PDF-1.7"),)
        )
        message = await page.heard("message", text="вот он")
        url = f"{house.url}/chat/{message['files'][0]['path']}"
        async with client.get(url, headers=bearer(page.token)) as given:
            assert await given.read() == b"%PDF-1.7"
        for token in (stranger.token, new_token()):
            async with client.get(url, headers=bearer(token)) as refused:
                assert refused.status == 404
        for headers in ({}, bearer("wrong"), {"Authorization": f"Basic {page.token}"}):
            async with client.get(url, headers=headers) as refused:
                assert refused.status == 401
        async with client.get(f"{url}9", headers=bearer(page.token)) as missing:
            assert missing.status == 404


@pytest.mark.parametrize(
    ("name", "content", "type"),
    [
        ("page.txt", b"<script>alert(1)</script>", "application/octet-stream"),
        ("fake.png", b"<script>alert(1)</script>", "application/octet-stream"),
        ("photo.png", PNG, "image/png"),
    ],
)
async def test_no_file_can_act_as_a_page_of_ours(
    house: ChatHouse, client: ClientSession, name: str, content: bytes, type: str
) -> None:
    async with open_page(house.url) as page:
        await put(client, house, page.token, name, content)
        message = await page.heard("message")
        url = f"{house.url}/chat/{message['files'][0]['path']}"
        async with client.get(url, headers=bearer(page.token)) as given:
            assert given.headers["Content-Type"] == type
            assert given.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{name}"
            assert given.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in given.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("name", "content", "status", "reason"),
    [
        ("virus.exe", b"MZ", 415, "type"),
        ("no-ending", b"words", 415, "type"),
        ("page.html", b"<html>", 415, "type"),
        ("picture.svg", b"<svg/>", 415, "type"),
        ("empty.txt", b"", 400, "empty"),
    ],
)
async def test_a_file_that_cannot_be_taken_is_refused_with_the_reason(
    house: ChatHouse, client: ClientSession, name: str, content: bytes, status: int, reason: str
) -> None:
    async with open_page(house.url) as page:
        answer = await put(client, house, page.token, name, content)
        assert answer.status == status
        assert await answer.json() == {"type": "refused", "id": "file-0001", "reason": reason}


async def test_without_a_token_no_file_is_taken(house: ChatHouse, client: ClientSession) -> None:
    assert (await put(client, house, "wrong", "photo.png", PNG)).status == 401
    assert house.knocks == 0


async def test_a_file_is_asked_for_again_while_the_store_is_down(
    house: ChatHouse, client: ClientSession
) -> None:
    async with open_page(house.url) as page:
        house.down = True
        answer = await put(client, house, page.token, "photo.png", PNG)
        assert (answer.status, (await answer.json())["type"]) == (503, "try_again")
        assert int(answer.headers["Retry-After"]) > 0
        house.down = False
        assert (await put(client, house, page.token, "photo.png", PNG)).status == 200


class TestOfLittleRoom:
    @pytest.fixture
    def settings(self) -> ChatSettings:
        return ChatSettings(file_size_limit=1000, upload_room=1500, upload_timeout=0.5)

    async def test_a_file_too_large_is_refused_without_reading_it(
        self, house: ChatHouse, client: ClientSession
    ) -> None:
        async with open_page(house.url) as page:
            answer = await put(client, house, page.token, "long.txt", b"x" * 10_000_000)
            assert (answer.status, (await answer.json())["reason"]) == (413, "too_big")

    async def test_uploads_together_never_take_more_than_their_room(
        self, house: ChatHouse, client: ClientSession
    ) -> None:
        async with open_page(house.url) as page:
            started = asyncio.Event()

            async def slowly() -> AsyncIterator[bytes]:
                yield b"x" * 100
                started.set()
                await asyncio.sleep(5)

            headers = {**bearer(page.token), "Content-Length": "1000"}
            url = f"{house.url}/chat/files/file-slow?name=slow.txt"
            slow = asyncio.create_task(client.put(url, data=slowly(), headers=headers))
            await started.wait()
            answer = await put(client, house, page.token, "other.txt", b"x" * 1000)
            assert (answer.status, (await answer.json())["type"]) == (503, "try_again")
            assert (await slow).status == 408  # who dawdles gives his room up
            assert (await put(client, house, page.token, "other.txt", b"x" * 1000)).status == 200


async def test_the_transcript_is_the_whole_conversation_of_this_visitor_alone(
    house: ChatHouse, client: ClientSession
) -> None:
    async with open_page(house.url) as page, open_page(house.url) as other:
        await other.say("message-1", "чужое")
        received = await page.say("message-1", "Не работает интернет")
        await put(client, house, page.token, "photo.png", PNG)
        await house.answer(str(received["seq"] // 1_000_000), page.visitor, "Починили")
        query = {"language": "ru", "timezone": "Asia/Vladivostok"}
        async with client.get(
            f"{house.url}/chat/transcript", params=query, headers=bearer(page.token)
        ) as answer:
            text = await answer.text()
            assert answer.headers["Content-Disposition"].startswith("attachment")
        blocks = text.strip().split("\n\n")
        assert [block.partition(" — ")[2] for block in blocks] == [
            "Вы\nНе работает интернет",
            "Вы\n[Файл: photo.png]",
            "Анна Петрова\nПочинили",
        ]
        assert "+10" in blocks[0]
        async with client.get(f"{house.url}/chat/transcript") as refused:
            assert refused.status == 401
        query["timezone"] = "../../etc/passwd"
        async with client.get(
            f"{house.url}/chat/transcript", params=query, headers=bearer(page.token)
        ) as answer:
            assert "UTC" in await answer.text()


@given(st.text())
@example('.0"000000000')
@example("a.bbbbbbbbbbbbbbb.")
def test_every_name_becomes_one_that_any_file_system_takes(name: str) -> None:
    tidy = tidy_name(name)
    assert len(tidy) <= NAME_LIMIT
    assert not set(tidy) & set('<>:"/\\|?*\0\n\r\t')
    assert tidy_name(tidy) == tidy
    tidy.encode()


@given(st.binary(), st.text(max_size=20))
def test_only_what_begins_like_a_picture_is_called_one(content: bytes, name: str) -> None:
    mime = as_attachment(name, content).mime
    assert mime.startswith("image/") <= content.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF"))


async def test_a_restart_keeps_what_was_received(tmp_path: Path, settings: ChatSettings) -> None:
    async with (
        ClientSession() as client,
        open_house(tmp_path, settings) as house,
        open_page(house.url) as page,
    ):
        await put(client, house, page.token, "photo.png", PNG)
    async with ClientSession() as client, open_house(tmp_path, settings) as house:
        async with open_page(house.url, token=page.token) as back:
            url = f"{house.url}/chat/{back.messages[0]['files'][0]['path']}"
        async with client.get(url, headers=bearer(page.token)) as given:
            assert await given.read() == PNG

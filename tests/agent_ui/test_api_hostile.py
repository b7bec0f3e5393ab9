"""Systems that send the API what makes no sense, or too much of it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from router.tokens import add_token
from tests.agent_ui.site import Browser, Site

IVAN = {"kind": "email", "value": "ivan@example.com"}
CALLER = {"kind": "phone", "value": "8 900 555 01 02"}


@pytest.fixture
async def session(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    made = await add_token(site.house.store, name="billing", writes=True, clock=site.house.clock)
    headers = {"Authorization": f"Bearer {made.token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(site.url, headers=headers) as session:
        yield session


async def post(session: aiohttp.ClientSession, body: object, **headers: str) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with session.post("/api/v1/contacts", data=content, headers=headers) as response:
        assert response.content_type.endswith("json")
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sender": {"kind": "email", "value": ""}}, "sender.value"),
        ({"sender": {"kind": "email", "value": " "}}, "sender.value"),
        ({"sender": {"kind": "email", "value": "nobody"}}, "sender.value"),
        ({"sender": {"kind": "email", "value": "a@b.c\r\nBcc: x@y.z"}}, "sender.value"),
        ({"sender": {**IVAN, "name": "x\0"}}, "sender.name"),
        ({"sender": {**IVAN, "nick": "x"}}, "sender.nick"),
        ({"sender": {"kind": "phone", "value": "owl"}}, "sender.value"),
        ({"sender": CALLER, "channel": "email"}, "sender.kind"),
        ({"sender": IVAN, "channel": "phone"}, "sender.kind"),
        ({"sender": IVAN, "channel": "chat"}, "sender.kind"),
        ({"sender": {**IVAN, "sender": {}}}, "sender.sender"),
        ({"key": "a\0b"}, "key"),
        ({"key": "a\nb"}, "key"),
        ({"duration": 2**63}, "duration"),
        ({"fields": {str(number): "" for number in range(101)}}, "fields"),
        ({"recipients": [IVAN] * 101}, "recipients"),
        ({"attachments": [{"name": "a", "content": ""}] * 101}, "attachments"),
        ({"attachments": [{"name": "../a", "content": ""}]}, "attachments[0].name"),
        ({"attachments": [{"name": "a\0.exe", "content": ""}]}, "attachments[0].name"),
        ({"attachments": [{"name": "a", "content": "", "mime": "text/html\r\nX: y"}]}, "attachments[0].mime"),
    ],
)
async def test_what_makes_no_sense_is_named_and_not_kept(
    changes: dict[str, Any], field: str, site: Site, session: aiohttp.ClientSession
) -> None:
    status, problem = await post(session, {"sender": IVAN, "text": "hello", **changes})
    assert (status, problem["field"]) == (422, field)
    assert await site.house.contacts() == []


@pytest.mark.parametrize(
    ("channel", "sender"),
    [
        ("phone", {"kind": "unknown"}),  # a withheld number
        ("phone", CALLER),
        ("phone", {"kind": "phone", "value": "101"}),
        ("email", {"kind": "email", "value": "Иван@пример.рф"}),
        ("sms", CALLER),
        ("api", {"kind": "api", "value": "meter-7"}),
        ("visit", {"kind": "postal", "value": "Tver, Lenina 1"}),
    ],
)
async def test_what_is_unusual_and_makes_sense_is_taken(
    channel: str, sender: dict[str, str], session: aiohttp.ClientSession
) -> None:
    assert (await post(session, {"channel": channel, "sender": sender, "text": "hello"}))[0] == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"sender":',
        b'{"text": NaN}',
        b'{"text": "\\ud800"}',
        b'{"text": "\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
    ],
)
async def test_what_is_no_json_is_said_to_be_none(body: bytes, session: aiohttp.ClientSession) -> None:
    status, problem = await post(session, body)
    assert (status, problem["code"], problem["field"]) == (400, "bad_input", "body")


@pytest.mark.parametrize("opening", ["[", '{"sender":', '{"text":', '{"fields":{"x":', '{"x":'])
async def test_no_depth_breaks_the_reader(opening: str, session: aiohttp.ClientSession) -> None:
    assert (await post(session, opening.encode() * 50_000))[0] == 422


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "foo", "identity, gzip"])
async def test_nothing_compressed_is_unpacked(encoding: str, session: aiohttp.ClientSession) -> None:
    bomb = gzip.compress(b" " * 10_000_000) if encoding == "gzip" else zlib.compress(b"x")
    status, problem = await post(session, bomb, **{"Content-Encoding": encoding})
    assert (status, problem["field"]) == (415, "body")
    assert (await post(session, {"sender": IVAN, "text": "hello"}))[0] == 201


async def test_a_compressed_form_is_refused_in_words(anna: Browser) -> None:
    refused = await anna.post("/me/language", {"language": "en"}, headers={"Content-Encoding": "gzip"})
    assert (refused.status, refused.json()["error"]) == (415, "bad_input")


@pytest.mark.parametrize("path", ["/api/v1/contacts", "/me/language"])
async def test_a_body_that_breaks_off_its_encoding_is_answered(
    path: str, site: Site, anna: Browser, session: aiohttp.ClientSession
) -> None:
    cookies = anna.session.cookie_jar.filter_cookies(anna.session._base_url)  # type: ignore[arg-type]
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    reader, writer = await asyncio.open_connection(*site.url.removeprefix("http://").split(":"))
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: {site.url.removeprefix('http://')}\r\nCookie: {cookie}\r\n"
        f"Authorization: {session.headers['Authorization']}\r\nX-Requested-With: onewindow\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
    )
    answer = await asyncio.wait_for(reader.read(), 10)
    assert b" 400 " in answer.partition(b"\r\n")[0]
    writer.close()

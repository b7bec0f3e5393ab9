"""The pages of the chat as a browser gets them."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from channels.chat.settings import ChatSettings
from tests.channels.chat.house import ChatHouse


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as client:
        yield client


@pytest.fixture
def settings() -> ChatSettings:
    return ChatSettings(title={"en": "Ask </script><b>us"}, allowed_origins=("https://shop.example",))


async def test_the_hosted_page_is_framed_by_nobody(house: ChatHouse, client: ClientSession) -> None:
    async with client.get(f"{house.url}/chat/") as answer:
        assert answer.status == 200
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_nothing_from_elsewhere_runs_in_our_pages(house: ChatHouse, client: ClientSession) -> None:
    for path in ("", "frame"):
        async with client.get(f"{house.url}/chat/{path}") as answer:
            policy = answer.headers["Content-Security-Policy"]
            page = await answer.text()
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"https?://", page)
        assert not re.search(r"\son\w+=|\sstyle=|<style", page)


async def test_words_of_the_settings_cannot_become_markup(house: ChatHouse, client: ClientSession) -> None:
    async with client.get(f"{house.url}/chat/") as answer:
        page = await answer.text()
    assert "<title>Ask &lt;/script&gt;&lt;b&gt;us</title>" in page
    assert "<b>" not in page


@pytest.mark.parametrize(("accepted", "lang"), [("ru-RU,ru;q=0.9", "ru"), ("en", "en"), ("fr", "en")])
async def test_the_page_is_in_the_browsers_language(
    house: ChatHouse, client: ClientSession, accepted: str, lang: str
) -> None:
    async with client.get(f"{house.url}/chat/", headers={"Accept-Language": accepted}) as answer:
        assert f'<html lang="{lang}"' in await answer.text()


async def test_every_file_a_page_names_is_there_and_may_be_kept_for_ever(
    house: ChatHouse, client: ClientSession
) -> None:
    async with client.get(f"{house.url}/chat/") as answer:
        named = re.findall(r'(?:href|src)="([^"]+)"', await answer.text())
    assert len(named) == 4
    seen = set()
    while named:
        path = named.pop()
        seen.add(path)
        async with client.get(f"{house.url}/chat/{path}") as answer:
            assert answer.status == 200, path
            assert "immutable" in answer.headers["Cache-Control"]
            text = await answer.text()
        folder = path.partition("/")[0]
        modules = re.findall(r'from "\./(\w+\.js)"', text)
        named += [f"{folder}/{name}" for name in modules if f"{folder}/{name}" not in seen]
    assert len(seen) > 10


async def test_an_old_page_gets_todays_files_but_does_not_keep_them(
    house: ChatHouse, client: ClientSession
) -> None:
    async with client.get(f"{house.url}/chat/v-0123456789ab/chat.js") as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    for path in ("v-0123456789ab/absent.js", "v-0123456789ab/page.html", "v-0/..%2f..%2fsettings.py"):
        async with client.get(f"{house.url}/chat/{path}") as answer:
            assert answer.status == 404


async def test_the_script_of_a_site_is_asked_for_anew_only_when_it_changed(
    house: ChatHouse, client: ClientSession
) -> None:
    url = f"{house.url}/chat/widget.js"
    async with client.get(url) as answer:
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        etag = answer.headers["ETag"]
    async with client.get(url, headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304


async def test_the_chat_is_found_without_its_slash(house: ChatHouse, client: ClientSession) -> None:
    async with client.get(f"{house.url}/chat") as answer:
        assert (answer.status, answer.url.path) == (200, "/chat/")

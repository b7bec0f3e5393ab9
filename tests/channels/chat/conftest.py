"""A chat for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from channels.chat.settings import ChatSettings
from tests.channels.chat.house import ChatHouse, open_house
from tests.components import path_to


@pytest.fixture
def settings() -> ChatSettings:
    """As a test wants them: override it."""
    return ChatSettings(
        department_id="front-desk", visitor_messages_per_minute=10_000, peer_messages_per_minute=100_000
    )


@pytest.fixture
async def house(tmp_path: Path, settings: ChatSettings) -> AsyncIterator[ChatHouse]:
    async with open_house(tmp_path, settings) as house:
        yield house


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path_to("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            await browser.close()

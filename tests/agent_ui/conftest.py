"""A site of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent_ui.site import Browser, Site, open_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as site:
        yield site


@pytest.fixture
async def anna(site: Site) -> AsyncIterator[Browser]:
    """An agent of the front desk, signed in."""
    async with site.signed_in("anna") as browser:
        yield browser


@pytest.fixture
async def olga(site: Site) -> AsyncIterator[Browser]:
    """A supervisor, signed in."""
    async with site.signed_in("olga") as browser:
        yield browser

"""An administrator, signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.agent_ui.site import Browser, Site
from tests.router.records import an_employee, keep


@pytest.fixture
async def irina(site: Site) -> AsyncIterator[Browser]:
    await keep(site.house.store, an_employee("irina", role="admin", department_ids=()))
    async with site.signed_in("irina") as browser:
        yield browser

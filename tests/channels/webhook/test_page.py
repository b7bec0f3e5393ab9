"""The page about the webhook is true: its lines of shell are run against a server that really serves."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import msgspec
import pytest

from tests.channels.webhook.rig import SECRET, open_shop
from tests.router.house import open_house

PAGE = Path(__file__).resolve().parents[3] / "docs/channels/webhook.md"


@pytest.mark.component("curl")
async def test_its_lines_of_shell_hand_a_contact_over(tmp_path: Path) -> None:
    (lines,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    async with open_house(tmp_path) as house, open_shop(house.intake.accept) as shop:
        script = f"SECRET='{SECRET}'\n" + lines.replace("https://help.example.com", shop.url)
        shell = await asyncio.create_subprocess_shell(script, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(30):
            said, _ = await shell.communicate()
        (contact,) = await house.contacts()
    assert msgspec.json.decode(said) == {"case": contact.case_id, "repeated": False}
    assert contact.text == "The power supply is missing."

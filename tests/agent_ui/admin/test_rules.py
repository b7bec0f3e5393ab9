"""Rules are shown as sentences, and a try says what the router would do, and stores nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from router.rules import read_rules
from tests.agent_ui.site import Browser, Site, open_site
from tests.router.house import an_arrival


async def test_every_rule_is_shown_with_what_it_asks_and_does(olga: Browser) -> None:
    page = (await olga.get("/admin/rules")).words
    for said in ("outage", "не работает", "technical", "Всё остальное", "front-desk"):
        assert said in page


async def test_a_try_says_where_and_why(site: Site, olga: Browser) -> None:
    tried = await olga.post("/admin/rules/try", {"channel": "email", "text": "С утра не работала связь"})
    assert "Попадёт в отдел «technical»" in tried.words
    assert re.search(r'class="card rule hit">.*?outage', tried.text, re.DOTALL)
    assert await site.house.contacts() == []
    assert await site.house.cases() == []


async def test_a_try_that_no_rule_claims_shows_which_condition_failed(olga: Browser) -> None:
    tried = await olga.post("/admin/rules/try", {"channel": "email", "text": "Спасибо!"})
    assert "Попадёт в отдел «front-desk»" in tried.words
    assert 'class="broke"' in tried.text


async def test_a_try_knows_the_customer_of_the_address(site: Site, olga: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    stranger = await olga.post("/admin/rules/try", {"channel": "email", "sender": "other@example.com"})
    known = await olga.post("/admin/rules/try", {"channel": "email", "sender": "IVAN@example.com"})
    assert "как о незнакомце" in stranger.words
    assert receipt.customer_id in known.words


async def test_a_try_asks_rules_of_strangers_about_strangers_alone(tmp_path: Path) -> None:
    book = read_rules(
        """
        default_department = "front-desk"

        [[rule]]
        name = "known"
        when = { known = true, open_cases = true }
        then = { department = "billing" }
        """
    )
    async with open_site(tmp_path, book=book) as site, site.signed_in("olga") as olga:
        await site.house.intake.accept(an_arrival())
        for sender, department in (("ivan@example.com", "billing"), ("other@example.com", "front-desk")):
            tried = await olga.post("/admin/rules/try", {"channel": "email", "sender": sender})
            assert f"Попадёт в отдел «{department}»" in tried.words


async def test_a_try_agrees_with_the_router(site: Site, olga: Browser) -> None:
    for number, text in enumerate(("не работает", "здравствуйте", "связь работает")):
        receipt = await site.house.intake.accept(
            an_arrival(f"t{number}", text, sender=f"new{number}@example.com")
        )
        case = await site.house.case(receipt.case_id)
        tried = await olga.post("/admin/rules/try", {"channel": "email", "text": text})
        assert f"«{case.department_id}»" in tried.words


@pytest.mark.parametrize("fields", [{}, {"sender": "x" * 5000, "text": "я" * 50_000, "channel": "?"}])
async def test_whatever_is_tried_is_answered(fields: dict[str, str], olga: Browser) -> None:
    assert (await olga.post("/admin/rules/try", fields)).status == 200

"""What every answer tells the browser, and what becomes of errors."""

from __future__ import annotations

import io
import logging
import re
from unittest.mock import patch

import aiohttp
import pytest

from crm.errors import StoreDown
from router.casework import Casework
from tests.agent_ui.site import FETCH, Browser, Site
from tests.router.house import an_arrival

PAGES = ("/login", "/inbox", "/me", "/search?q=x", "/nothing-here", "/static/0/tokens.css")


@pytest.mark.parametrize("path", PAGES)
async def test_every_answer_forbids_what_is_not_ours(anna: Browser, path: str) -> None:
    headers = (await anna.get(path)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "aiohttp" not in headers["Server"]


async def test_no_page_carries_a_script_or_a_style_of_its_own(anna: Browser) -> None:
    for path in PAGES:
        text = (await anna.get(path)).text
        scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", text)
        assert (scripts, re.findall(r"<style|\sstyle=|\son\w+=", text)) == ([], []), path


async def test_pages_are_not_kept_but_assets_are(anna: Browser) -> None:
    page = await anna.get("/inbox")
    assert page.headers["Cache-Control"] == "no-store"
    sheet = re.search(r'href="(/static/[^"]+/tokens.css)"', page.text)
    assert sheet
    assert "immutable" in (await anna.get(sheet[1])).headers["Cache-Control"]
    assert "immutable" not in (await anna.get("/static/0/tokens.css")).headers["Cache-Control"]


async def test_no_asset_lies_outside_its_folder(anna: Browser) -> None:
    for name in ("..%2fapp.py", "%2e%2e/app.py", "/etc/passwd"):
        assert (await anna.get(f"/static/0/{name}")).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "made up"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_what_another_site_sends_changes_nothing(anna: Browser, headers: dict[str, str]) -> None:
    refused = await anna.post("/me/language", {"language": "en"}, headers=headers)
    assert refused.status == 403
    employee = await anna.site.house.employee("anna")
    assert employee.language == "ru"


async def test_a_form_of_our_own_page_is_taken(anna: Browser) -> None:
    fields = {"language": "en", "csrf": anna.csrf, "back": "/me"}
    answer = await anna.send("POST", "/me/language", data=fields, headers={"Origin": anna.site.url})
    assert (answer.status, answer.headers["Location"]) == (303, "/me")
    assert "My settings" in (await anna.get("/me")).text


async def test_an_unknown_case_is_told_in_words(anna: Browser) -> None:
    page = await anna.get("/cases/404404")
    assert page.status == 404
    assert "Здесь ничего нет" in page.words
    script = await anna.get("/cases/404404", headers=FETCH)
    assert (script.status, script.json()["error"]) == (404, "not_found")


async def test_a_refusal_names_its_field_in_the_readers_language(site: Site, anna: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    await anna.post(f"/cases/{receipt.case_id}/take")
    refused = await anna.post(f"/cases/{receipt.case_id}/transfer", {"to_department_id": "technical"})
    assert refused.status == 422
    told = refused.json()
    assert told["field"] == "reason"
    assert told["message"] == "Для передачи нужна причина: её прочтут коллеги."


async def test_a_refused_act_says_why(site: Site, anna: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    async with site.signed_in("pavel") as pavel:
        await pavel.post(f"/cases/{receipt.case_id}/take")
    refused = await anna.post(f"/cases/{receipt.case_id}/decide", {"code": "solved"})
    assert refused.status == 403
    assert "коллега" in refused.json()["message"]


async def test_an_agent_does_not_enter_a_supervisors_page(site: Site, anna: Browser, olga: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    path = f"/cases/{receipt.case_id}/forms/give"
    assert (await anna.get(path)).status == 403
    assert (await olga.get(path)).status == 200


async def test_a_store_that_is_down_asks_to_come_again(site: Site, anna: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())

    async def down(*_: object, **__: object) -> None:
        raise StoreDown

    with patch.object(Casework, "note", down):
        told = await anna.post(f"/cases/{receipt.case_id}/note", {"text": "важное"})
    assert told.status == 503
    assert told.headers["Retry-After"]
    assert "важное" not in told.text


async def test_a_bug_of_ours_shows_and_logs_nothing_of_a_customer(
    site: Site, anna: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    receipt = await site.house.intake.accept(an_arrival())

    said = str(receipt.case_id) * 3  # not a literal: the line that raises stands in the log

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError(said)

    with caplog.at_level(logging.ERROR), patch.object(Casework, "ways_to_answer", broken):
        page = await anna.get(f"/cases/{receipt.case_id}")
    assert page.status == 500
    assert said not in page.text
    assert said not in caplog.text
    incident = re.search(r"<code>(\w+)</code>", page.text)
    assert incident
    assert incident[1] in caplog.text


async def test_a_form_that_is_too_large_is_refused_in_words(site: Site, anna: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    await anna.post(f"/cases/{receipt.case_id}/take")
    big = aiohttp.FormData({"text": "here"})
    big.add_field("files", io.BytesIO(b"x" * (site.rooms.settings.upload_bytes + 10)), filename="big.bin")
    answer = await anna.post(f"/cases/{receipt.case_id}/note", big)
    assert (answer.status, answer.json()["error"]) == (413, "too_large")

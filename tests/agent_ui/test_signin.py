"""Signing in, staying signed in, and being signed out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from agent_ui.passwords import hash_password
from agent_ui.rooms import UiSettings
from crm.collections import AUDIT, EMPLOYEES, SESSIONS
from crm.store import Order, Replace
from tests.agent_ui.site import FETCH, SETTINGS, Answer, Browser, Site, open_site, sessions_of

PASSWORD = "correct horse battery"
HASHED = hash_password(PASSWORD)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as site:
        await change_employee(site, "anna", password_hash=HASHED)
        yield site


async def change_employee(site: Site, id: str, **fields: object) -> None:
    employee = await site.house.employee(id)
    changed = msgspec.structs.replace(employee, **fields)
    await site.house.store.commit([Replace(EMPLOYEES, changed)])


async def sign_in(browser: Browser, password: str, login: str = "anna", to: str = "") -> Answer:
    page = await browser.get("/login")
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token
    fields = {"login": login, "password": password, "token": token[1], "next": to}
    return await browser.send("POST", "/login", data=fields)


async def test_the_right_password_opens_the_inbox(site: Site) -> None:
    async with site.visitor() as browser:
        answer = await sign_in(browser, PASSWORD)
        assert (answer.status, answer.headers["Location"]) == (303, "/inbox")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert (await browser.get("/inbox")).status == 200


async def test_a_wrong_password_and_an_unknown_login_are_told_alike(site: Site) -> None:
    async with site.visitor() as browser:
        wrong = await sign_in(browser, "not it at all")
        unknown = await sign_in(browser, PASSWORD, login="nobody")
        assert wrong.status == unknown.status == 401
        assert wrong.words.replace("anna", "") == unknown.words.replace("nobody", "")


async def test_somebody_who_left_cannot_sign_in(site: Site) -> None:
    await change_employee(site, "anna", active=False)
    async with site.visitor() as browser:
        assert (await sign_in(browser, PASSWORD)).status == 401


async def test_the_store_holds_nothing_that_lets_anybody_in(site: Site) -> None:
    async with site.visitor() as browser:
        cookie = (await sign_in(browser, PASSWORD)).headers["Set-Cookie"]
        token = cookie.partition("=")[2].partition(";")[0]
        sessions = await site.house.store.find(SESSIONS)
        assert token not in str(sessions)
        browser.session.cookie_jar.clear()
        browser.session.cookie_jar.update_cookies({"onewindow": sessions[0].id})
        assert (await browser.get("/inbox")).status == 303


async def test_a_session_planted_before_signing_in_is_worth_nothing_afterwards(site: Site) -> None:
    async with site.visitor() as browser:
        page = await browser.get("/login")
        token = re.search(r'name="token" value="([^"]+)"', page.text)
        assert token
        planted = await browser.enter("pavel")
        fields = {"login": "anna", "password": PASSWORD, "token": token[1]}
        assert (await browser.send("POST", "/login", data=fields)).status == 303
        assert await sessions_of(site, "pavel") == 0
        browser.session.cookie_jar.clear()
        browser.session.cookie_jar.update_cookies({"onewindow": planted})
        assert (await browser.get("/inbox")).status == 303


async def test_guessing_becomes_slower_and_slower(site: Site) -> None:
    async with site.visitor() as browser:
        answers = [await sign_in(browser, "guess") for _ in range(4)]
        assert [answer.status for answer in answers] == [401, 401, 401, 429]
        assert int(answers[3].headers["Retry-After"]) >= 1
        # Not even the right one is looked at before the wait is over.
        assert (await sign_in(browser, PASSWORD)).status == 429


async def test_a_forged_session_gets_the_page_of_signing_in(site: Site) -> None:
    async with site.visitor() as browser:
        browser.session.cookie_jar.update_cookies({"onewindow": "forged" * 8})
        page = await browser.get("/cases/100001?list=queue")
        assert page.status == 303
        assert page.headers["Location"] == "/login?next=/cases/100001%3Flist%3Dqueue"
        script = await browser.get("/fragments/list", headers=FETCH)
        assert (script.status, script.json()) == (401, {"error": "sign_in"})


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/cases/100001?list=all", "/cases/100001?list=all"),
        ("//evil.example", "/inbox"),
        ("/\\evil.example", "/inbox"),
        ("https://evil.example", "/inbox"),
        ("/login", "/inbox"),
        ("/a\r\nSet-Cookie: x=y", "/inbox"),
    ],
)
async def test_after_signing_in_one_goes_to_a_page_of_ours(site: Site, wanted: str, given: str) -> None:
    async with site.visitor() as browser:
        assert (await sign_in(browser, PASSWORD, to=wanted)).headers["Location"] == given


async def test_a_form_of_another_site_signs_nobody_in(site: Site) -> None:
    fields = {"login": "anna", "password": PASSWORD, "token": "made up"}
    async with site.visitor() as browser:
        await browser.get("/login")
        assert (await browser.send("POST", "/login", data=fields)).status == 403
        elsewhere = {"Origin": "https://evil.example"}
        assert (await browser.send("POST", "/login", data=fields, headers=elsewhere)).status == 403


async def test_a_session_left_alone_ends(site: Site) -> None:
    async with site.signed_in("anna") as browser:
        site.house.clock.pass_by(minutes=SETTINGS.idle_minutes - 1)
        assert (await browser.get("/inbox")).status == 200
        site.house.clock.pass_by(minutes=SETTINGS.idle_minutes - 1)
        assert (await browser.get("/inbox")).status == 200
        site.house.clock.pass_by(minutes=SETTINGS.idle_minutes + 1)
        assert (await browser.get("/inbox")).status == 303


async def test_what_a_page_asks_by_itself_does_not_keep_the_session_alive(site: Site) -> None:
    async with site.signed_in("anna") as browser:
        statuses = []
        for _ in range(3):
            site.house.clock.pass_by(minutes=SETTINGS.idle_minutes / 2 - 1)
            answer = await browser.get("/fragments/counts", headers={**FETCH, "X-Idle": "1"})
            statuses.append(answer.status)
        assert statuses == [200, 200, 401]


async def test_a_session_ends_after_its_hours_however_busy(site: Site) -> None:
    async with site.signed_in("anna") as browser:
        for _ in range(SETTINGS.session_hours):
            assert (await browser.get("/inbox")).status == 200
            site.house.clock.pass_by(hours=1)
        assert (await browser.get("/inbox")).status == 303


async def test_signing_out_everywhere_ends_every_session(site: Site) -> None:
    async with site.signed_in("anna") as home, site.signed_in("anna") as work:
        await home.send("POST", "/logout", data={"csrf": home.csrf, "everywhere": "1"})
        assert (await work.get("/inbox")).status == 303
        assert await sessions_of(site, "anna") == 0


async def test_somebody_who_was_let_go_is_out_at_once(site: Site) -> None:
    async with site.signed_in("anna") as browser:
        await change_employee(site, "anna", active=False)
        assert (await browser.get("/inbox")).status == 303


async def test_a_new_password_needs_the_old_one_and_signs_out_elsewhere(site: Site) -> None:
    async with site.signed_in("anna") as here, site.signed_in("anna") as there:
        new = {"old": "not it", "password": "another good one", "again": "another good one"}
        refused = await here.post("/me/password", new)
        assert (refused.status, refused.json()["field"]) == (422, "old")
        short = await here.post("/me/password", {"old": PASSWORD, "password": "short", "again": "short"})
        assert (short.status, short.json()["field"]) == (422, "password")
        assert (await here.post("/me/password", {**new, "old": PASSWORD})).status == 204
        assert (await here.get("/inbox")).status == 200
        assert (await there.get("/inbox")).status == 303


async def test_coming_going_and_being_refused_stand_in_the_audit(site: Site) -> None:
    async with site.visitor() as browser:
        await sign_in(browser, "a wrong one")
        await sign_in(browser, PASSWORD, login="nobody at all")
        await sign_in(browser, PASSWORD)
        await site.rooms.audit.flush()
        found = await site.house.store.find(AUDIT, order=Order("at"))
        assert sorted((line.what, line.employee_id) for line in found) == [
            ("session.begin", "anna"),
            ("session.refused", "anna"),
        ]


async def test_over_tls_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    settings = UiSettings(secure_cookies=True, public_url="https://help.example.com")
    async with open_site(tmp_path, settings) as site:
        await change_employee(site, "anna", password_hash=HASHED)
        async with site.visitor() as browser:
            page = await browser.get("/login")
            form = page.headers["Set-Cookie"].partition(";")[0]
            token = form.partition("=")[2]
            answer = await browser.send(
                "POST",
                "/login",
                data={"login": "anna", "password": PASSWORD, "token": token},
                headers={"Cookie": form, "Origin": "https://help.example.com"},
            )
            cookie = answer.headers["Set-Cookie"]
            assert cookie.startswith("__Host-onewindow=")
            assert "Secure" in cookie
            assert "Path=/" in cookie
            assert answer.headers["Strict-Transport-Security"]

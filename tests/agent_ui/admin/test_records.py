"""Saved replies, tokens and the audit."""

from __future__ import annotations

import re
from datetime import timedelta

import aiohttp
import pytest

from crm.collections import AUDIT, SAVED_REPLIES, TOKENS
from crm.employee import ApiToken, AuditRecord
from crm.store import Insert
from router.tokens import find_token, list_tokens
from tests.agent_ui.site import FETCH, Browser, Site
from tests.router.house import an_arrival
from tests.router.records import MONDAY_NOON, a_customer, keep

REPLY = {"title": "Привет", "text": "Здравствуйте, {customer}!", "language": "ru", "department_id": ""}


async def test_a_saved_reply_is_offered_to_agents_until_it_is_removed(
    site: Site, anna: Browser, olga: Browser
) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    assert (await olga.post("/admin/replies", REPLY)).status == 204
    (reply,) = await site.house.store.find(SAVED_REPLIES)
    offered = f"/cases/{receipt.case_id}/replies"
    assert "Привет" in (await anna.get(offered, headers=FETCH)).words
    assert (await olga.post(f"/admin/replies/{reply.id}", {"act": "remove"})).status == 204
    assert "Привет" not in (await anna.get(offered, headers=FETCH)).words
    assert "Готовых ответов пока нет" in (await olga.get("/admin/replies")).words


async def test_a_saved_reply_is_changed_unless_somebody_was_faster(site: Site, olga: Browser) -> None:
    await olga.post("/admin/replies", REPLY)
    (reply,) = await site.house.store.find(SAVED_REPLIES)
    changed = {**REPLY, "text": "Добрый день!", "version": "1"}
    assert (await olga.post(f"/admin/replies/{reply.id}", changed)).status == 204
    assert (await olga.post(f"/admin/replies/{reply.id}", changed)).status == 409
    refused = await olga.post("/admin/replies", {**REPLY, "text": " "})
    assert (refused.status, refused.json()["field"]) == (422, "text")
    assert (await olga.get("/admin/replies/nothing")).status == 404


async def test_a_token_is_shown_once_and_opens_the_api_until_it_is_revoked(
    site: Site, irina: Browser
) -> None:
    made = await irina.post("/admin/tokens", {"name": "Биллинг"})
    token = re.search(r'id="made-token">([^<]+)<', made.text)
    assert token
    assert token[1] not in (await irina.get("/admin/tokens")).text
    (record,) = await list_tokens(site.house.store)
    assert (record.name, record.writes) == ("Биллинг", False)
    headers = {"Authorization": f"Bearer {token[1]}"}
    async with aiohttp.ClientSession(site.url, headers=headers) as system:
        assert (await system.get("/api/v1/cases")).status == 200
        assert (await irina.post("/admin/tokens/revoke", {"id": record.id})).status == 204
        assert (await system.get("/api/v1/cases")).status == 401
    assert await find_token(site.house.store, token[1]) is None
    page = await irina.get("/admin/tokens")
    assert "отозван" in page.words


async def test_a_token_without_a_name_is_refused(irina: Browser) -> None:
    refused = await irina.post("/admin/tokens", {"name": " "})
    assert (refused.status, refused.json()["field"]) == (422, "name")


async def test_the_audit_tells_who_opened_what_of_whom(site: Site, anna: Browser, irina: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    await anna.get(f"/cases/{receipt.case_id}")
    page = (await irina.get("/admin/audit")).words
    assert "Anna" in page
    assert "открытие обращения" in page
    assert f"№ {receipt.case_id}" in page
    assert "чтение журнала действий" in page, "reading the audit stands in it too"


@pytest.fixture
async def history(site: Site) -> None:
    """Three days of deeds: anna's with ivan, boris's with maria, a system's with ivan."""
    token = ApiToken(id="t1", name="Биллинг", created_at=MONDAY_NOON)
    await keep(site.house.store, a_customer("ivan"), a_customer("maria", name="Мария Кузнецова"))
    await site.house.store.commit([Insert(TOKENS, token)])
    lines = [
        ("a1", 2, "anna", "", "ivan"),
        ("a2", 1, "boris", "", "maria"),
        ("a3", 0, "", "t1", "ivan"),
    ]
    await site.house.store.commit(
        [
            Insert(
                AUDIT,
                AuditRecord(
                    id=id_,
                    at=MONDAY_NOON - timedelta(days=ago),
                    employee_id=employee,
                    token_id=token_id,
                    what="customer.read",
                    object_kind="customer",
                    object_id=customer,
                    customer_id=customer,
                    from_ip=f"10.0.0.{ago}",
                ),
            )
            for id_, ago, employee, token_id, customer in lines
        ]
    )


async def shown(browser: Browser, query: str) -> set[str]:
    return set(re.findall(r"10\.0\.0\.\d", (await browser.get(f"/admin/audit?{query}")).text))


async def test_the_audit_is_filtered_by_employee_customer_and_day(
    site: Site, history: None, irina: Browser
) -> None:
    assert await shown(irina, "") == {"10.0.0.0", "10.0.0.1", "10.0.0.2"}
    assert await shown(irina, "employee=boris") == {"10.0.0.1"}
    assert await shown(irina, "customer=ivan") == {"10.0.0.0", "10.0.0.2"}
    assert await shown(irina, "customer=Мария") == {"10.0.0.1"}
    assert await shown(irina, "customer=ivan&employee=anna") == {"10.0.0.2"}
    assert await shown(irina, "customer=nobody-at-all") == set()
    assert await shown(irina, "since=2026-03-01&until=2026-03-01") == {"10.0.0.1"}
    assert await shown(irina, "object=maria") == {"10.0.0.1"}


async def test_a_system_is_called_by_its_name(site: Site, history: None, irina: Browser) -> None:
    assert "Система «Биллинг»" in (await irina.get("/admin/audit")).words


async def test_the_audit_goes_on_page_by_page(site: Site, irina: Browser) -> None:
    for _ in range(250):
        await site.rooms.audit.record("case.read", object_kind="case", object_id="100001")
    path, seen = "/admin/audit?object=100001", []
    while path:
        page = (await irina.get(path)).text
        seen.append(page.count("№ 100001"))
        more = re.search(r'class="pager"><a class="button" href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == [100, 100, 50]


@pytest.mark.parametrize(
    "query", ["since=yesterday", "after=nonsense", "after=2026-01-01|x", "until=9999-12-31"]
)
async def test_a_filter_nobody_understands_is_told_so(query: str, irina: Browser) -> None:
    assert (await irina.get(f"/admin/audit?{query}")).status == 422

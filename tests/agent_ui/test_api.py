"""Other systems read and write what belongs to them, and are told plainly what was wrong."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from yarl import URL

from crm.collections import TOKENS
from crm.employee import ApiToken
from crm.record import now
from crm.store import Insert
from tests.agent_ui.site import Site

TOKEN, READER, REVOKED = "ow_writes", "ow_reads", "ow_gone"
A_CALL = {
    "channel": "phone",
    "key": "call-1",
    "sender": {"kind": "phone", "value": "8 (900) 555-12-34", "name": "Пётр"},
    "text": "Просит перезвонить",
}


class System:
    """Another system with its token."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, path: str, **params: str) -> tuple[int, Any]:
        async with self.session.get(f"/api/v1{path}", params=params) as response:
            return response.status, await response.json(content_type=None)

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self.session.post(f"/api/v1{path}", json=body) as response:
            return response.status, await response.json(content_type=None)


@pytest.fixture
async def tokens(site: Site) -> None:
    def record(token: str, **changes: Any) -> ApiToken:
        return ApiToken(id=sha256(token.encode()).hexdigest(), name=token, created_at=now(), **changes)

    records = (record(TOKEN), record(READER, writes=False), record(REVOKED, revoked_at=now()))
    await site.rooms.store.commit([Insert(TOKENS, one) for one in records])


@pytest.fixture
async def system(site: Site, tokens: None) -> AsyncIterator[System]:
    async with aiohttp.ClientSession(site.url, headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        yield System(session)


async def test_a_posted_contact_is_one_contact_however_often_it_is_posted(system: System) -> None:
    status, first = await system.post("/contacts", A_CALL)
    again, second = await system.post("/contacts", A_CALL)
    assert (status, again) == (201, 200)
    assert first == second
    assert first["sender"] == A_CALL["sender"]
    assert first["case_id"]
    assert first["customer_id"]
    assert first["automatic"] is False
    _, listed = await system.get("/contacts", channel="phone", key="call-1")
    assert listed == {"items": [first], "next": None}


async def test_a_used_key_with_other_words_loses_no_words(system: System) -> None:
    _, first = await system.post("/contacts", A_CALL)
    status, second = await system.post("/contacts", {**A_CALL, "text": "И ещё: сменился адрес"})
    assert status == 201
    assert second["id"] != first["id"]
    _, listed = await system.get("/contacts", channel="phone", key="call-1")
    assert [item["text"] for item in listed["items"]] == [first["text"], second["text"]]


async def test_a_contact_has_its_case_with_the_reason_why(system: System) -> None:
    _, contact = await system.post("/contacts", A_CALL)
    status, case = await system.get(f"/cases/{contact['case_id']}")
    assert status == 200
    assert case["department"]
    assert case["assignee"] is None
    assert case["state"] == "queued"
    assert case["priority"] in (1, 2, 3, 4)
    assert case["trace"]
    assert case["trace"][0].keys() == {"code", "rule", "matched", "details"}


async def test_files_come_back_byte_for_byte_and_never_to_be_run(system: System) -> None:
    page = b"<script>alert(1)</script>"
    file = {"name": "договор.html", "mime": "text/html", "content": b64encode(page).decode()}
    _, contact = await system.post("/contacts", {**A_CALL, "attachments": [file]})
    (told,) = contact["attachments"]
    assert (told["name"], told["mime"], told["size"]) == ("договор.html", "text/html", len(page))
    async with system.session.get(told["url"]) as response:
        assert await response.read() == page
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_pages_of_contacts_miss_none_and_repeat_none(system: System) -> None:
    for number in range(7):
        await system.post("/contacts", {**A_CALL, "key": f"call-{number}"})
    for order in ("newest", "oldest"):
        seen: list[str] = []
        after = ""
        while True:
            _, page = await system.get(
                "/contacts", limit="3", order=order, **({"after": after} if after else {})
            )
            seen += [item["key"] for item in page["items"]]
            after = page["next"] or ""
            if not after:
                break
        assert sorted(seen) == [f"call-{number}" for number in range(7)]


async def test_an_answer_is_stored_once_and_the_case_stays_where_it_is(system: System) -> None:
    letter = {**A_CALL, "channel": "email", "key": "m1", "sender": {"kind": "email", "value": "a@b.example"}}
    _, contact = await system.post("/contacts", letter)
    body = {"text": "Здравствуйте!", "key": "answer-1"}
    status, answer = await system.post(f"/cases/{contact['case_id']}/answers", body)
    _, second = await system.post(f"/cases/{contact['case_id']}/answers", body)
    assert status == 201
    assert answer["id"] == second["id"]
    assert answer["direction"] == "outbound"
    assert answer["recipients"][0]["value"] == "a@b.example"
    _, case = await system.get(f"/cases/{contact['case_id']}")
    assert (case["state"], case["contacts"], case["waiting_since"]) == ("queued", 2, None)
    _, timeline = await system.get(f"/cases/{contact['case_id']}/timeline")
    assert [item["kind"] for item in timeline["items"]].count("contact") == 2


async def test_a_customer_is_found_by_a_number_in_any_spelling(system: System) -> None:
    _, contact = await system.post("/contacts", A_CALL)
    for spelling in ("+7 900 555 12 34", "89005551234", "555-12-34"):
        _, found = await system.get("/customers", q=spelling)
        assert [item["id"] for item in found["items"]] == [contact["customer_id"]], spelling
    status, card = await system.get(f"/customers/{contact['customer_id']}")
    assert status == 200
    assert card["totals"] == {"cases": 1, "open_cases": 1, "contacts": 1}
    assert card["addresses"] == [{"kind": "phone", "value": "+79005551234", "name": "Пётр"}]


async def test_live_numbers_and_doors_are_told(system: System) -> None:
    await system.post("/contacts", A_CALL)
    status, board = await system.get("/metrics")
    assert status == 200
    assert sum(line["waiting"] for line in board["departments"]) == 1
    assert (await system.get("/doors"))[0] == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {REVOKED}"]
)
async def test_a_wrong_token_gets_in_nowhere(site: Site, tokens: None, authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    async with aiohttp.ClientSession(site.url, headers=headers) as session:
        for path in ("/contacts", "/cases", "/customers", "/metrics", "/doors"):
            async with session.get(f"/api/v1{path}") as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_that_may_only_read_posts_nothing(site: Site, tokens: None) -> None:
    async with aiohttp.ClientSession(site.url, headers={"Authorization": f"Bearer {READER}"}) as session:
        reader = System(session)
        assert (await reader.get("/contacts"))[0] == 200
        status, problem = await reader.post("/contacts", A_CALL)
        assert (status, problem["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/contacts", {**A_CALL, "sender": {"kind": "owl", "value": "x"}}, "sender.kind"),
        ("/contacts", {**A_CALL, "channel": "Кириллица"}, "channel"),
        ("/contacts", {**A_CALL, "text": "", "subject": ""}, "text"),
        ("/contacts", {**A_CALL, "customer_id": "nobody"}, "customer_id"),
        ("/contacts", {**A_CALL, "case_id": "0"}, "case_id"),
        ("/contacts", {**A_CALL, "sent_at": "2026-01-01T00:00:00"}, "sent_at"),
        ("/contacts", {"text": "x"}, "sender"),
        ("/contacts", [], "body"),
        ("/contacts", {**A_CALL, "unknown": 1}, "unknown"),
    ],
)
async def test_a_wrong_body_is_named(system: System, path: str, body: Any, field: str) -> None:
    status, problem = await system.post(path, body)
    assert status == 422
    assert problem["field"] == field
    assert problem["detail"]
    assert (await system.get("/contacts"))[1]["items"] == []


async def test_what_is_no_json_and_what_is_not_there_are_told_apart(system: System) -> None:
    async with system.session.post("/api/v1/contacts", data=b"\xff{") as response:
        assert response.status == 400
        assert response.content_type == "application/problem+json"
    for path in ("/contacts/none", "/cases/none", "/customers/none", "/cases/none/timeline", "/nowhere"):
        status, problem = await system.get(path)
        assert (status, problem["status"]) == (404, 404), path


async def test_the_description_is_openapi_and_knows_every_operation(site: Site) -> None:
    async with aiohttp.ClientSession(site.url) as session, session.get("/api/v1/openapi.json") as response:
        document = await response.json()
    assert document["openapi"].startswith("3.1")
    validate(document)
    assert "/contacts/{id}/attachments/{number}" in document["paths"]


@given(
    params=st.dictionaries(
        st.sampled_from(
            ["after", "limit", "order", "channel", "key", "customer_id", "state", "q", "direction"]
        ),
        st.text(max_size=30),
    ),
    id=st.text(min_size=1, max_size=30),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
async def test_no_question_breaks_the_api(
    site: Site, system: System, params: dict[str, str], id: str
) -> None:
    safe = quote(id, safe="")
    paths = ["/contacts", "/cases", "/customers", f"/contacts/{safe}", f"/cases/{safe}", f"/customers/{safe}"]
    for path in paths:
        url = URL(f"{site.url}/api/v1{path}", encoded=True).update_query(params)
        async with system.session.get(url) as response:
            assert response.status < 500, (path, params)

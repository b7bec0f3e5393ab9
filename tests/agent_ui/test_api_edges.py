"""The corners of the API: odd ids in paths, keys used twice, pages, limits, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from agent_ui.api import calls
from crm.collections import AUDIT
from crm.contact import blob_id
from router.tokens import add_token
from tests.agent_ui.site import Site
from tests.router.house import an_arrival

RAW = b"From: ivan@example.com\r\n\r\n\xd0\x9f\xff"
KEY = "a/b?c%2F#+ d@example.com"


class System:
    """Another system: paths go out as they are written."""

    def __init__(self, session: aiohttp.ClientSession, site: Site) -> None:
        self.session = session
        self.site = site

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        url = URL(f"{self.site.url}/api/v1{path}", encoded=True)
        async with self.session.request(method, url, **options) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        return await self.ask("POST", path, json=body)


@pytest.fixture
async def system(site: Site) -> AsyncIterator[System]:
    made = await add_token(site.house.store, name="billing", writes=True, clock=site.house.clock)
    headers = {"Authorization": f"Bearer {made.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield System(session, site)


async def test_an_id_full_of_odd_signs_works_in_a_path(site: Site, system: System) -> None:
    blobs = {blob_id(RAW): RAW}
    receipt = await site.house.intake.accept(an_arrival(KEY, raw=blob_id(RAW), blobs=blobs))
    path = f"/contacts/{quote(receipt.contact_id, safe='')}"
    status, contact = await system.get(path)
    assert (status, contact["key"]) == (200, KEY)
    assert contact["raw_url"] == f"/api/v1{path}/raw"
    async with system.session.get(URL(f"{site.url}{contact['raw_url']}", encoded=True)) as raw:
        assert (raw.status, await raw.read()) == (200, RAW)


@pytest.mark.parametrize("spelled", ["m1@example.com", "<m1@example.com>", " <m1@example.com> "])
async def test_mail_is_found_by_its_message_id(spelled: str, site: Site, system: System) -> None:
    await site.house.intake.accept(an_arrival("m1@example.com"))
    _, found = await system.get(f"/contacts?channel=email&key={quote(spelled, safe='')}")
    assert [item["key"] for item in found["items"]] == ["m1@example.com"]


async def test_a_key_used_for_two_letters_gives_both(site: Site, system: System) -> None:
    for words in ("one", "two"):
        await site.house.intake.accept(
            an_arrival("m1@example.com", words, fingerprint=sha256(words.encode()).hexdigest())
        )
    await site.house.intake.accept(an_arrival("m1@example.com.ru", "another"))
    _, found = await system.get("/contacts?channel=email&key=m1%40example.com")
    assert [item["text"] for item in found["items"]] == ["one", "two"]


async def test_a_key_nobody_has_finds_nothing(system: System) -> None:
    assert await system.get("/contacts?channel=email&key=nobody") == (200, {"items": [], "next": None})
    status, problem = await system.get("/contacts?key=m1")
    assert (status, problem["field"]) == (422, "channel")


async def test_contacts_are_told_by_direction_page_by_page(site: Site, system: System) -> None:
    receipt = await site.house.intake.accept(an_arrival("in1"))
    for number in range(3):
        await system.post(f"/cases/{receipt.case_id}/answers", {"text": f"answer {number}"})
    path, texts = "/contacts?direction=outbound&limit=2", []
    while path:
        _, page = await system.get(path)
        texts += [item["text"] for item in page["items"]]
        path = f"/contacts?direction=outbound&limit=2&after={page['next']}" if page["next"] else ""
    assert sorted(texts) == ["answer 0", "answer 1", "answer 2"]
    status, problem = await system.get("/contacts?direction=sideways")
    assert (status, problem["field"]) == (422, "direction")


async def test_a_timeline_goes_on_with_its_next_as_it_stands(site: Site, system: System) -> None:
    """The cursor is put into the address unescaped: it must need none."""
    receipt = await site.house.intake.accept(an_arrival("m0"))
    for number in (1, 2, 3):
        site.house.clock.pass_by(minutes=1)
        await site.house.intake.accept(an_arrival(f"m{number}", received_at=site.house.clock()))
    seen, after = [], ""
    while True:
        _, page = await system.get(f"/customers/{receipt.customer_id}/timeline?limit=3&after={after}")
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen))
    assert [id_ for id_ in seen if id_.startswith("email:")] == [f"email:m{n}" for n in (3, 2, 1, 0)]


@pytest.mark.parametrize("after", ["nonsense", "2026-03-02T12:00:00+00:00|x", "eA", "%00"])
async def test_a_place_that_no_answer_gave_is_refused(after: str, site: Site, system: System) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    for path in ("/contacts", "/cases", f"/cases/{receipt.case_id}/timeline"):
        status, problem = await system.get(f"{path}?after={after}")
        assert (status, problem["field"]) in ((422, "after"), (422, "before")), path


async def test_who_knows_the_customer_says_so_and_which_case_it_is(site: Site, system: System) -> None:
    known = await site.house.intake.accept(an_arrival())
    sender = {"kind": "api", "value": "meter-7"}
    body = {"key": "r1", "sender": sender, "text": "reading", "customer_id": known.customer_id}
    _, contact = await system.post("/contacts", body)
    assert contact["customer_id"] == known.customer_id
    _, joined = await system.post("/contacts", {**body, "key": "r2", "case_id": known.case_id})
    assert joined["case_id"] == known.case_id


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "x", "channel": "telepathy"}, "channel"),
        ({"text": "x", "key": "not a key"}, "key"),
        ({"text": 5}, "text"),
    ],
)
async def test_an_answer_that_cannot_leave_names_its_field(
    body: dict[str, Any], field: str, site: Site, system: System
) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    status, problem = await system.post(f"/cases/{receipt.case_id}/answers", body)
    assert (status, problem["field"]) == (422, field)
    assert [contact.direction for contact in await site.house.contacts()] == ["inbound"]


async def test_a_closed_case_is_not_answered(site: Site, system: System) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    anna = await site.house.employee("anna")
    await site.house.casework.decide(receipt.case_id, anna, code="solved")
    status, problem = await system.post(f"/cases/{receipt.case_id}/answers", {"text": "too late"})
    assert (status, problem["field"]) == (422, "case_id")
    assert (await system.post("/cases/404404/answers", {"text": "x"}))[0] == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=queued", 2),
        ("state=open", 2),
        ("state=closed", 1),
        ("department=technical", 1),
        ("department=technical&state=closed", 0),
        ("assignee=anna", 1),
        ("assignee=nobody", 0),
    ],
)
async def test_cases_are_told_by_what_they_are(query: str, expected: int, site: Site, system: System) -> None:
    await site.house.intake.accept(an_arrival("m1", "ничего не работает"))
    await site.house.intake.accept(an_arrival("m2", sender="petr@example.com"))
    done = await site.house.intake.accept(an_arrival("m3", sender="olga@example.com"))
    await site.house.casework.decide(done.case_id, await site.house.employee("anna"), code="solved")
    _, found = await system.get(f"/cases?{query}")
    assert len(found["items"]) == expected


async def test_a_body_beyond_measure_is_refused_as_too_large(site: Site, system: System) -> None:
    huge = b"x" * (site.rooms.settings.upload_bytes * 4 // 3 + 2 * 1024 * 1024)
    status, problem = await system.ask("POST", "/contacts", data=BytesIO(huge))
    assert (status, problem["status"], problem["title"]) == (413, 413, "Request Entity Too Large")


async def test_a_system_in_too_much_haste_is_told_to_wait(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CALLS_A_MINUTE", 3)
    statuses = [(await system.get("/cases"))[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


async def test_what_a_system_reads_and_writes_stands_in_the_audit(site: Site, system: System) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    await system.get(f"/cases/{receipt.case_id}")
    await system.post(f"/cases/{receipt.case_id}/answers", {"text": "hello"})
    await site.rooms.audit.flush()
    lines = await site.house.store.find(AUDIT)
    assert [(line.what, line.object_id, line.customer_id) for line in lines] == [
        ("api.case.read", receipt.case_id, receipt.customer_id),
        ("api.case.answered", receipt.case_id, receipt.customer_id),
    ]
    assert all(line.token_id and not line.employee_id for line in lines)


async def test_whoever_watches_the_process_needs_no_token_and_learns_no_more(site: Site) -> None:
    async with aiohttp.ClientSession(site.url) as anybody:
        for path in ("/health", "/ready"):
            async with anybody.get(path) as response:
                assert (response.status, await response.json()) == (200, {"status": "ok"})

"""Live pages: every event that concerns a page reaches it once, also after the line was cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
import pytest

from agent_ui.sight import hears
from router.live import Event
from storage import live as memory
from tests.agent_ui.site import Browser, Site
from tests.polling import until
from tests.router.house import ANNA, BORIS, OLGA, an_arrival
from tests.router.records import MONDAY_NOON

PATIENCE = 10.0


class Heard(NamedTuple):
    kind: str
    seq: str
    data: dict[str, object]


class Stream:
    """Reads server-sent events as a browser does."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, kind: str = "happened") -> Heard:
        """The next message of that kind; others in between are passed over."""
        async with asyncio.timeout(PATIENCE):
            while (heard := await self.message()).kind != kind:
                pass
            return heard

    async def message(self) -> Heard:
        fields: dict[str, str] = {}
        while line := (await self.response.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        return Heard(fields["event"], fields.get("id", ""), json.loads(fields["data"]))


@asynccontextmanager
async def listening(
    browser: Browser, *, after: str = "", watch: str = "", **headers: str
) -> AsyncIterator[Stream]:
    query = {"page": "p1", "after": after, "watch": watch}
    async with browser.session.get("/events", params=query, headers=headers) as response:
        assert response.status == 200
        stream = Stream(response)
        await stream.next("beat")  # from here on it listens
        yield stream


async def until_present(site: Site, id: str, *, present: bool = True) -> None:
    """Wait for the employee to come or go."""

    async def look() -> bool:
        site.house.ticks.pass_by(seconds=0.1)  # leases run by a clock of the test
        return id in await site.house.live.present()

    await until(look, present)


async def test_a_letter_reaches_an_open_page(site: Site, anna: Browser) -> None:
    async with listening(anna) as stream:
        receipt = await site.house.intake.accept(an_arrival())
        while (heard := await stream.next()).data["kind"] != "contact":
            pass
        assert heard.data["contact_id"] == receipt.contact_id
        assert heard.data["case_id"] == receipt.case_id
        assert heard.seq == heard.data["seq"]


async def test_no_words_and_no_addresses_travel_with_events(site: Site, anna: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival(text="очень личное", subject="секрет"))
    async with listening(anna) as stream:
        await anna.post(f"/cases/{receipt.case_id}/take")
        page = (await anna.get(f"/cases/{receipt.case_id}/ways")).text
        way = page.partition('value="')[2].partition('"')[0]
        await anna.post(f"/cases/{receipt.case_id}/answer", {"text": "ответ", "way": way})
        everything = ""
        while '"outbound"' not in everything:
            everything += json.dumps((await stream.next()).data, ensure_ascii=False)
        for word in ("личное", "секрет", "ответ", "ivan@example.com"):
            assert word not in everything


async def test_a_page_that_was_cut_off_catches_up_without_missing_or_repeating(
    site: Site, anna: Browser
) -> None:
    seen: list[str] = []
    async with listening(anna) as stream:
        await site.house.intake.accept(an_arrival("1"))
        while len(seen) < 2:
            heard = await stream.next()
            if heard.data["kind"] in ("contact", "case"):
                seen.append(heard.seq)
    last = seen[-1]
    for number in range(2, 12):
        await site.house.intake.accept(an_arrival(str(number), sender=f"s{number}@example.com"))
    wanted = [
        event.seq
        for event in site.house.live._events  # type: ignore[attr-defined]  # the ring of the real live state
        if event.kind in ("contact", "case") and event.department_id == "front-desk"
    ]
    headers = {"Last-Event-ID": last}
    async with anna.session.get("/events", params={"page": "p1"}, headers=headers) as response:
        stream = Stream(response)
        while seen[-1] != wanted[-1]:
            async with asyncio.timeout(PATIENCE):
                heard = await stream.message()
            if heard.kind == "happened" and heard.data["kind"] in ("contact", "case"):
                seen.append(heard.seq)
    assert seen == wanted


async def test_a_page_hears_what_happened_while_it_was_made(site: Site, anna: Browser) -> None:
    page = (await anna.get("/inbox")).text
    seq = page.partition('data-seq="')[2].partition('"')[0]
    receipt = await site.house.intake.accept(an_arrival())
    async with anna.session.get("/events", params={"page": "p1", "after": seq}) as response:
        stream = Stream(response)
        async with asyncio.timeout(PATIENCE):
            while (await stream.message()).data.get("contact_id") != receipt.contact_id:
                pass


async def test_a_page_that_is_too_far_behind_is_told_to_read_everything_anew(
    site: Site, anna: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(anna) as stream:
        await site.house.intake.accept(an_arrival("1"))
        last = (await stream.next()).seq
    monkeypatch.setattr(memory, "KEPT_EVENTS", 10)
    for number in range(2, 20):
        await site.house.intake.accept(an_arrival(str(number), sender=f"s{number}@example.com"))
    async with anna.session.get("/events", params={"after": last}) as response:
        async with asyncio.timeout(PATIENCE):
            while (heard := await Stream(response).message()).kind == "beat":
                pass
        assert heard.kind == "reset"
        assert heard.seq


async def test_after_a_restart_a_page_reads_everything_anew(site: Site, anna: Browser) -> None:
    async with anna.session.get("/events", params={"after": "0badcafe-17"}) as response:
        async with asyncio.timeout(PATIENCE):
            while (heard := await Stream(response).message()).kind == "beat":
                pass
        assert heard.kind == "reset"


async def test_whoever_has_a_page_open_is_present_and_leaves_with_it(
    site: Site, anna: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_ui.events.LOOK", 0.05)
    async with listening(anna):
        assert (await site.house.live.present())["anna"].status == "ready"
        await anna.post("/me/status", {"status": "away"})
        assert (await site.house.live.present())["anna"].status == "away"
        async with listening(anna):  # another window does not make him ready again
            assert (await site.house.live.present())["anna"].status == "away"
    await until_present(site, "anna", present=False)


async def test_signing_out_ends_the_stream(
    site: Site, anna: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_ui.events.BEAT", 0.05)
    monkeypatch.setattr("agent_ui.events.LOOK", 0.02)
    async with listening(anna) as stream:
        await anna.send("POST", "/logout", data={"csrf": anna.csrf})
        await stream.next("signed-out")
        async with asyncio.timeout(PATIENCE):
            assert await stream.response.content.read() == b""


async def test_a_browser_that_takes_no_bytes_is_let_go(
    site: Site, anna: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_ui.events.WRITE_LIMIT", 0.2)
    monkeypatch.setattr("agent_ui.events.LOOK", 0.05)
    async with anna.session.get("/events", params={"page": "p1"}):  # and never reads
        big = {"why": "x" * 60_000}
        event = Event(kind="case", at=MONDAY_NOON, department_id="front-desk", data=big)
        await until_present(site, "anna")
        for _ in range(500):
            await site.house.live.publish([event])
        await until_present(site, "anna", present=False)


def an_event(kind: str = "case", **fields: object) -> Event:
    return Event(kind=kind, at=MONDAY_NOON, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "watched", "heard_by"),
    [
        (an_event(department_id="front-desk"), (), {"anna", "olga"}),
        (an_event(department_id="technical"), (), {"boris", "olga"}),
        (an_event(department_id="technical", data={"assignee_id": "anna"}), (), {"anna", "boris", "olga"}),
        (an_event(department_id="technical", case_id="1"), ("1",), {"anna", "boris", "olga"}),
        (an_event("delivery", case_id="1"), ("1",), {"anna", "boris", "olga"}),
        (an_event("customer", customer_id="c"), ("c",), {"anna", "boris", "olga"}),
        (an_event("customer", customer_id="c"), (), {"olga"}),
        (an_event("presence", employee_id="vera"), (), {"anna", "boris", "olga"}),
        (an_event("viewing", case_id="1", employee_id="vera"), (), set()),
        (an_event("viewing", case_id="1", employee_id="vera"), ("1",), {"anna", "boris", "olga"}),
        (an_event("dead_letter"), (), {"olga"}),
        (an_event("channel", channel="email"), (), {"anna", "boris", "olga"}),
    ],
)
def test_a_page_hears_what_its_employee_may_see(
    event: Event, watched: tuple[str, ...], heard_by: set[str]
) -> None:
    assert {one.id for one in (ANNA, BORIS, OLGA) if hears(one, watched, event)} == heard_by

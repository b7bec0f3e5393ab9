"""Who calls: the card is on the page of whoever's telephone rings, and on nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from crm.contact import Address, Attachment, blob_id
from router.live import Event
from tests.agent_ui.site import Browser, Site
from tests.agent_ui.test_browser import Desk, browser, desk_of
from tests.agent_ui.test_browser import site as live_site
from tests.router.house import an_arrival

__all__ = ["browser", "live_site"]

CALL = "phone:pbx/1795426200.1"


async def ring(
    site: Site, state: str = "ringing", *, number: str = "8 (916) 123-45-67", to: str = "anna"
) -> None:
    data = {"state": state, "phone": "101", "from": number, "name": "", "way": "inbound"}
    event = Event(
        kind="ringing",
        at=site.house.clock(),
        employee_id=to,
        contact_id=CALL,
        channel="phone",
        data=data,
    )
    await site.house.live.publish([event])
    await asyncio.sleep(0)


async def a_known_caller(site: Site) -> None:
    sender = Address(kind="phone", value="+79161234567", name="Иван Петров")
    await site.house.intake.accept(an_arrival("c1", "Не работает телефон", channel="phone", sender=sender))


async def test_a_known_number_shows_the_customer_with_his_cases_before_the_call_is_taken(
    site: Site, anna: Browser
) -> None:
    await a_known_caller(site)
    await ring(site)
    words = (await anna.get("/fragments/ringing")).words
    assert "Иван Петров" in words
    assert "Не работает телефон" in words
    assert "+7 916 123-45-67" in words or "8 (916) 123-45-67" in words


async def test_an_unknown_number_is_shown_as_unknown_and_a_hidden_one_as_hidden(
    site: Site, anna: Browser
) -> None:
    await ring(site, number="+79990000000")
    assert "Неизвестный номер" in (await anna.get("/fragments/ringing")).words
    await ring(site, number="")
    assert "Номер скрыт" in (await anna.get("/fragments/ringing")).words


async def test_the_card_goes_with_the_call_and_is_nobody_elses(
    site: Site, anna: Browser, olga: Browser
) -> None:
    await ring(site)
    assert "data-ring" not in (await olga.get("/fragments/ringing")).text
    await ring(site, "gone")
    assert "data-ring" not in (await anna.get("/fragments/ringing")).text


async def test_no_page_is_sent_the_number_itself(site: Site, olga: Browser) -> None:
    async with olga.session.get("/events?after=") as events:
        await asyncio.sleep(0.1)
        await ring(site, number="+79161234567")
        heard = b""
        while b'"kind":"ringing"' not in heard:
            heard += await events.content.read(4096)
    assert b"79161234567" not in heard


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["wide", "narrow"])
async def test_the_card_comes_and_goes_by_itself(
    live_site: Site, browser: object, size: tuple[int, int]
) -> None:
    await a_known_caller(live_site)
    async with desk_of(browser, live_site, size=size) as desk:  # type: ignore[arg-type]
        await _comes_and_goes(live_site, desk)


async def _comes_and_goes(site: Site, desk: Desk) -> None:
    await desk.go("/inbox")
    await ring(site)
    card = desk.page.locator("[data-ring]")
    await card.wait_for()
    assert "Иван Петров" in await card.inner_text()
    box = await card.bounding_box()
    assert box is not None
    width = (desk.page.viewport_size or {"width": 0})["width"]
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    await ring(site, "gone")
    await card.wait_for(state="detached")


async def test_a_call_shows_how_it_went_and_its_recording_plays_in_parts(site: Site, anna: Browser) -> None:
    sound = b"RIFF\x10\0\0\0WAVEdata" + bytes(100)
    file = Attachment(name="call.wav", mime="audio/wav", size=len(sound), blob=blob_id(sound))
    fields = {"outcome": "answered", "waited": "45", "queue": "support", "took": "101, 102", "line": "600"}
    receipt = await site.house.intake.accept(
        an_arrival(
            "c9",
            "",
            channel="phone",
            sender=Address(kind="phone", value="+79161234567"),
            employee_id="anna",
            fields=fields,
            attachments=(file,),
            blobs={file.blob: sound},
        )
    )
    page = await anna.get(f"/cases/{receipt.case_id}")
    for words in ("Отвечен", "ждал 0:45", "очередь support", "ответил 101, 102", "на номер 600"):
        assert words in page.words
    assert "<audio controls" in page.text
    assert "media-src 'self'" in page.headers["Content-Security-Policy"]
    path = "/contacts/file?id=phone:c9&n=0&inline=1"
    whole = await anna.get(path)
    assert (whole.status, whole.headers["Content-Type"], whole.body) == (200, "audio/wav", sound)
    part = await anna.get(path, headers={"Range": "bytes=8-11"})
    assert (part.status, part.body) == (206, b"WAVE")
    assert part.headers["Content-Range"] == f"bytes 8-11/{len(sound)}"
    assert (await anna.get(path, headers={"Range": "bytes=900-"})).status == 416
    assert (await anna.get(path, headers={"Range": "lines=1"})).body == sound

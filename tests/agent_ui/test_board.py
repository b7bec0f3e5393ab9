"""The board says what is, opens what stands behind each number, and routes again what could not be routed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from crm.collections import AUDIT, DEAD_LETTERS
from crm.contact import Contact
from crm.dead_letter import DeadLetter
from crm.store import Insert
from router.dead_letters import count_dead_letters
from tests.agent_ui.site import FETCH, Browser, Site
from tests.router.house import a_message, an_arrival
from tests.router.records import MONDAY_NOON, a_contact


async def bury(site: Site, *keys: str) -> list[Contact]:
    contacts = [a_contact(key, customer_id="", case_id="") for key in keys]
    letters = [
        DeadLetter(id=one.id, at=MONDAY_NOON, channel="email", contact=one, reason="KeyError at walk.py:1")
        for one in contacts
    ]
    await site.house.store.commit([Insert(DEAD_LETTERS, letter) for letter in letters])
    return contacts


async def numbers(browser: Browser) -> str:
    answer = await browser.get("/board/numbers?anew=1", headers=FETCH)
    assert answer.status == 200
    return answer.text


def tile(html: str, name: str) -> str:
    found = re.search(rf'id="tile-{name}".*?tile-number[^>]*>([^<]*)<', html, re.DOTALL)
    assert found
    return found[1].strip()


@pytest.mark.parametrize("path", ["/board", "/board/numbers", "/board/cases?what=waiting"])
async def test_the_board_is_for_supervisors(path: str, anna: Browser, olga: Browser) -> None:
    assert (await anna.get(path)).status == 403
    assert (await olga.get(path)).status == 200


async def test_an_empty_board_says_so_in_every_part(olga: Browser) -> None:
    page = (await olga.get("/board")).words
    for said in ("Никто не ждёт", "Всё работает", "Ни один канал ещё не отозвался", "Каждый контакт нашёл"):
        assert said in page


async def test_what_waits_is_counted_and_opens(site: Site, olga: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival(text="У нас не работает интернет"))
    site.house.clock.pass_by(minutes=25)
    await site.house.intake.accept(a_message("m2"))
    html = await numbers(olga)
    assert (tile(html, "waiting"), tile(html, "longest"), tile(html, "open")) == ("2", "25 мин", "2")
    assert f'href="/cases/{receipt.case_id}"' in html
    behind = await olga.get("/board/cases?what=waiting&department=technical")
    assert f'href="/cases/{receipt.case_id}"' in behind.text
    assert behind.text.count('class="numbers" href="/cases/') == 1


async def test_who_is_there_and_what_he_has_is_shown(site: Site, olga: Browser) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    await site.house.live.arrive("anna", "page", "ready")
    await site.house.casework.take(receipt.case_id, await site.house.employee("anna"))
    html = await numbers(olga)
    assert tile(html, "ready") == "1"
    line = re.search(r'<li class="agent ready">.*?</li>', html, re.DOTALL)
    assert line
    assert "Anna" in line[0]
    assert re.search(r"1<span[^>]*>/5", line[0])
    held = await olga.get("/board/cases?what=held&employee=anna")
    assert receipt.case_id in held.text


async def test_a_door_that_is_down_says_why_and_since_when(site: Site, olga: Browser) -> None:
    site.rooms.doors.door("chat", "chat").up()
    site.rooms.doors.door("email", "email").down("address in use")
    html = await numbers(olga)
    assert tile(html, "troubles") == "1"
    assert html.index("address in use") < html.index("Чат")


async def test_an_unknown_number_is_not_found(olga: Browser) -> None:
    assert (await olga.get("/board/cases?what=happiness")).status == 404
    assert (await olga.get("/board/cases")).status == 404


async def test_a_dead_letter_is_routed_again_by_its_button(site: Site, olga: Browser) -> None:
    (contact,) = await bury(site, "m1")
    html = await numbers(olga)
    assert "KeyError at walk.py:1" in html
    assert tile(html, "troubles") == "1"
    assert (await olga.post("/board/dead-letters", {"id": contact.id})).status == 204
    assert (await site.house.contact("m1")).case_id
    assert "KeyError" not in await numbers(olga)


async def test_all_dead_letters_are_routed_again_at_once(site: Site, olga: Browser) -> None:
    await bury(site, "m1", "m2", "m3")
    assert (await olga.post("/board/dead-letters/all")).status == 204
    assert await count_dead_letters(site.house.store) == 0
    assert len(await site.house.contacts()) == 3


async def test_a_dead_letter_laid_aside_is_gone_from_the_board_alone(site: Site, olga: Browser) -> None:
    (contact,) = await bury(site, "m1")
    assert (await olga.post("/board/dead-letters", {"id": contact.id, "act": "drop"})).status == 204
    assert "KeyError" not in await numbers(olga)
    kept = await site.house.store.get(DEAD_LETTERS, contact.id)
    assert kept is not None
    assert kept.contact == contact
    again = await olga.post("/board/dead-letters", {"id": contact.id})
    assert (again.status, again.json()["field"]) == (422, "id")


async def test_who_routed_again_stands_in_the_audit(site: Site, olga: Browser) -> None:
    (contact,) = await bury(site, "m1")
    await olga.post("/board/dead-letters", {"id": contact.id})
    await site.rooms.audit.flush()
    lines = await site.house.store.find(AUDIT)
    assert [(line.what, line.employee_id, line.object_id) for line in lines] == [
        ("dead_letter.replay", "olga", "email:m1")
    ]


async def test_an_agent_routes_nothing_again(site: Site, anna: Browser) -> None:
    await bury(site, "m1")
    assert (await anna.post("/board/dead-letters/all")).status == 403
    assert await count_dead_letters(site.house.store) == 1


async def test_many_who_look_cost_one_reading_a_second(site: Site, olga: Browser) -> None:
    assert tile((await olga.get("/board/numbers")).text, "waiting") == "0"
    await site.house.intake.accept(an_arrival())
    assert tile((await olga.get("/board/numbers")).text, "waiting") == "0", "still the reading of this second"
    site.house.clock.pass_by(seconds=timedelta(seconds=1).total_seconds())
    assert tile((await olga.get("/board/numbers")).text, "waiting") == "1"


async def test_each_door_of_a_channel_is_shown_with_what_it_is_behind(site: Site, olga: Browser) -> None:
    doors = site.rooms.doors
    doors.door("telegram shop_bot", "telegram").up()
    late = doors.door("telegram help_bot", "telegram")
    late.lag(150)
    late.saw_contact()
    html = await numbers(olga)
    assert "telegram shop_bot" in html
    assert re.search(r"telegram help_bot.*?отстаёт на 2 мин", html, re.DOTALL)
    assert html.count('href="/board/cases?what=received&amp;channel=telegram"') <= 1

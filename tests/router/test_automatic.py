"""Automatic answers: one for whoever may have one, none for machines and strangers, and nobody gets two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crm.collections import CUSTOMERS, DEPARTMENTS
from crm.contact import Address, Contact
from crm.customer import Preferences
from crm.employee import Hours
from crm.store import Replace
from router.automatic import AutomaticAnswers, AutomaticSettings
from tests.polling import until
from tests.router.house import ANNA, KEYS, House, an_arrival, open_house

IVAN = Address(kind="email", value="ivan@example.com")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


def automatic(house: House, **settings: Any) -> AutomaticAnswers:
    return AutomaticAnswers(
        house.store, house.live, AutomaticSettings(**settings), keys=KEYS, clock=house.clock
    )


async def writes(house: House, key: str = "m1@example.com", text: str = "Нет света", **fields: Any) -> str:
    """A letter that is stored as it comes in now; its contact's id."""
    given = {"trust": "proven", "received_at": house.clock(), **fields}
    return (await house.intake.accept(an_arrival(key, text, **given))).contact_id


async def sent(house: House) -> list[Contact]:
    return [one for one in await house.contacts() if one.direction == "outbound"]


async def test_whoever_writes_is_told_that_it_came_in_and_his_case_waits_as_before(house: House) -> None:
    await writes(house, "earlier@example.com", sender="petr@example.com", trust="unproven")
    came = await writes(house, subject="Свет")
    (before,) = [case for case in await house.cases() if case.subject == "Свет"]
    await automatic(house).look(came)
    (answer,) = await sent(house)
    assert answer.recipients == (IVAN,)
    assert (answer.subject, answer.automatic, answer.delivery) == ("Auto: Свет", "reply", "queued")
    assert answer.references == ("m1@example.com",)
    assert f"номер — {before.id}." in answer.text
    assert "Обращений в очереди перед вашим: 1." in answer.text
    after = await house.case(before.id)
    assert (answer.case_id, answer.number, after.contacts) == (before.id, 2, 2)
    unchanged = msgspec.structs.replace(after, version=before.version, contacts=1)
    assert unchanged == before
    assert after.waiting_since is not None
    assert after.first_answered_at is None


async def test_who_is_next_is_told_of_no_queue_and_the_answer_stands_behind_what_it_answers(
    house: House,
) -> None:
    ahead = house.clock() + timedelta(seconds=5)  # the clock of the mail server
    await automatic(house).look(await writes(house, received_at=ahead))
    (answer,) = await sent(house)
    assert "очереди" not in answer.text
    assert answer.received_at >= ahead


async def test_once_a_week_however_much_he_writes(house: House) -> None:
    answers = automatic(house)
    for number in range(7):
        await answers.look(await writes(house, f"m{number}@example.com", sender="Ivan@EXAMPLE.com"))
        house.clock.pass_by(hours=23)
    assert len(await sent(house)) == 1
    house.clock.pass_by(hours=6)  # which makes 167 hours: one less than a week
    await answers.look(await writes(house, "nearly@example.com"))
    assert len(await sent(house)) == 1
    house.clock.pass_by(hours=1)
    await answers.look(await writes(house, "next@example.com"))
    assert len(await sent(house)) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"trust": "unproven"},
        {"trust": "forged"},
        {"trust": ""},
        {"automatic": "reply"},
        {"automatic": "bounce"},
        {"automatic": "list"},
        {"automatic": "notice"},
        {"sender": "no-reply@example.com"},
        {"sender": "donotreply@example.com"},
        {"sender": "MAILER-DAEMON@example.com"},
        {"sender": "sales-request@example.com"},
        {"sender": ""},
        {"recipients": (Address(kind="email", value="Ivan@Example.com"),)},
        {"channel": "chat", "sender": Address(kind="visitor", value="v1")},
    ],
    ids=str,
)
async def test_who_is_a_machine_or_nobody_proven_gets_none(house: House, fields: dict[str, Any]) -> None:
    await automatic(house).look(await writes(house, **fields))
    assert await sent(house) == []


async def test_what_waited_too_long_gets_none(house: House) -> None:
    came = await writes(house)
    house.clock.pass_by(minutes=61)
    await automatic(house).look(came)
    assert await sent(house) == []


async def test_whom_an_agent_was_faster_to_answer_gets_none(house: House) -> None:
    came = await writes(house)
    (case,) = await house.cases()
    await house.casework.answer(case.id, ANNA, channel="email", to=IVAN, text="Уже чиним.")
    await automatic(house).look(came)
    assert [one.text for one in await sent(house)] == ["Уже чиним."]


async def test_many_processes_that_see_it_at_once_send_one(house: House) -> None:
    ids = [await writes(house, f"m{number}@example.com") for number in range(3)]
    await asyncio.gather(*(automatic(house).look(came) for came in ids * 4))
    assert len(await sent(house)) == 1


async def test_what_came_while_nobody_looked_is_answered_once_after_the_restart(house: House) -> None:
    await writes(house)

    async def count() -> int:
        return len(await sent(house))

    async with automatic(house).running():
        await until(count, 1)
        await writes(house, "petrs@example.com", sender="petr@example.com")
        await until(count, 2)
    async with automatic(house).running():
        await writes(house, "annas@example.com", sender="anna@example.com")
        await until(count, 3)


async def test_outside_the_hours_he_is_told_when_somebody_is_there(house: House) -> None:
    came = await writes(house)
    (case,) = await house.cases()
    department = await house.store.get(DEPARTMENTS, case.department_id)
    assert department is not None
    tuesday = (Hours(day=1, opens="09:30", closes="18:00"),)
    await house.store.commit([Replace(DEPARTMENTS, msgspec.structs.replace(department, hours=tuesday))])
    await automatic(house).look(came)
    (answer,) = await sent(house)
    opens = (house.clock() + timedelta(days=1)).strftime("%d.%m")
    assert f"ответим после {opens} 09:30." in answer.text
    assert "очереди" not in answer.text


async def test_he_is_answered_in_the_language_he_writes_unless_he_asked_for_another(house: House) -> None:
    await automatic(house).look(await writes(house, text="No light"))
    assert "We have received your message" in (await sent(house))[0].text
    came = await writes(house, "petrs@example.com", "No light", sender="petr@example.com")
    (petr,) = [one for one in await house.customers() if one.id != (await sent(house))[0].customer_id]
    russian = msgspec.structs.replace(petr, preferences=Preferences(language="ru"))
    await house.store.commit([Replace(CUSTOMERS, russian)])
    await automatic(house).look(came)
    assert any("Мы получили" in one.text for one in await sent(house))


async def test_empty_words_are_not_said(house: House) -> None:
    await automatic(house, received={"en": "", "ru": ""}).look(await writes(house))
    assert await sent(house) == []


def test_words_with_a_place_that_nobody_fills_are_named() -> None:
    settings = AutomaticSettings(
        received={"en": "Hello {name}", "ru": "{case"}, closed={"ru": ""}, position={"en": "", "ru": ""}
    )
    assert [wrong.field for wrong in settings.wrong()] == ["received.en", "received.ru", "closed.en"]
    assert list(AutomaticSettings().wrong()) == []

"""In whatever order a contact and what changes it come, there is one contact, with the latest words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.case import Amended, Assigned, Entry
from crm.collections import CONTACTS, DEAD_LETTERS, EMPLOYEES, ENTRIES
from crm.contact import Address, Arrival, Attachment, Contact
from crm.record import new_id
from crm.store import Replace
from router.amending import amend, as_contact
from router.dead_letters import replay
from router.intake import Intake
from router.walk import Walk
from tests.router.house import (
    BOOK,
    House,
    a_message,
    all_departments,
    an_arrival,
    check_cases,
    open_house,
)
from tests.router.records import minutes_ago

IVAN = Address(kind="telegram", value="42", name="Иван")


def a_word(text: str, key: str = "7", **fields: Any) -> Arrival:
    return an_arrival(key, text, channel="telegram", sender=IVAN, **fields)


def an_edit(text: str, revision: int, **fields: Any) -> Arrival:
    return a_word(text, f"7~{revision}~{text}", amends="7", amending="replace", revision=revision, **fields)


def an_addition(text: str = "", revision: int = 1, **fields: Any) -> Arrival:
    return a_word(text, f"7+{revision}", amends="7", amending="add", revision=revision, **fields)


def a_file(name: str) -> Attachment:
    return Attachment(name=name, mime="image/png", size=3, blob=name)


async def earlier_words(house: House, case_id: str) -> list[tuple[int, str]]:
    entries = await house.entries(case_id)
    return sorted((one.revision, one.text) for one in entries if isinstance(one, Amended))


async def test_edited_words_take_the_place_of_the_first_and_those_stay_on_the_timeline(house: House) -> None:
    first = await house.intake.accept(a_word("Не работает интернет"))
    house.clock.pass_by(minutes=1)
    edited = await house.intake.accept(an_edit("Не работает телефон", 5))
    assert (edited.contact_id, edited.case_id, edited.repeated) == (first.contact_id, first.case_id, False)
    contact = await house.contact("7", "telegram")
    assert (contact.text, contact.revision, contact.number) == ("Не работает телефон", 5, 1)
    assert await earlier_words(house, first.case_id) == [(0, "Не работает интернет")]
    case = await house.case(first.case_id)
    assert (case.contacts, case.preview, case.updated_at) == (1, "Не работает телефон", house.clock.at)
    await check_cases(house)


async def test_a_retry_or_an_older_edit_changes_no_words(house: House) -> None:
    receipt = await house.intake.accept(a_word("раз"))
    await house.intake.accept(an_edit("три", 3))
    assert (await house.intake.accept(an_edit("три", 3))).repeated
    assert (await house.intake.accept(a_word("раз"))).repeated
    await house.intake.accept(an_edit("два", 2))
    assert (await house.contact("7", "telegram")).text == "три"
    assert await earlier_words(house, receipt.case_id) == [(0, "раз"), (2, "два")]
    assert (await house.intake.accept(an_edit("два", 2))).repeated


async def test_an_edit_that_comes_first_is_the_contact_until_it_comes(house: House) -> None:
    receipt = await house.intake.accept(an_edit("потом", 9))
    assert receipt.contact_id == "telegram:7"
    late = await house.intake.accept(a_word("сначала", received_at=minutes_ago(3)))
    assert (late.contact_id, late.case_id) == (receipt.contact_id, receipt.case_id)
    (contact,) = await house.contacts()
    assert (contact.text, contact.received_at) == ("потом", minutes_ago(3))
    assert await earlier_words(house, receipt.case_id) == [(0, "сначала")]
    assert (await house.intake.accept(a_word("сначала"))).repeated


async def test_what_is_added_comes_to_what_there_is(house: House) -> None:
    await house.intake.accept(a_word("смотрите", attachments=(a_file("1"),), fields={"a": "1"}))
    await house.intake.accept(an_addition("ещё", 3, attachments=(a_file("3"),), fields={"b": "3"}))
    await house.intake.accept(an_addition("", 2, attachments=(a_file("2"),), duration=5))
    contact = await house.contact("7", "telegram")
    assert [file.name for file in contact.attachments] == ["1", "2", "3"]
    assert (contact.text, contact.fields, contact.duration) == ("смотрите\nещё", {"a": "1", "b": "3"}, 5)
    (case,) = await house.cases()
    assert await earlier_words(house, case.id) == []


async def test_other_words_leave_what_was_added(house: House) -> None:
    await house.intake.accept(a_word("раз", attachments=(a_file("1"),)))
    await house.intake.accept(an_addition("ещё", 1, attachments=(a_file("2"),)))
    await house.intake.accept(an_edit("другое", 2, attachments=(a_file("9"),)))
    contact = await house.contact("7", "telegram")
    assert contact.text == "другое\nещё"
    assert [file.name for file in contact.attachments] == ["9", "2"]


async def test_the_page_hears_of_an_edit(house: House) -> None:
    await house.intake.accept(a_word("раз"))
    async with house.live.subscribe(wants=lambda event: event.kind == "contact") as events:
        await house.intake.accept(an_edit("два", 2))
        async with asyncio.timeout(5):
            event = await anext(aiter(events))
    assert (event.contact_id, event.data["amended"]) == ("telegram:7", "yes")


async def test_who_changes_his_words_after_our_answer_waits_again(house: House) -> None:
    receipt = await house.intake.accept(a_message("7", "Отмените заказ 12"))
    anna = await house.employee("anna")
    to = Address(kind="visitor", value="v1")
    await house.casework.answer(receipt.case_id, anna, channel="chat", to=to, text="Отменили")
    assert (await house.case(receipt.case_id)).waiting_since is None
    house.clock.pass_by(minutes=1)
    change = a_message("8", "Отмените заказ 13", amends="7", amending="replace", revision=2)
    await house.intake.accept(change)
    case = await house.case(receipt.case_id)
    assert (case.waiting_since, case.state) == (house.clock.at, "assigned")


async def test_nobody_amends_our_answers(house: House) -> None:
    receipt = await house.intake.accept(a_message("7", "Здравствуйте"))
    to = Address(kind="visitor", value="v1")
    anna = await house.employee("anna")
    answer = await house.casework.answer(receipt.case_id, anna, channel="chat", to=to, text="Это стоит 500 ₽")
    change = a_message("9", "Это стоит 5 ₽", amends=answer.key, amending="replace", revision=2)
    changed = await house.intake.accept(change)
    assert changed.contact_id == "chat:9"
    assert (await house.contact(answer.key, "chat")).text == "Это стоит 500 ₽"


async def test_a_contact_in_the_dead_letters_is_whole_once_it_is_replayed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = a_word("сначала")
    with monkeypatch.context() as broken:
        broken.setattr("router.walk.join", None)
        assert (await house.intake.accept(original)).dead_letter
        assert (await house.intake.accept(an_edit("сломано", 2))).dead_letter
    assert not (await house.intake.accept(an_edit("потом", 5))).dead_letter
    for letter in ("telegram:7", "telegram:7~2~сломано"):
        assert not (await replay(house.store, house.intake, letter)).repeated
    (contact,) = await house.contacts()
    assert contact.text == "потом"
    assert await earlier_words(house, contact.case_id) == [(0, "сначала"), (2, "сломано")]
    assert {letter.state for letter in await house.store.find(DEAD_LETTERS)} == {"replayed"}


async def test_an_amendment_under_the_key_that_it_amends_is_one_as_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.intake.accept(a_word("раз"))
    change = a_word("два", "7", amends="7", amending="replace", revision=2)
    with monkeypatch.context() as broken:
        broken.setattr("router.walk.amend", None)
        buried = await house.intake.accept(change)
    assert buried.dead_letter
    await replay(house.store, house.intake, buried.contact_id)
    assert (await house.contact("7", "telegram")).text == "два"


VERSIONS = st.sampled_from(["раз", "два", "три", "другое"])
EDITS = st.lists(st.tuples(st.integers(1, 9), VERSIONS), max_size=4, unique_by=lambda one: one[0])
ADDITIONS = st.lists(st.integers(1, 9), max_size=3, unique=True)


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Arrival], str, set[str], list[int]]:
    """Arrivals in any order with retries; the words to expect, all words, and the files that were added."""
    edits, additions = draw(EDITS), draw(ADDITIONS)
    each = [
        a_word("сначала", attachments=(a_file("first"),), fields={"page": "1"}),
        *(an_edit(text, revision, attachments=(a_file(f"e{revision}"),)) for revision, text in edits),
        *(an_addition("", revision, attachments=(a_file(f"a{revision}"),)) for revision in additions),
    ]
    order = draw(st.permutations(each + draw(st.lists(st.sampled_from(each), max_size=4))))
    latest = max(edits)[1] if edits else "сначала"
    return list(order), latest, {"сначала", *(text for _, text in edits)}, sorted(additions)


@given(stories())
def test_any_order_of_a_contact_its_changes_and_their_retries_comes_to_the_same(
    story: tuple[list[Arrival], str, set[str], list[int]],
) -> None:
    arrivals, latest, words, additions = story
    stored: Contact | None = None
    kept: set[str] = set()
    for one in (arrival.contact for arrival in arrivals):
        if stored is None:
            stored = as_contact(one) if one.amends else one
            continue
        changed = amend(stored, one)
        if changed:
            stored = changed.contact
            kept |= {changed.earlier.text} if changed.earlier else set()
    assert stored
    assert stored.text == latest
    assert kept | {latest} == words
    assert [file.name for file in stored.attachments if file.added] == [f"a{one}" for one in additions]
    assert len([file for file in stored.attachments if not file.added]) == 1
    assert (stored.id, stored.key, stored.amends) == ("telegram:7", "7", "")
    assert stored.fields == {"page": "1"}
    for one in (arrival.contact for arrival in arrivals):
        assert amend(stored, one) is None


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(stories(), st.integers(1, 6))
async def test_a_race_of_a_contact_and_its_changes_leaves_one_contact(
    tmp_path_factory: pytest.TempPathFactory,
    story: tuple[list[Arrival], str, set[str], list[int]],
    batch: int,
) -> None:
    arrivals, latest, words, additions = story
    directory = tmp_path_factory.mktemp("race")
    async with open_house(directory, batch=batch) as house:
        await asyncio.gather(*(house.intake.accept(arrival) for arrival in arrivals))
        (contact,) = await house.contacts()
        assert contact.text == latest
        kept = {text for _, text in await earlier_words(house, contact.case_id)}
        assert kept | {latest} == words
        assert len([file for file in contact.attachments if file.added]) == len(additions)
        await check_cases(house)


async def test_two_processes_that_amend_one_contact_both_succeed(tmp_path: Path) -> None:
    """Two halls over one store, as two processes have it: whoever is slower plans anew."""
    async with open_house(tmp_path, batch=1) as here:
        await here.intake.accept(a_word("раз"))
        walk = Walk(here.store, BOOK, all_departments, clock=here.clock, new_id=new_id)
        there = Intake(here.store, walk, here.live, batch=1)
        async with there.running():
            edits = [an_edit(f"слово {n}", n) for n in range(2, 22)]
            halls = (here.intake, there)
            await asyncio.gather(*(halls[n % 2].accept(edit) for n, edit in enumerate(edits)))
        contact = await here.contact("7", "telegram")
        assert contact.text == "слово 21"
        assert len(await earlier_words(here, contact.case_id)) == 20


def a_call(key: str = "c1", **fields: Any) -> Arrival:
    number = Address(kind="phone", value="+74951234567")
    return an_arrival(key, "", channel="phone", sender=number, **fields)


def goes_on(**fields: Any) -> Arrival:
    return a_call(f"c1+{fields['revision']}", amends="c1", amending="add", **fields)


async def test_a_call_goes_straight_into_the_hands_of_who_took_it(house: House) -> None:
    receipt = await house.intake.accept(
        a_call(fields={"outcome": "answered"}, employee_id="anna", duration=90)
    )
    case = await house.case(receipt.case_id)
    assert (case.state, case.assignee_id, case.waiting_since) == ("assigned", "anna", None)
    assert case.first_answered_at == house.clock.at
    assert case.trace[-1].code == "took_the_call"
    hands = [one for one in await house.entries(case.id) if isinstance(one, Assigned)]
    assert [(one.assignee_id, one.how) for one in hands] == [("anna", "took")]


async def test_a_call_that_rings_waits_and_is_in_hands_once_it_is_answered(house: House) -> None:
    receipt = await house.intake.accept(a_call())
    case = await house.case(receipt.case_id)
    assert (case.state, case.waiting_since) == ("queued", house.clock.at)
    house.clock.pass_by(seconds=8)
    await house.intake.accept(goes_on(revision=1, employee_id="anna", fields={"outcome": "answered"}))
    case = await house.case(receipt.case_id)
    assert (case.state, case.assignee_id, case.first_answered_at) == ("assigned", "anna", house.clock.at)


async def test_a_recording_that_comes_later_takes_the_case_out_of_nobodys_hands(house: House) -> None:
    receipt = await house.intake.accept(a_call(fields={"outcome": "answered"}, employee_id="anna"))
    await house.casework.release(receipt.case_id, await house.employee("anna"))
    await house.intake.accept(goes_on(revision=2, employee_id="anna", attachments=(a_file("r.wav"),)))
    case = await house.case(receipt.case_id)
    assert (case.state, case.assignee_id) == ("queued", "")
    assert len((await house.contact("c1", "phone")).attachments) == 1


async def test_a_missed_call_waits_in_its_queue(house: House) -> None:
    for outcome in ("missed", "abandoned", "busy", "failed"):
        receipt = await house.intake.accept(a_call(outcome, fields={"outcome": outcome}))
        case = await house.case(receipt.case_id)
        assert (case.state, case.waiting_since) == ("queued", house.clock.at)


async def test_a_call_taken_by_somebody_nobody_knows_waits_in_its_queue_answered(house: House) -> None:
    anna = await house.employee("anna")
    gone = msgspec.structs.replace(anna, active=False)
    await house.store.commit([Replace(EMPLOYEES, gone)])
    for key, who in (("c1", "nobody"), ("c2", "anna")):
        receipt = await house.intake.accept(a_call(key, fields={"outcome": "answered"}, employee_id=who))
        case = await house.case(receipt.case_id)
        assert (case.state, case.assignee_id, case.waiting_since) == ("queued", "", None)


async def test_a_call_written_down_at_the_desk_is_routed_by_the_rules(house: House) -> None:
    receipt = await house.intake.accept(a_call(fields={"answered": "yes"}, employee_id="anna"))
    assert (await house.case(receipt.case_id)).state == "queued"


async def test_earlier_words_are_found_by_search(house: House) -> None:
    await house.intake.accept(a_word("Где моя посылка"))
    await house.intake.accept(an_edit("Уже не надо", 2))
    found: list[Entry] = await house.store.search(ENTRIES, "посылка")
    assert [type(entry) for entry in found] == [Amended]
    assert await house.store.search(CONTACTS, "посылка") == []

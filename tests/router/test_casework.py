"""What employees do is kept whole, told to every open page, and done once however often it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crm.case import Case, Closed, Decision, Note, TransferAnswered, Transferred
from crm.collections import CASES, DEPARTMENTS
from crm.contact import Address, Contact, blob_id
from crm.errors import BadInput, Conflict, NotAllowed, NotFound, OnewindowError
from crm.store import Replace
from router.acts import MAX_TEXT
from router.casework import NewFile
from router.history import read_case_timeline
from router.live import Event
from tests.router.house import ANNA, BORIS, OLGA, PAVEL, VERA, House, a_message, an_arrival, check_cases
from tests.router.records import a_department

IVAN = Address(kind="email", value="ivan@example.com")


@pytest.fixture
async def case(house: House) -> Case:
    return await house.case((await house.intake.accept(an_arrival("m1", subject="Счёт"))).case_id)


async def answer(house: House, case_id: str, **fields: Any) -> Contact:
    given: dict[str, Any] = {"by": ANNA, "channel": "email", "to": IVAN, "text": "Чиним", **fields}
    by = given.pop("by")
    return await house.casework.answer(case_id, by, **given)


@asynccontextmanager
async def heard(house: House) -> AsyncIterator[list[Event]]:
    """The events that an open page gets while the context is open."""
    events: list[Event] = []
    async with house.live.subscribe() as subscription:
        yield events
        end = Event(kind="typing", at=house.clock(), case_id="the end")
        await house.live.publish([end])
        async for event in subscription:
            if event.case_id == "the end":
                return
            events.append(event)


async def test_a_case_goes_from_the_queue_to_a_closed_one_and_all_of_it_is_kept(
    house: House, case: Case
) -> None:
    work = house.casework
    await work.take(case.id, ANNA)
    await work.note(case.id, ANNA, "проверила линию")
    sent = await answer(house, case.id)
    decided = await work.decide(case.id, ANNA, code="solved", text="перезагрузка", close=False)
    assert (decided.state, decided.decision) == ("assigned", "solved")
    closed = await work.close(case.id, ANNA)
    assert (closed.state, closed.open, closed.assignee_id) == ("closed", False, "anna")
    assert closed == await house.case(case.id)
    kinds = [type(entry).__name__ for entry in await house.entries(case.id)]
    assert sorted(kinds) == ["Assigned", "Closed", "Decision", "Note", "Opened"]
    assert (sent.delivery, sent.employee_id, sent.number) == ("queued", "anna", 2)
    await check_cases(house)


async def test_a_case_that_is_not_there_is_named(house: House) -> None:
    acts: list[Callable[[], Awaitable[object]]] = [
        lambda: house.casework.take("nothing", ANNA),
        lambda: house.casework.note("nothing", ANNA, "x"),
        lambda: house.casework.close("nothing", ANNA),
        lambda: answer(house, "nothing"),
    ]
    for act in acts:
        with pytest.raises(NotFound, match="«nothing»"):
            await act()


async def test_a_case_closes_only_on_a_decision_made_since_it_was_reopened(house: House, case: Case) -> None:
    work = house.casework
    with pytest.raises(BadInput, match="without a decision"):
        await work.close(case.id, ANNA)
    await work.decide(case.id, ANNA, code="informed")
    house.clock.pass_by(minutes=1)
    await work.reopen(case.id, PAVEL, "не всё")
    with pytest.raises(BadInput, match="without a decision"):
        await work.close(case.id, PAVEL)
    house.clock.pass_by(minutes=1)
    await work.decide(case.id, PAVEL, code="solved", close=False)
    house.clock.pass_by(minutes=1)
    await work.close(case.id, PAVEL)
    *_, last = await house.entries(case.id)
    decisions = [entry for entry in await house.entries(case.id) if isinstance(entry, Decision)]
    assert isinstance(last, Closed)
    assert (last.decision_id, decisions[-1].code) == (decisions[-1].id, "solved")


async def test_a_case_closes_on_a_decision_however_much_happened_since(house: House, case: Case) -> None:
    await house.casework.decide(case.id, ANNA, code="solved", close=False)
    house.clock.pass_by(seconds=1)
    await asyncio.gather(*(house.casework.note(case.id, ANNA, f"заметка {n}") for n in range(450)))
    assert (await house.casework.close(case.id, ANNA)).state == "closed"


async def test_a_transfer_from_department_to_department_keeps_its_whole_way(house: House, case: Case) -> None:
    work = house.casework
    await work.take(case.id, ANNA)
    house.clock.pass_by(minutes=1)
    moved = await work.transfer(case.id, ANNA, "technical", "обрыв линии")
    assert (moved.department_id, moved.state, moved.assignee_id) == ("technical", "queued", "")
    with pytest.raises(NotAllowed):
        await work.accept_transfer(case.id, VERA)
    house.clock.pass_by(minutes=1)
    held = await work.accept_transfer(case.id, BORIS)
    assert (held.state, held.assignee_id, held.transfer) == ("assigned", "boris", None)
    house.clock.pass_by(minutes=1)
    await work.transfer(case.id, BORIS, "billing", "линия цела, не оплачено")
    house.clock.pass_by(minutes=1)
    back = await work.return_transfer(case.id, VERA, "оплачено")
    assert (back.department_id, back.state, back.transfer) == ("technical", "queued", None)
    way = [
        (entry.reason, entry.employee_id)
        for entry in await house.entries(case.id)
        if isinstance(entry, Transferred | TransferAnswered)
    ]
    assert way == [
        ("обрыв линии", "anna"),
        ("", "boris"),
        ("линия цела, не оплачено", "boris"),
        ("оплачено", "vera"),
    ]
    await check_cases(house)


@pytest.mark.parametrize(
    ("to", "reason", "field"), [("technical", "  ", "reason"), ("nowhere", "x", "to_department_id")]
)
async def test_a_transfer_needs_a_reason_and_a_department(
    house: House, case: Case, to: str, reason: str, field: str
) -> None:
    with pytest.raises(BadInput) as caught:
        await house.casework.transfer(case.id, ANNA, to, reason)
    assert caught.value.field == field
    assert await house.case(case.id) == case


async def test_nothing_is_transferred_to_a_department_that_closed(house: House, case: Case) -> None:
    await house.store.commit([Replace(DEPARTMENTS, a_department("technical", active=False))])
    with pytest.raises(NotFound):
        await house.casework.transfer(case.id, ANNA, "technical", "x")


async def test_returning_needs_a_reason(house: House, case: Case) -> None:
    await house.casework.transfer(case.id, ANNA, "technical", "x")
    with pytest.raises(BadInput) as caught:
        await house.casework.return_transfer(case.id, BORIS, " ")
    assert caught.value.field == "reason"


async def test_the_same_answer_sent_twice_is_one_answer(house: House, case: Case) -> None:
    first = await answer(house, case.id, new_id="a1")
    again = await answer(house, case.id, new_id="a1", text="другие слова")
    other = await answer(house, case.id, new_id="a2")
    assert again == first
    assert other.id != first.id
    assert (await house.case(case.id)).contacts == 3


async def test_the_same_answer_sent_many_times_at_once_is_one_answer(house: House, case: Case) -> None:
    sent = await asyncio.gather(*(answer(house, case.id, new_id="a1") for _ in range(20)))
    assert len({contact.id for contact in sent}) == 1
    assert (await house.case(case.id)).contacts == 2
    await check_cases(house)


async def test_different_answers_at_once_are_all_kept_in_order(house: House, case: Case) -> None:
    await house.casework.take(case.id, ANNA)
    sent = await asyncio.gather(*(answer(house, case.id, new_id=f"a{n}") for n in range(7)))
    assert sorted(contact.number for contact in sent) == list(range(2, 9))
    await check_cases(house)


async def test_the_same_note_sent_many_times_at_once_is_one_note(house: House, case: Case) -> None:
    notes = await asyncio.gather(
        *(house.casework.note(case.id, ANNA, "заметка", new_id="n1") for _ in range(10))
    )
    assert {note.id for note in notes} == {f"{case.id}-n1"}
    assert sum(isinstance(entry, Note) for entry in await house.entries(case.id)) == 1


async def test_answering_a_case_that_waits_takes_it(house: House, case: Case) -> None:
    await answer(house, case.id)
    held = await house.case(case.id)
    assert (held.state, held.assignee_id, held.waiting_since) == ("assigned", "anna", None)


async def test_another_system_answers_without_taking_the_case(house: House, case: Case) -> None:
    await answer(house, case.id, take=False)
    held = await house.case(case.id)
    assert (held.state, held.assignee_id, held.waiting_since, held.contacts) == ("queued", "", None, 2)


async def test_a_closed_case_cannot_be_answered(house: House, case: Case) -> None:
    await house.casework.decide(case.id, ANNA, code="solved")
    with pytest.raises(BadInput, match="reopen"):
        await answer(house, case.id)
    assert (await house.case(case.id)).contacts == 1


async def test_an_answer_refers_to_the_letters_before_it_and_keeps_their_subject(
    house: House, case: Case
) -> None:
    first = await answer(house, case.id)
    second = await answer(house, case.id)
    assert (first.subject, first.references) == ("Re: Счёт", ("m1",))
    assert second.references == ("m1", first.key)
    assert (await answer(house, case.id, subject="Другое")).subject == "Другое"


async def test_an_answer_takes_its_files_along(house: House, case: Case) -> None:
    sent = await answer(house, case.id, text="", files=[NewFile("акт.pdf", "application/pdf", b"%PDF")])
    (file,) = sent.attachments
    assert (file.name, file.size, file.blob) == ("акт.pdf", 4, blob_id(b"%PDF"))
    assert await house.store.read_blob(file.blob) == b"%PDF"


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"channel": "fax"}, "channel", "chat, email"),
        ({"text": " \n"}, "text", "words or a file"),
        ({"to": Address(kind="email", value=" ")}, "to", "address"),
        ({"to": Address(kind="phone", value="+74951234567")}, "to", "email"),
        ({"text": "x" * (MAX_TEXT + 1)}, "text", "longer"),
    ],
)
async def test_a_wrong_answer_names_the_field_and_sends_nothing(
    house: House, case: Case, fields: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        await answer(house, case.id, **fields)
    assert caught.value.field == field
    assert await house.case(case.id) == case


async def test_an_empty_note_is_none(house: House, case: Case) -> None:
    with pytest.raises(BadInput) as caught:
        await house.casework.note(case.id, ANNA, " ")
    assert caught.value.field == "text"


async def test_two_who_take_one_case_at_once_leave_it_with_one_of_them(house: House, case: Case) -> None:
    await asyncio.gather(house.casework.take(case.id, ANNA), house.casework.take(case.id, PAVEL))
    held = await house.case(case.id)
    assert held.assignee_id in ("anna", "pavel")
    await check_cases(house)


async def test_two_who_accept_one_reservation_at_once_are_not_both_let(house: House, case: Case) -> None:
    await house.live.arrive("anna", "page", "ready")
    await house.dispatch.round()
    held = await house.case(case.id)
    assert (held.state, held.assignee_id) == ("reserved", "anna")
    results = await asyncio.gather(
        house.casework.accept(case.id, PAVEL), house.casework.accept(case.id, ANNA), return_exceptions=True
    )
    assert isinstance(results[0], NotAllowed)
    assert isinstance(results[1], Case)


async def test_an_act_done_again_changes_nothing(house: House, case: Case) -> None:
    first = await house.casework.take(case.id, ANNA)
    assert await house.casework.take(case.id, ANNA) == first
    assert await house.casework.accept(case.id, ANNA) == first


async def test_an_act_on_a_case_that_customers_write_into_is_not_spoiled(house: House) -> None:
    case_id = (await house.intake.accept(a_message("c0"))).case_id
    writing = [house.intake.accept(a_message(f"c{n}")) for n in range(1, 40)]
    acting = [
        house.casework.take(case_id, ANNA),
        house.casework.set_priority(case_id, OLGA, 1),
        house.casework.decide(case_id, OLGA, code="promised", close=False),
    ]
    await asyncio.gather(*writing, *acting)
    case = await house.case(case_id)
    assert (case.assignee_id, case.priority, case.decision, case.contacts) == ("anna", 1, "promised", 40)
    await check_cases(house)


STEPS: list[tuple[str, Callable[[House, str], Awaitable[object]], str, list[str]]] = [
    ("take", lambda h, c: h.casework.take(c, ANNA), "took", ["assigned"]),
    ("note", lambda h, c: h.casework.note(c, ANNA, "x"), "", ["note"]),
    ("priority", lambda h, c: h.casework.set_priority(c, ANNA, 2), "priority", []),
    ("answer", answer, "answered", []),
    ("release", lambda h, c: h.casework.release(c, ANNA, "смена"), "released", ["assigned", "note"]),
    ("give", lambda h, c: h.casework.give(c, OLGA, PAVEL), "given", ["assigned"]),
    (
        "transfer",
        lambda h, c: h.casework.transfer(c, PAVEL, "technical", "x"),
        "transferred",
        ["transferred"],
    ),
    (
        "accept",
        lambda h, c: h.casework.accept_transfer(c, BORIS),
        "accepted",
        ["transferanswered", "assigned"],
    ),
    ("again", lambda h, c: h.casework.transfer(c, BORIS, "billing", "x"), "transferred", ["transferred"]),
    ("return", lambda h, c: h.casework.return_transfer(c, VERA, "x"), "returned", ["transferanswered"]),
    (
        "decide",
        lambda h, c: h.casework.decide(c, BORIS, code="solved", close=False),
        "decided",
        ["decision"],
    ),
    ("close", lambda h, c: h.casework.close(c, BORIS), "closed", ["closed"]),
    ("reopen", lambda h, c: h.casework.reopen(c, BORIS, "x"), "reopened", ["reopened", "assigned"]),
]


async def test_every_act_leaves_its_entries_and_is_told_to_the_pages(house: House, case: Case) -> None:
    for name, act, why, entries in STEPS:
        house.clock.pass_by(minutes=1)
        before = {entry.id for entry in await house.entries(case.id)}
        moved_from = (await house.case(case.id)).department_id
        async with heard(house) as events:
            await act(house, case.id)
        told = [event for event in events if event.case_id == case.id]
        assert len(told) == len(events)
        assert [event.data["entry"] for event in told if event.kind == "entry"] == entries, name
        new = {entry.id for entry in await house.entries(case.id)} - before
        assert {event.data["entry_id"] for event in told if event.kind == "entry"} == new
        changes = [event for event in told if event.kind == "case"]
        assert {event.data["why"] for event in changes} == ({why} if why else set()), name
        after = await house.case(case.id)
        departments = {event.department_id for event in changes}
        assert departments == ({moved_from, after.department_id} if why else set()), name
        assert [event.contact_id for event in told if event.kind == "contact"] == (
            [item.id for item in await contacts_of(house, case.id)][:1] if name == "answer" else []
        )


async def contacts_of(house: House, case_id: str) -> list[Contact]:
    timeline = await read_case_timeline(house.store, case_id)
    return [item for item in timeline.items if isinstance(item, Contact)]


async def test_no_event_carries_words_or_names(house: House, case: Case) -> None:
    async with heard(house) as events:
        await house.intake.accept(an_arrival("m2", "тайна", subject="тайна"))
        await house.casework.note(case.id, ANNA, "тайна")
        await house.casework.decide(case.id, ANNA, code="solved", text="тайна")
    assert events
    assert "тайна" not in repr(events)


async def test_a_customer_can_be_answered_by_every_address_he_has_the_last_one_first(house: House) -> None:
    receipt = await house.intake.accept(an_arrival("m1"))
    claims = (Address(kind="email", value="other@example.com"),)
    customer = {"customer_id": receipt.customer_id}
    await house.intake.accept(an_arrival("m2", sender="ivan@work.example", thread=receipt.case_id))
    talk = await house.intake.accept(a_message("c1", claims=claims, **customer))
    ways = await house.casework.ways_to_answer(await house.case(talk.case_id))
    assert [(way.channel, way.to.value, way.preferred, way.unproven) for way in ways] == [
        ("chat", "v1", True, False),
        ("email", "ivan@example.com", False, False),
        ("email", "other@example.com", False, True),
    ]
    letters = await house.casework.ways_to_answer(await house.case(receipt.case_id))
    assert [way.to.value for way in letters] == ["ivan@work.example", "ivan@example.com", "v1"]


async def test_nobody_is_answered_by_what_a_program_wrote_from(house: House) -> None:
    receipt = await house.intake.accept(an_arrival("m1"))
    daemon = {"sender": "mailer-daemon@relay.example", "automatic": "bounce", "thread": receipt.case_id}
    await house.intake.accept(an_arrival("b1", **daemon))
    ways = await house.casework.ways_to_answer(await house.case(receipt.case_id))
    assert [way.to.value for way in ways] == ["ivan@example.com"]


async def test_a_case_that_never_stands_still_ends_in_a_conflict_and_not_in_a_loop(
    house: House, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = house.store.commit

    async def commit_late(writes: Any, blobs: Any = None) -> None:
        fresh = await house.case(case.id)
        await commit([Replace(CASES, fresh)])
        await commit(writes, blobs)

    monkeypatch.setattr(house.store, "commit", commit_late)
    with pytest.raises(Conflict):
        await house.casework.take(case.id, ANNA)


async def test_what_an_act_raises_is_always_ours(house: House, case: Case) -> None:
    """Borders translate our tree only; words no encoding takes must come out as something of it."""
    wrong: list[Callable[[], Awaitable[object]]] = [
        lambda: answer(house, case.id, text="\ud800"),
        lambda: house.casework.note(case.id, ANNA, "\ud800"),
        lambda: house.casework.decide(case.id, ANNA, code="solved", text="\ud800"),
        lambda: house.casework.release(case.id, OLGA, "\ud800"),
        lambda: house.casework.take("\ud800", ANNA),
    ]
    for act in wrong:
        with pytest.raises(OnewindowError):
            await act()

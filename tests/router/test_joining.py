"""Which case a contact joins: by proof, by what it answers, by its talk; never by a stranger's word."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.case import Case, Reopened
from crm.contact import Address, Contact, DeliveryReport, Receipt
from router.identity import normalise
from router.joining import REOPEN_WITHIN, TALK_RESUMES_WITHIN, bare_subject
from tests.router.house import ANNA, House, a_message, an_arrival, check_cases, open_house

IVAN = Address(kind="email", value="ivan@example.com")


async def arrives(house: House, key: str, text: str = "Здравствуйте", **fields: Any) -> Receipt:
    house.clock.pass_by(seconds=1)
    return await house.intake.accept(an_arrival(key, text, **fields))


async def says(house: House, key: str, **fields: Any) -> Receipt:
    house.clock.pass_by(seconds=1)
    return await house.intake.accept(a_message(key, **fields))


async def answered(house: House, case_id: str, **fields: Any) -> Contact:
    house.clock.pass_by(seconds=1)
    given: dict[str, Any] = {"channel": "email", "to": IVAN, "text": "Чиним", **fields}
    return await house.casework.answer(case_id, ANNA, **given)


async def closed(house: House, case_id: str) -> Case:
    house.clock.pass_by(seconds=1)
    return await house.casework.decide(case_id, ANNA, code="solved")


def steps(case: Case) -> list[str]:
    return [step.code for step in case.trace]


async def test_two_letters_that_have_nothing_to_do_with_each_other_are_two_cases(house: House) -> None:
    first = await arrives(house, "m1", subject="Счёт")
    other = await arrives(house, "m2", subject="Счёт")
    assert other.customer_id == first.customer_id
    assert other.case_id != first.case_id


async def test_our_own_token_joins_even_from_another_address(house: House) -> None:
    first = await arrives(house, "m1")
    fields = {"sender": "ivan@work.example", "thread": first.case_id}
    joined = await arrives(house, "m2", **fields)
    assert (joined.case_id, joined.customer_id, joined.number) == (first.case_id, first.customer_id, 2)
    assert steps(await house.case(first.case_id))[-2:] == ["from_other_address", "joined_by_token"]
    # The case is proven; whose the address is, and who writes from it, is not.
    contact = await house.contact("m2")
    assert (contact.trust, contact.fields["trust_because"]) == ("unproven", "other_address")
    assert "email:ivan@work.example" not in await house.addresses()


async def test_a_token_of_a_case_that_is_not_there_opens_a_case(house: House) -> None:
    assert (await arrives(house, "m1", thread="999999")).case_id != "999999"


async def test_an_answer_to_our_answer_joins_its_case(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    assert answer.references == ("m1",)
    joined = await arrives(house, "m2", references=("m1", answer.key))
    assert (joined.case_id, joined.number) == (first.case_id, 3)
    assert steps(await house.case(first.case_id))[-1] == "joined_by_reference"


async def test_the_nearest_reference_decides(house: House) -> None:
    first, second = await arrives(house, "m1"), await arrives(house, "m2")
    assert (await arrives(house, "m3", references=("m1", "m2"))).case_id == second.case_id
    assert (await arrives(house, "m4", references=("m2", "m1", "unknown"))).case_id == first.case_id


async def test_a_reference_to_a_strangers_case_never_joins_it_and_is_told_in_the_trace(house: House) -> None:
    ivan = await arrives(house, "m1")
    maria = await arrives(house, "m2", sender="maria@example.com", references=("m1",))
    assert maria.case_id != ivan.case_id
    assert maria.customer_id != ivan.customer_id
    step = next(
        step for step in (await house.case(maria.case_id)).trace if step.code == "reference_of_stranger"
    )
    assert (step.matched, step.details) == (False, {"case": ivan.case_id})


async def test_references_join_within_one_batch(house: House) -> None:
    arrivals = [an_arrival("m1"), an_arrival("m2", references=("m1",)), an_arrival("m3", references=("m2",))]
    receipts = await asyncio.gather(*(house.intake.accept(arrival) for arrival in arrivals))
    assert len({receipt.case_id for receipt in receipts}) == 1
    assert [receipt.number for receipt in receipts] == [1, 2, 3]


@pytest.mark.parametrize("subject", ["Re: Счёт за май", "RE: Re[2]: счёт за  май", "Отв: Fwd: Счёт за май"])
async def test_an_answer_by_its_subject_joins_the_open_case_of_the_same_customer(
    house: House, subject: str
) -> None:
    first = await arrives(house, "m1", subject="Счёт за май")
    assert (await arrives(house, "m2", subject=subject)).case_id == first.case_id
    stranger = await arrives(house, "m3", subject=subject, sender="maria@example.com")
    assert stranger.case_id != first.case_id


async def test_an_answer_by_its_subject_joins_in_a_batch_with_a_talk_of_the_same_customer(
    house: House,
) -> None:
    letter = await arrives(house, "m1", subject="Счёт")
    await says(house, "c1", customer_id=letter.customer_id)
    arrivals = [a_message("c2"), an_arrival("m2", subject="Re: Счёт")]
    talk, answer = await asyncio.gather(*(house.intake.accept(arrival) for arrival in arrivals))
    assert talk.case_id != letter.case_id
    assert answer.case_id == letter.case_id


async def test_a_bare_re_joins_nothing(house: House) -> None:
    first = await arrives(house, "m1", subject="Re:")
    assert (await arrives(house, "m2", subject="Re: ")).case_id != first.case_id


def test_a_subject_is_compared_without_what_mail_programs_put_before_it() -> None:
    assert bare_subject("Re: FWD: Отв: Re[3]:  Нет   связи") == "нет связи"
    assert bare_subject("Ответ: нет связи") == "нет связи"
    assert bare_subject("Research: results") == "research: results"


async def test_what_a_visitor_writes_goes_into_his_talk(house: House) -> None:
    first = await says(house, "c1")
    second, third = await says(house, "c2"), await says(house, "c3")
    other = await says(house, "c4", visitor="v2")
    assert first.case_id == second.case_id == third.case_id != other.case_id
    assert [second.number, third.number] == [2, 3]


async def test_a_talk_goes_on_after_a_restart(tmp_path: Path) -> None:
    case_ids = set()
    for key in ("c1", "c2"):
        async with open_house(tmp_path) as house:
            case_ids.add((await says(house, key)).case_id)
    assert len(case_ids) == 1


async def test_a_talk_is_not_joined_by_a_letter_of_the_same_customer(house: House) -> None:
    talk = await says(house, "c1")
    letter = await arrives(house, "m1", customer_id=talk.customer_id)
    assert letter.customer_id == talk.customer_id
    assert letter.case_id != talk.case_id
    assert (await says(house, "c2")).case_id == talk.case_id


async def test_whoever_writes_on_soon_after_his_talk_was_closed_means_the_same(house: House) -> None:
    talk = await says(house, "c1")
    await closed(house, talk.case_id)
    # A letter that came and was dealt with in between is another matter.
    letter = await arrives(house, "m1", customer_id=talk.customer_id)
    await closed(house, letter.case_id)
    house.clock.pass_by(minutes=10)
    assert (await says(house, "c2")).case_id == talk.case_id
    case = await house.case(talk.case_id)
    assert (case.state, case.reopened, case.decision, case.closed_at) == ("queued", 1, "", None)


async def test_whoever_comes_back_to_the_chat_later_begins_anew(house: House) -> None:
    talk = await says(house, "c1")
    await closed(house, talk.case_id)
    house.clock.pass_by(seconds=TALK_RESUMES_WITHIN.total_seconds() + 1)
    again = await says(house, "c2")
    assert again.case_id != talk.case_id
    assert again.customer_id == talk.customer_id
    assert "closed_long_ago" in steps(await house.case(again.case_id))


async def test_an_answer_reopens_a_case_closed_lately(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    await closed(house, first.case_id)
    house.clock.pass_by(seconds=REOPEN_WITHIN.total_seconds() - 60)
    assert (await arrives(house, "m2", references=(answer.key,))).case_id == first.case_id
    case = await house.case(first.case_id)
    assert (case.state, case.assignee_id, case.reopened) == ("queued", "", 1)
    assert case.waiting_since == case.queued_at == house.clock()
    assert any(isinstance(entry, Reopened) for entry in await house.entries(case.id))
    await check_cases(house)


async def test_an_answer_to_a_case_closed_long_ago_opens_a_new_one(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    await closed(house, first.case_id)
    house.clock.pass_by(seconds=REOPEN_WITHIN.total_seconds() + 60)
    again = await arrives(house, "m2", references=(answer.key,), thread=first.case_id)
    assert again.case_id != first.case_id
    assert again.customer_id == first.customer_id
    assert (await house.case(first.case_id)).state == "closed"
    long_ago = [step for step in (await house.case(again.case_id)).trace if step.code == "closed_long_ago"]
    assert [step.details["case"] for step in long_ago] == [first.case_id] * 2


def a_bounce(key: str, about: str, outcome: str = "bounced") -> dict[str, Any]:
    report = DeliveryReport(key=about, outcome=outcome, status="5.1.1")  # type: ignore[arg-type]
    return {"key": key, "sender": "mailer-daemon@relay.example", "automatic": "bounce", "report": report}


async def test_a_bounce_marks_the_answer_joins_its_case_and_makes_it_wait_for_us(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    assert (await house.case(first.case_id)).waiting_since is None
    bounce = await arrives(house, **a_bounce("b1", answer.key))
    assert (bounce.case_id, bounce.customer_id) == (first.case_id, first.customer_id)
    marked = await house.contact(answer.key)
    assert (marked.delivery, marked.problem, marked.next_try_at) == ("bounced", "5.1.1", None)
    assert (await house.case(first.case_id)).waiting_since == house.clock()
    assert len(await house.customers()) == 1, "whoever reports a bounce is no customer"


async def test_a_bounce_brings_a_closed_case_back(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    await closed(house, first.case_id)
    await arrives(house, **a_bounce("b1", answer.key))
    assert (await house.case(first.case_id)).state == "queued"


async def test_a_bounce_of_something_we_never_sent_is_a_contact_like_any_other(house: House) -> None:
    first = await arrives(house, "m1")
    for about in ("nothing@help.example.com", "m1"):  # m1 is no answer of ours, so it cannot have bounced
        bounce = await arrives(house, **a_bounce(f"b-{about}", about))
        assert bounce.case_id != first.case_id
    assert (await house.contact("m1")).delivery == ""


async def test_a_delay_reported_on_the_way_changes_nothing_yet(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    await closed(house, first.case_id)
    delayed = await arrives(house, **a_bounce("b1", answer.key, "delayed"))
    assert delayed.case_id == first.case_id
    assert (await house.contact(answer.key)).delivery == "queued"
    assert (await house.case(first.case_id)).state == "closed"


async def test_the_answer_of_somebodys_holiday_joins_a_closed_case_and_leaves_it_closed(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    before = await closed(house, first.case_id)
    joined = await arrives(house, "m2", references=(answer.key,), automatic="reply")
    assert (joined.case_id, joined.number) == (first.case_id, 3)
    case = await house.case(first.case_id)
    assert (case.state, case.closed_at, case.decision) == ("closed", before.closed_at, "solved")
    assert case.waiting_since is None
    await check_cases(house)


@pytest.mark.parametrize("automatic", ["notice", "list"])
async def test_what_comes_through_another_system_reopens_a_closed_case(house: House, automatic: str) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    await closed(house, first.case_id)
    await arrives(house, "m2", references=(answer.key,), automatic=automatic)
    case = await house.case(first.case_id)
    assert (case.state, case.waiting_since) == ("queued", None)


async def test_automatic_mail_does_not_make_an_open_case_wait_for_us(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    await arrives(house, "m2", references=(answer.key,), automatic="reply")
    assert (await house.case(first.case_id)).waiting_since is None


async def test_a_read_receipt_tells_that_the_answer_was_delivered(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    await closed(house, first.case_id)
    report = DeliveryReport(key=answer.key, outcome="delivered")
    await arrives(house, "m2", automatic="notice", report=report)
    assert (await house.contact(answer.key)).delivery == "delivered"
    assert (await house.case(first.case_id)).state == "closed"


async def test_the_first_automatic_letter_opens_a_case_that_nobody_waits_for(house: House) -> None:
    receipt = await arrives(house, "m1", automatic="list")
    case = await house.case(receipt.case_id)
    assert (case.state, case.waiting_since) == ("queued", None)


async def test_a_sender_who_is_forged_joins_nobodys_case_by_what_he_refers_to(house: House) -> None:
    first = await arrives(house, "m1", subject="Счёт")
    answer = await answered(house, first.case_id)
    forged = await arrives(house, "m2", subject="Re: Счёт", references=("m1", answer.key), trust="forged")
    assert forged.customer_id == first.customer_id, "his history is shown, with the warning beside it"
    assert forged.case_id != first.case_id
    assert "forged_reference" in steps(await house.case(forged.case_id))
    again = await arrives(house, "m3", subject="Re: Счёт", trust="forged")
    assert again.case_id not in (first.case_id, forged.case_id)


async def test_a_forged_sender_who_has_our_tag_joins_and_stays_forged(house: House) -> None:
    first = await arrives(house, "m1")
    for sender in ("ivan@example.com", "other@example.net"):
        joined = await arrives(house, sender, thread=first.case_id, trust="forged", sender=sender)
        assert joined.case_id == first.case_id
        assert (await house.contact(sender)).trust == "forged"


async def test_a_bounce_of_our_answer_says_nothing_of_who_sent_it(house: House) -> None:
    first = await arrives(house, "m1")
    answer = await answered(house, first.case_id)
    report = DeliveryReport(key=answer.key, outcome="bounced", status="5.1.1")
    daemon: dict[str, Any] = {
        "sender": "MAILER-DAEMON@relay.example",
        "automatic": "bounce",
        "report": report,
    }
    assert (await arrives(house, "b1", **daemon)).case_id == first.case_id
    assert (await house.contact("b1")).trust == ""


WHO = st.sampled_from(["ivan@example.com", "IVAN@Example.com", "eve@example.net", "anna@example.org"])
TRUSTS = st.sampled_from(["", "proven", "unproven", "forged"])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(WHO, TRUSTS, st.sets(st.integers(0, 9), max_size=3), st.booleans()), max_size=9))
async def test_whatever_letters_refer_to_no_stranger_and_no_forger_is_in_somebodys_case(
    tmp_path_factory: pytest.TempPathFactory, letters: list[tuple[str, str, set[int], bool]]
) -> None:
    async with open_house(tmp_path_factory.mktemp("threads"), batch=3) as house:
        arrivals = [
            an_arrival(
                f"m{number}",
                sender=who,
                trust=trust,
                subject="Re: Счёт" if answers else "Счёт",
                references=tuple(f"m{one}" for one in sorted(refers) if one < number),
            )
            for number, (who, trust, refers, answers) in enumerate(letters)
        ]
        await asyncio.gather(*(house.intake.accept(arrival) for arrival in arrivals))
        whose = await house.addresses()
        for contact in await house.contacts():
            assert contact.customer_id == whose[normalise(contact.sender)]
            assert contact.number == 1 or contact.trust != "forged"
        await check_cases(house)

"""What makes the demo look alive: how much there is, on which channels, and what waits right now."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise

from crm.case import Note, Reopened, TransferAnswered
from crm.collections import AUDIT, DEAD_LETTERS, EMPLOYEES
from crm.store import Store
from onewindow.demo.seed import demo_rules
from onewindow.demo.wording import KINDS
from tests.onewindow.demo.conftest import NOW, Everything


def test_the_past_is_as_long_as_it_was_promised(everything: Everything) -> None:
    assert 200 <= len(everything.customers) <= 230
    assert 550 <= len(everything.cases) <= 750
    assert 1500 <= len(everything.contacts) <= 2400


def test_every_channel_has_a_past_in_both_directions(everything: Everything) -> None:
    ways = Counter((contact.channel, contact.direction) for contact in everything.contacts.values())
    for channel in KINDS:
        assert ways[channel, "inbound"] >= 5, channel
        if channel != "visit":  # who came in person is called back
            assert ways[channel, "outbound"] >= 3, channel


def test_the_recent_months_are_busier_than_the_first(everything: Everything) -> None:
    ago = [(NOW - case.opened_at).days for case in everything.cases.values()]
    assert sum(days < 90 for days in ago) > 1.3 * sum(455 < days < 545 for days in ago)
    assert sum(days < 7 for days in ago) >= 20


def test_people_write_by_day(everything: Everything) -> None:
    past = [case for case in everything.cases.values() if case.opened_at < NOW - timedelta(days=1)]
    nights = [case for case in past if (case.opened_at.hour + 3) % 24 < 7]
    assert len(nights) < 0.05 * len(past)


def test_about_twenty_five_wait_in_queues_from_a_minute_to_hours(everything: Everything) -> None:
    queued = [case for case in everything.cases.values() if case.state == "queued"]
    waits = [NOW - case.waiting_since for case in queued if case.waiting_since]
    assert 20 <= len(queued) <= 40
    assert min(waits) < timedelta(minutes=2)
    assert timedelta(hours=4) < max(waits)
    assert {case.department_id for case in queued} == {
        *("front-desk", "technical", "billing", "sales", "corporate", "complaints")
    }


async def test_every_agent_has_somebody_who_waits_for_him(demo_store: Store, everything: Everything) -> None:
    agents = [one for one in await demo_store.find(EMPLOYEES, limit=100) if one.role == "agent"]
    waiting = Counter(
        case.assignee_id
        for case in everything.cases.values()
        if case.state == "assigned" and case.waiting_since
    )
    assert len(agents) == 12
    for agent in agents:
        assert 1 <= waiting[agent.id] < agent.capacity, agent.login


def test_some_transfers_wait_to_be_accepted_and_some_were_returned(everything: Everything) -> None:
    assert sum(case.transfer is not None for case in everything.cases.values()) >= 3
    answered = [one for one in everything.entries.values() if isinstance(one, TransferAnswered)]
    assert any(not one.accepted and one.reason for one in answered)


def test_some_cases_came_back_to_life(everything: Everything) -> None:
    reopened = [one for one in everything.entries.values() if isinstance(one, Reopened)]
    assert len(reopened) >= 5
    assert sum(case.reopened for case in everything.cases.values()) == len(reopened)


def test_one_unhappy_customer_went_through_five_doors_in_one_case(everything: Everything) -> None:
    doors = defaultdict(set)
    for contact in everything.contacts.values():
        if contact.direction == "inbound":
            doors[contact.case_id].add(contact.channel)
    (case_id,) = [case_id for case_id, used in doors.items() if len(used) == 5]
    case = everything.cases[case_id]
    assert not case.open
    assert case.reopened >= 1
    assert any(isinstance(one, Note) and one.case_id == case_id for one in everything.entries.values())


def test_a_company_network_goes_through_three_departments(everything: Everything) -> None:
    ways = defaultdict(set)
    for entry in everything.entries.values():
        if isinstance(entry, TransferAnswered) and entry.accepted:
            ways[entry.case_id].add(entry.department_id)
    assert any({"technical", "corporate"} <= way for way in ways.values())


def test_mail_has_what_mail_has(everything: Everything) -> None:
    letters = [
        one for one in everything.contacts.values() if one.channel == "email" and one.direction == "inbound"
    ]
    assert sum(bool(letter.quoted) for letter in letters) > 50
    assert sum(bool(letter.signature) for letter in letters) > 50
    assert sum(bool(letter.html) for letter in letters) > 50
    assert {letter.automatic for letter in letters} == {"", "list", "reply", "bounce"}
    assert any(one.delivery == "bounced" for one in everything.contacts.values())


def test_no_two_neighbours_in_a_list_look_alike(everything: Everything) -> None:
    latest = sorted(everything.cases.values(), key=lambda case: case.updated_at, reverse=True)
    rows = [(case.customer_id, case.subject, case.preview) for case in latest]
    assert all(one != other for one, other in pairwise(rows))
    said = [(case.subject, case.preview) for case in latest]
    assert sum(one == other for one, other in pairwise(said)) <= 0.01 * len(said)
    going_on = [case.preview for case in latest if case.open]
    assert len(set(going_on)) == len(going_on)


def test_texts_are_finished_and_read_well(everything: Everything) -> None:
    words = [contact.text for contact in everything.contacts.values()]
    words += [one.text for one in everything.entries.values() if isinstance(one, Note)]
    for text in words:
        assert text.strip(), "nobody says nothing"
        for mark in ("{", "}", "[", "]", "<s", "//", "|", "  ", "?.", " ,", "\n\n\n"):
            assert mark not in text.replace("https://", ""), text


def test_every_rule_of_the_demo_has_been_of_use(everything: Everything) -> None:
    asked = {
        step.rule
        for case in everything.cases.values()
        for step in case.trace
        if step.code == "rule" and step.matched
    }
    assert {rule.name for rule in demo_rules().rule} == asked


async def test_there_is_a_dead_letter_to_replay_and_a_record_of_the_seeding(demo_store: Store) -> None:
    (letter,) = await demo_store.find(DEAD_LETTERS, limit=10)
    assert letter.state == "waiting"
    assert await demo_store.read_blob(letter.contact.raw)
    assert await demo_store.get(AUDIT, "demo-done")

"""What the demo keeps is what the product would have kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from crm.case import Closed, Decision, Opened, Transferred
from crm.collections import (
    ADDRESSES,
    COUNTERS,
    DEPARTMENTS,
    EMPLOYEES,
    OFFERINGS,
    SAVED_REPLIES,
    SUBSCRIPTIONS,
)
from crm.contact import Address
from crm.store import Store
from onewindow.demo import telecom
from router.history import happened_at
from router.identity import normalise
from tests.onewindow.demo.conftest import NOW, Everything


def test_every_case_counts_its_contacts_from_one(everything: Everything) -> None:
    for case in everything.cases.values():
        numbers = [contact.number for contact in everything.of_case(case.id)]
        assert numbers == list(range(1, case.contacts + 1)), case.id


def test_contacts_of_a_case_are_in_the_order_of_time(everything: Everything) -> None:
    for case_id in everything.cases:
        times = [contact.received_at for contact in everything.of_case(case_id)]
        assert times == sorted(times), case_id


def test_a_case_shows_its_latest_contact(everything: Everything) -> None:
    for case in everything.cases.values():
        latest = everything.of_case(case.id)[-1]
        assert (case.last_channel, case.last_direction) == (latest.channel, latest.direction)
        if latest.direction == "outbound":
            assert case.waiting_since is None


def test_every_contact_and_entry_belongs_to_the_customer_of_its_case(everything: Everything) -> None:
    for contact in everything.contacts.values():
        assert contact.customer_id == everything.cases[contact.case_id].customer_id
    for entry in everything.entries.values():
        assert entry.customer_id == everything.cases[entry.case_id].customer_id
    assert {case.customer_id for case in everything.cases.values()} <= everything.customers.keys()


def test_every_closed_case_rests_on_a_decision_made_before(everything: Everything) -> None:
    closings = defaultdict(list)
    for entry in everything.entries.values():
        if isinstance(entry, Closed):
            closings[entry.case_id].append(entry)
    for case in everything.cases.values():
        assert case.open is (case.state != "closed")
        if case.open:
            continue
        last = max(closings[case.id], key=lambda closed: closed.at)
        decision = everything.entries[last.decision_id]
        assert isinstance(decision, Decision)
        assert decision.at <= last.at == case.closed_at
        assert decision.code == case.decision


def test_every_case_begins_with_an_opening_that_says_why(everything: Everything) -> None:
    opened = Counter(entry.case_id for entry in everything.entries.values() if isinstance(entry, Opened))
    assert opened == dict.fromkeys(everything.cases, 1)
    for case in everything.cases.values():
        opening = everything.entries[f"{case.id}-opened"]
        assert isinstance(opening, Opened)
        assert opening.trace
        first = min(
            happened_at(item)
            for item in (*everything.of_case(case.id), *everything.entries.values())
            if item.case_id == case.id
        )
        assert opening.at == case.opened_at == first


def test_nothing_happens_after_now_or_before_eighteen_months_ago(everything: Everything) -> None:
    times = [happened_at(item) for item in (*everything.contacts.values(), *everything.entries.values())]
    assert max(times) <= NOW
    assert NOW - timedelta(days=560) < min(times) < NOW - timedelta(days=500)


async def test_every_address_is_normalised_and_has_one_customer(
    demo_store: Store, everything: Everything
) -> None:
    addresses = await demo_store.find(ADDRESSES, limit=10_000)
    for address in addresses:
        assert address.id == normalise(Address(kind=address.kind, value=address.value))
        assert address.customer_id in everything.customers
    known = {address.id: address.customer_id for address in addresses}
    senders = [one for one in everything.contacts.values() if one.direction == "inbound"]
    assert {known[normalise(one.sender)] == one.customer_id for one in senders if not one.automatic} == {True}


async def test_everybody_and_everything_referred_to_is_there(
    demo_store: Store, everything: Everything
) -> None:
    employees = {one.id: one for one in await demo_store.find(EMPLOYEES, limit=100)}
    departments = {one.id for one in await demo_store.find(DEPARTMENTS, limit=100)}
    offerings = {one.id for one in await demo_store.find(OFFERINGS, limit=100)}
    cases, entries = everything.cases.values(), everything.entries.values()
    assert {case.department_id for case in cases} == departments
    assert {case.assignee_id for case in cases} - {""} <= employees.keys()
    assert {entry.employee_id for entry in entries} - {""} <= employees.keys()
    assert {one.owner_id for one in everything.customers.values()} - {""} <= employees.keys()
    assert {one.department_id for one in await demo_store.find(SAVED_REPLIES, limit=100)} - {
        ""
    } <= departments
    for held in await demo_store.find(SUBSCRIPTIONS, limit=10_000):
        assert held.customer_id in everything.customers
        assert held.offering_id in offerings
        assert held.since < NOW
    for employee in employees.values():
        assert set(employee.department_ids) <= departments


async def test_the_department_every_store_has_gets_its_demo_names(demo_store: Store) -> None:
    kept = {one.id: one for one in await demo_store.find(DEPARTMENTS, limit=100)}
    for department in telecom.DEPARTMENTS:
        assert kept[department.id].names == department.names
        assert kept[department.id].hours == department.hours


async def test_the_next_case_gets_a_number_that_is_free(demo_store: Store, everything: Everything) -> None:
    counter = await demo_store.get(COUNTERS, "case")
    assert counter is not None
    assert counter.value >= max(int(case_id) for case_id in everything.cases)


async def test_every_file_is_there_and_what_its_type_says(demo_store: Store, everything: Everything) -> None:
    beginnings = {"image/png": b"\x89PNG\r\n\x1a\n", "application/pdf": b"%PDF-1.4"}
    files = [file for contact in everything.contacts.values() for file in contact.attachments]
    assert set(beginnings) <= {file.mime for file in files}
    for file in files:
        content = await demo_store.read_blob(file.blob)
        assert content is not None
        assert len(content) == file.size
        assert content.startswith(beginnings.get(file.mime, b""))


async def test_every_letter_is_kept_as_it_came(demo_store: Store, everything: Everything) -> None:
    letters = [
        one for one in everything.contacts.values() if one.channel == "email" and one.direction == "inbound"
    ]
    assert len(letters) > 200
    for letter in letters:
        raw = await demo_store.read_blob(letter.raw)
        assert raw is not None
        assert letter.key.encode() in raw


def test_nothing_waits_to_be_sent(everything: Everything) -> None:
    for contact in everything.contacts.values():
        assert contact.delivery != "queued"
        assert contact.next_try_at is None


@pytest.mark.parametrize("kind", ["email", "phone", "fax"])
async def test_addresses_are_where_nobody_lives(demo_store: Store, kind: str) -> None:
    addresses = [one for one in await demo_store.find(ADDRESSES, limit=10_000) if one.kind == kind]
    assert addresses
    for address in addresses:
        if kind == "email":
            assert address.value.endswith((".example", "@example.com", "@example.org", "@example.net"))
        else:
            assert address.value.startswith("+7900555")


def test_transfers_say_why(everything: Everything) -> None:
    transfers = [entry for entry in everything.entries.values() if isinstance(entry, Transferred)]
    assert len(transfers) > 40
    assert all(transfer.reason for transfer in transfers)

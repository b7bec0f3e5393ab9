"""Employees, departments and replies change only into what can work, and somebody can always administer."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from crm.collections import DEPARTMENTS, EMPLOYEES, SAVED_REPLIES
from crm.employee import Employee, Hours, SavedReply
from crm.errors import BadInput, Conflict, NotAllowed, NotFound
from crm.store import Insert, Store, equals
from router.extensions import Extensions
from router.staff import (
    add_department,
    add_employee,
    add_reply,
    change_department,
    change_employee,
    change_reply,
    set_password,
)
from tests.router.records import CountedIds, a_case, a_department, an_employee, keep

CHIEF = an_employee("chief", role="admin")
NEW = {"login": "vera", "name": "Вера", "department_ids": ["front-desk"]}


@pytest.fixture
async def filled(store: Store) -> Store:
    await keep(store, a_department(), a_department("billing"), CHIEF, an_employee("anna"))
    return store


async def add(store: Store, **fields: Any) -> Employee:
    return await add_employee(store, {**NEW, **fields}, password_hash="hash", new_id=CountedIds())


async def change(store: Store, id: str, *, by: Employee = CHIEF, version: int = 1, **fields: Any) -> Employee:
    return await change_employee(store, id, fields, by=by, version=version)


async def test_of_two_who_want_one_login_at_once_one_gets_it(filled: Store) -> None:
    ids = CountedIds()
    tries = [add_employee(filled, NEW, password_hash="hash", new_id=ids) for _ in range(4)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, BadInput) and outcome.field == "login" for outcome in outcomes) == 3
    assert len(await filled.find(EMPLOYEES, equals("login", "vera"))) == 1


async def test_two_administrators_who_depose_each_other_at_once_leave_one(filled: Store) -> None:
    second = an_employee("second", role="admin")
    await keep(filled, second)
    outcomes = await asyncio.gather(
        change(filled, "second", by=CHIEF, role="agent"),
        change(filled, "chief", by=second, role="agent"),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, NotAllowed) for outcome in outcomes) == 1
    roles = [employee.role for employee in await filled.find(EMPLOYEES)]
    assert roles.count("admin") == 1


async def test_a_new_employee_is_kept_as_given(filled: Store) -> None:
    added = await add(filled, role="supervisor", capacity=7, language="en", region="Тверь")
    stored = await filled.get(EMPLOYEES, added.id)
    assert stored == added
    assert (added.role, added.capacity, added.password_hash) == ("supervisor", 7, "hash")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"login": "anna"}, "login"),
        ({"login": "Вера"}, "login"),
        ({"login": "v"}, "login"),
        ({"name": "  "}, "name"),
        ({"role": "emperor"}, "role"),
        ({"capacity": 101}, "capacity"),
        ({"capacity": "many"}, "capacity"),
        ({"language": "fr"}, "language"),
        ({"department_ids": ["nowhere"]}, "department_ids"),
        ({"password_hash": "x"}, "password_hash"),
        ({"id": "x"}, "id"),
    ],
)
async def test_an_employee_who_could_not_work_is_refused(
    fields: dict[str, Any], field: str, filled: Store
) -> None:
    with pytest.raises(BadInput) as refused:
        await add(filled, **fields)
    assert refused.value.field == field
    assert len(await filled.find(EMPLOYEES)) == 2


async def test_only_what_is_named_changes(filled: Store) -> None:
    changed = await change(filled, "anna", capacity=9)
    assert changed == msgspec.structs.replace(an_employee("anna"), capacity=9, version=2)
    assert await filled.get(EMPLOYEES, "anna") == changed


async def test_a_change_of_what_changed_meanwhile_is_a_conflict(filled: Store) -> None:
    await change(filled, "anna", capacity=9)
    with pytest.raises(Conflict):
        await change(filled, "anna", capacity=3)


async def test_one_administrator_is_always_left(filled: Store) -> None:
    with pytest.raises(NotAllowed):
        await change(filled, "chief", role="agent")
    with pytest.raises(NotAllowed, match="One administrator"):
        await change(filled, "chief", by=an_employee("anna"), active=False)
    second = await add(filled, role="admin")
    await change(filled, "chief", by=second, role="agent")


async def test_nobody_deactivates_himself(filled: Store) -> None:
    with pytest.raises(NotAllowed):
        await change(filled, "anna", by=an_employee("anna"), active=False)


async def test_a_new_password_leaves_the_rest(filled: Store) -> None:
    await set_password(filled, "anna", "new hash")
    stored = await filled.get(EMPLOYEES, "anna")
    assert stored is not None
    assert (stored.password_hash, stored.name) == ("new hash", "Anna")
    with pytest.raises(NotFound):
        await set_password(filled, "nobody", "hash")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": "Front Desk"}, "id"),
        ({"id": "billing"}, "id"),
        ({"names": {"en": "Sales"}}, "name_ru"),
        ({"timezone": "Moon/Base"}, "timezone"),
        ({"hours": (Hours(day=1, opens="9", closes="18:00"),)}, "hours"),
    ],
)
async def test_a_department_that_could_not_work_is_refused(
    fields: dict[str, Any], field: str, filled: Store
) -> None:
    with pytest.raises(BadInput) as refused:
        await add_department(filled, a_department(**{"id": "sales", **fields}))
    assert refused.value.field == field


async def test_a_department_is_added_and_changed(filled: Store) -> None:
    added = await add_department(filled, a_department("sales"))
    names = {"en": "Sales", "ru": "Продажи"}
    changed = await change_department(
        filled, msgspec.structs.replace(added, names=names), default_id="front-desk"
    )
    assert await filled.get(DEPARTMENTS, "sales") == changed


async def test_a_department_with_open_cases_stays_open(filled: Store) -> None:
    await keep(filled, a_case("1", department_id="billing"))
    closed = a_department("billing", active=False)
    with pytest.raises(BadInput, match="transfer them first"):
        await change_department(filled, closed, default_id="front-desk")


async def test_the_department_of_what_no_rule_claims_stays_open(filled: Store) -> None:
    with pytest.raises(BadInput, match="no rule claims"):
        await change_department(filled, a_department(active=False), default_id="front-desk")


async def test_a_department_without_cases_can_be_closed(filled: Store) -> None:
    closed = await change_department(filled, a_department("billing", active=False), default_id="front-desk")
    assert not closed.active


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"text": " "}, "text"),
        ({"language": "fr"}, "language"),
        ({"department_id": "nowhere"}, "department_ids"),
    ],
)
async def test_a_reply_that_says_nothing_is_refused(
    fields: dict[str, Any], field: str, filled: Store
) -> None:
    with pytest.raises(BadInput) as refused:
        await add_reply(
            filled, SavedReply(**{"id": "r1", "title": "Привет", "text": "Здравствуйте!", **fields})
        )
    assert refused.value.field == field


async def test_a_reply_can_be_taken_out_of_use(filled: Store) -> None:
    reply = SavedReply(id="r1", title="Привет", text="Здравствуйте, {customer}!")
    await filled.commit([Insert(SAVED_REPLIES, reply)])
    changed = await change_reply(filled, msgspec.structs.replace(reply, active=False))
    assert await filled.get(SAVED_REPLIES, "r1") == changed


async def test_a_telephone_is_on_one_desk(filled: Store) -> None:
    await change(filled, "anna", extensions=["101", "PJSIP/anna"])
    with pytest.raises(BadInput) as taken:
        await change(filled, "chief", extensions=["pjsip/ANNA"])
    assert taken.value.field == "extensions"
    phones = Extensions(filled)
    assert [await phones.at(phone) for phone in ("101", "PJSIP/Anna", "102")] == ["anna", "anna", ""]

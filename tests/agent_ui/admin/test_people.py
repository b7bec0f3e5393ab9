"""An administrator says who works here and where; what he does takes effect at once and is recorded."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from agent_ui.admin.departments import hours_of_day, read_hours
from agent_ui.admin.employees import new_password
from agent_ui.passwords import hash_password, is_password
from crm.collections import AUDIT, DEPARTMENTS, EMPLOYEES
from crm.employee import Department, Hours
from crm.errors import BadInput
from crm.store import Replace, equals
from tests.agent_ui.site import FETCH, Browser, Site, sessions_of
from tests.router.house import an_arrival

NEW = {
    "login": "Nina",
    "name": " Нина   Фомина ",
    "role": "agent",
    "language": "ru",
    "capacity": "7",
    "department_ids": "technical",
    "password": "four-good-words",
}
OFFICE = {f"hours_{day}": "09:00–13:00, 14:00–18:00" for day in range(5)}
SALES = {"id": "sales", "name_en": "Sales", "name_ru": "Продажи", "timezone": "Europe/Samara", **OFFICE}


async def recorded(site: Site) -> list[str]:
    await site.rooms.audit.flush()
    return [line.what for line in await site.house.store.find(AUDIT)]


@pytest.mark.parametrize("path", ["/admin/employees", "/admin/departments", "/admin/tokens", "/admin/audit"])
async def test_only_administrators_administer(
    path: str, anna: Browser, olga: Browser, irina: Browser
) -> None:
    assert [(await who.get(path)).status for who in (anna, olga, irina)] == [403, 403, 200]


async def test_each_role_begins_at_its_first_tab(olga: Browser, irina: Browser, anna: Browser) -> None:
    assert (await irina.get("/admin")).headers["Location"] == "/admin/employees"
    assert (await olga.get("/admin")).headers["Location"] == "/admin/rules"
    assert (await anna.get("/admin")).status == 403


async def test_somebody_new_can_sign_in_with_the_password_he_was_given(site: Site, irina: Browser) -> None:
    assert (await irina.post("/admin/employees", NEW)).status == 204
    (nina,) = await site.house.store.find(EMPLOYEES, equals("login", "nina"))
    assert (nina.name, nina.capacity, nina.department_ids) == ("Нина Фомина", 7, ("technical",))
    assert await is_password("four-good-words", nina.password_hash)
    assert await recorded(site) == ["employee.add"]
    assert "Нина Фомина" in (await irina.get("/admin/employees")).words


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"login": "anna"}, "login"),
        ({"name": ""}, "name"),
        ({"capacity": "a lot"}, "capacity"),
        ({"role": "emperor"}, "role"),
        ({"password": "short"}, "password"),
        ({"department_ids": "nowhere"}, "department_ids"),
    ],
)
async def test_a_form_that_cannot_be_kept_names_its_field(
    fields: dict[str, str], field: str, site: Site, irina: Browser
) -> None:
    refused = await irina.post("/admin/employees", {**NEW, **fields})
    assert (refused.status, refused.json()["field"]) == (422, field)
    assert await site.house.store.find(EMPLOYEES, equals("login", "nina")) == []


async def change(browser: Browser, id: str, **fields: Any) -> int:
    given = {**NEW, "login": id, "name": id, "department_ids": "front-desk", "version": "1", **fields}
    return (await browser.post(f"/admin/employees/{id}", given)).status


async def test_who_no_longer_works_here_is_signed_out_and_his_cases_wait_again(
    site: Site, anna: Browser, irina: Browser
) -> None:
    receipt = await site.house.intake.accept(an_arrival())
    await anna.post(f"/cases/{receipt.case_id}/take")
    assert await change(irina, "anna", inactive="1") == 204
    case = await site.house.case(receipt.case_id)
    assert (case.state, case.assignee_id) == ("queued", "")
    assert await sessions_of(site, "anna") == 0
    assert (await anna.get("/inbox")).status == 303
    assert {"employee.change", "employee.deactivate"} <= set(await recorded(site))


async def test_a_change_of_an_old_page_is_refused(irina: Browser) -> None:
    assert await change(irina, "anna", capacity="9") == 204
    assert await change(irina, "anna", capacity="3") == 409


async def test_the_last_administrator_stays_one(site: Site, irina: Browser) -> None:
    assert await change(irina, "irina", role="agent") == 403
    assert (await site.house.employee("irina")).role == "admin"


async def test_a_new_password_ends_what_the_old_one_opened(site: Site, anna: Browser, irina: Browser) -> None:
    employee = await site.house.employee("anna")
    hashed = msgspec.structs.replace(employee, password_hash=hash_password("the old password"))
    await site.house.store.commit([Replace(EMPLOYEES, hashed)])
    answer = await irina.post("/admin/employees/anna/password", {"password": "a quite new one"})
    assert answer.status == 204
    changed = (await site.house.employee("anna")).password_hash
    assert await is_password("a quite new one", changed)
    assert not await is_password("the old password", changed)
    assert await sessions_of(site, "anna") == 0
    assert await recorded(site) == ["employee.password"]


async def test_who_changes_his_own_password_here_stays_signed_in(site: Site, irina: Browser) -> None:
    await irina.post("/admin/employees/irina/password", {"password": "a quite new one"})
    assert (await irina.get("/admin/employees")).status == 200


async def test_a_password_made_here_can_be_read_aloud_and_differs_each_time() -> None:
    made = {new_password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", one) for one in made)


async def test_a_department_is_made_with_its_hours(site: Site, irina: Browser) -> None:
    assert (await irina.post("/admin/departments", SALES)).status == 204
    sales = await site.house.store.get(DEPARTMENTS, "sales")
    assert sales is not None
    assert (sales.names["ru"], sales.timezone, len(sales.hours)) == ("Продажи", "Europe/Samara", 10)
    form = await irina.get("/admin/departments/sales", headers=FETCH)
    assert 'name="hours_4" value="09:00–13:00, 14:00–18:00"' in form.text
    assert 'name="hours_5" value=""' in form.text
    assert await recorded(site) == ["department.add"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": "Front Desk"}, "id"),
        ({"name_en": " "}, "name_en"),
        ({"hours_3": "с девяти до шести"}, "hours_3"),
        ({"hours_3": "09:00–25:00"}, "hours"),
        ({"timezone": "Luna/Mare"}, "timezone"),
    ],
)
async def test_a_department_that_cannot_be_names_its_field(
    fields: dict[str, str], field: str, irina: Browser
) -> None:
    refused = await irina.post("/admin/departments", {**SALES, **fields})
    assert (refused.status, refused.json()["field"]) == (422, field)


async def test_a_department_with_open_cases_is_not_closed_down(site: Site, irina: Browser) -> None:
    await site.house.intake.accept(an_arrival(text="не работает"))
    fields = {**SALES, "version": "1", "inactive": "1"}
    refused = await irina.post("/admin/departments/technical", fields)
    assert (refused.status, refused.json()["field"]) == (422, "active")


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("", []),
        ("9:00-18:00", [("09:00", "18:00")]),
        ("09.00 — 18.00", [("09:00", "18:00")]),
        ("09:00–13:00,14:00–18:00", [("09:00", "13:00"), ("14:00", "18:00")]),
        ("22:00–06:00", [("22:00", "06:00")]),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, hours: list[tuple[str, str]]) -> None:
    read = read_hours(text, 2)
    assert read == [Hours(day=2, opens=opens, closes=closes) for opens, closes in hours]
    department = Department(id="d", names={}, hours=tuple(read))
    assert read_hours(hours_of_day(department, 2), 2) == read


@pytest.mark.parametrize("text", ["9-18", "утром", "09:00–18:00;", "09:00"])
def test_hours_nobody_can_read_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_hours(text, 0)

"""Employees: who works here, in which departments, with which role, and a new password for who forgot his."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from aiohttp import web

from agent_ui.admin.tabs import admin_page, note
from agent_ui.passwords import hash_in_thread
from agent_ui.sessions import end_all_sessions
from agent_ui.visit import Form, Visit, get, post, read_form
from agent_ui.words import LANGUAGES, mark
from crm.collections import CASES, DEPARTMENTS, EMPLOYEES
from crm.employee import Department, Employee
from crm.errors import BadInput, Conflict, NotFound
from crm.store import Order, equals
from router.live import Status
from router.staff import add_employee, change_employee, set_password

ROLES = ("agent", "supervisor", "admin")
MOST = 5_000

# No letters and digits that look alike: the password is read off a screen or a slip of paper.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


class Line(NamedTuple):
    """An employee in the list."""

    employee: Employee
    status: Status
    open_cases: int


async def show_employees(visit: Visit) -> web.Response:
    store = visit.rooms.store
    employees = await store.find(EMPLOYEES, order=Order("name"), limit=MOST)
    present = await visit.rooms.live.present()
    groups = await store.aggregate(CASES, equals("open", True), by=("assignee_id",))
    held = {str(group.key[0]): group.records for group in groups}
    lines = [
        Line(one, present[one.id].status if one.id in present else "offline", held.get(one.id, 0))
        for one in employees
    ]
    lines.sort(key=lambda line: not line.employee.active)
    return admin_page(visit, "admin_employees.html", lines=lines, departments=await _departments(visit))


async def show_form(visit: Visit) -> web.Response:
    """The form of somebody new, or of one who works here."""
    id_ = visit.request.match_info.get("employee", "")
    employee = await _read(visit, id_) if id_ else None
    return visit.fragment(
        "admin_employee.html",
        employee=employee,
        password=new_password(),
        roles=ROLES,
        departments=await _departments(visit),
    )


async def show_password_form(visit: Visit) -> web.Response:
    employee = await _read(visit, visit.request.match_info["employee"])
    return visit.fragment("admin_password.html", employee=employee, password=new_password())


async def add(visit: Visit) -> web.Response:
    form = await read_form(visit.request)
    hashed = await hash_in_thread(form.text("password"))
    added = await add_employee(
        visit.rooms.store, _read_fields(form), password_hash=hashed, new_id=visit.rooms.new_id
    )
    await note(visit, "employee.add", "employee", added.id)
    return visit.done("/admin/employees")


async def change(visit: Visit) -> web.Response:
    """Whoever no longer works here is signed out, and what he held waits in the queue again."""
    store, form = visit.rooms.store, await read_form(visit.request)
    before = await _read(visit, visit.request.match_info["employee"])
    changed = await change_employee(
        store, before.id, _read_fields(form), by=visit.me, version=_read_version(form)
    )
    await note(visit, "employee.change", "employee", changed.id)
    if before.active and not changed.active:
        await end_all_sessions(store, changed.id, at=visit.rooms.clock())
        await _release_cases(visit, changed)
        await note(visit, "employee.deactivate", "employee", changed.id)
    return visit.done("/admin/employees")


async def reset_password(visit: Visit) -> web.Response:
    """A new password; whoever came in with the old one is signed out."""
    form = await read_form(visit.request)
    employee = await _read(visit, visit.request.match_info["employee"])
    await set_password(visit.rooms.store, employee.id, await hash_in_thread(form.text("password")))
    but = visit.session.id if employee.id == visit.me.id else ""
    await end_all_sessions(visit.rooms.store, employee.id, at=visit.rooms.clock(), but=but)
    await note(visit, "employee.password", "employee", employee.id)
    return visit.done("/admin/employees")


def new_password() -> str:
    """Four groups of four that can be read over the telephone: 79 bits."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(4))


async def _release_cases(visit: Visit, employee: Employee) -> None:
    held = await visit.rooms.store.find(
        CASES, equals("assignee_id", employee.id), equals("open", True), limit=MOST
    )
    for case in held:
        try:
            await visit.rooms.casework.release(case.id, visit.me)
        except (BadInput, Conflict):
            continue  # it was closed or given away a moment ago


def _read_fields(form: Form) -> dict[str, object]:
    capacity = form.text("capacity").strip()
    if not capacity.isdecimal() or len(capacity) > 3:
        raise BadInput(mark("A capacity is 0 to 100 cases."), field="capacity")
    language = form.text("language")
    return {
        "login": form.text("login").strip().casefold(),
        "name": " ".join(form.text("name").split()),
        "role": form.text("role"),
        "department_ids": form.texts("department_ids"),
        "region": form.text("region").strip(),
        "language": language if language in LANGUAGES else LANGUAGES[0],
        "capacity": int(capacity),
        "extensions": [one for one in (part.strip() for part in form.text("extensions").split(",")) if one],
        "active": form.text("inactive") == "",
    }


def _read_version(form: Form) -> int:
    version = form.text("version")
    if not version.isdecimal() or len(version) > 9:
        raise BadInput(mark("The page is out of date: load it again."), field="version")
    return int(version)


async def _read(visit: Visit, id_: str) -> Employee:
    employee = await visit.rooms.store.get(EMPLOYEES, id_)
    if employee is None:
        raise NotFound(mark("There is no such employee."), field="employee_id")
    return employee


async def _departments(visit: Visit) -> dict[str, Department]:
    found = await visit.rooms.store.find(DEPARTMENTS, limit=1000)
    return {department.id: department for department in found}


ROUTES = [
    get("/admin/employees", show_employees, "admin"),
    get("/admin/employees/new", show_form, "admin"),
    get("/admin/employees/{employee}", show_form, "admin"),
    get("/admin/employees/{employee}/password", show_password_form, "admin"),
    post("/admin/employees", add, "admin"),
    post("/admin/employees/{employee}", change, "admin"),
    post("/admin/employees/{employee}/password", reset_password, "admin"),
]

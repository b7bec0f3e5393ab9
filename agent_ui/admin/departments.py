"""Departments: their names in each language, and when they answer by the clock on their own wall."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
from aiohttp import web
from babel.dates import get_day_names

from agent_ui.admin.tabs import admin_page, note
from agent_ui.visit import Form, Visit, get, post, read_form
from agent_ui.words import LANGUAGES, mark
from crm.collections import DEPARTMENTS, EMPLOYEES
from crm.employee import Department, Hours
from crm.errors import BadInput, NotFound
from router.hours import is_open, opens_next
from router.staff import add_department, change_department

ZONES = (
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Krasnoyarsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
    "UTC",
)
"""Offered first; any other name of the IANA data base may be typed."""

_STRETCH = re.compile(r"(\d{1,2})[:.](\d{2})\s*[-–—]\s*(\d{1,2})[:.](\d{2})")


class Line(NamedTuple):
    """A department in the list."""

    department: Department
    people: int
    open_now: bool
    opens: str


async def show_departments(visit: Visit) -> web.Response:
    departments = await visit.rooms.store.find(DEPARTMENTS, limit=1000)
    employees = await visit.rooms.store.find(EMPLOYEES, limit=5000)
    lines = [
        Line(
            department,
            sum(department.id in one.department_ids for one in employees if one.active),
            is_open(department, visit.speaker.now),
            _say_opening(visit, department),
        )
        for department in departments
    ]
    lines.sort(key=lambda line: (not line.department.active, visit.speaker.name(line.department.names)))
    return admin_page(
        visit, "admin_departments.html", lines=lines, days=day_names(visit), hours_of=hours_of_day
    )


async def show_form(visit: Visit) -> web.Response:
    id_ = visit.request.match_info.get("department", "")
    department = await _read(visit, id_) if id_ else None
    return visit.fragment(
        "admin_department.html",
        department=department,
        days=day_names(visit),
        hours_of=hours_of_day,
        zones=ZONES,
    )


async def add(visit: Visit) -> web.Response:
    form = await read_form(visit.request)
    added = await add_department(
        visit.rooms.store, _read_department(form, Department(id=form.text("id").strip(), names={}))
    )
    await note(visit, "department.add", "department", added.id)
    return visit.done("/admin/departments")


async def change(visit: Visit) -> web.Response:
    form = await read_form(visit.request)
    before = await _read(visit, visit.request.match_info["department"])
    version = form.text("version")
    seen = int(version) if version.isdecimal() and len(version) < 10 else before.version
    changed = _read_department(form, msgspec.structs.replace(before, version=seen))
    await change_department(visit.rooms.store, changed, default_id=visit.rooms.rules.default_department)
    await note(visit, "department.change", "department", before.id)
    return visit.done("/admin/departments")


def day_names(visit: Visit) -> list[str]:
    """Monday to Sunday, in the reader's language."""
    names = get_day_names("abbreviated", context="stand-alone", locale=visit.speaker.language)
    return [str(names[day]) for day in range(7)]


def hours_of_day(department: Department | None, day: int) -> str:
    """The hours of a weekday as the form writes them."""
    hours = [one for one in department.hours if one.day == day] if department else []
    return ", ".join(f"{one.opens}–{one.closes}" for one in sorted(hours, key=lambda one: one.opens))


def read_hours(text: str, day: int) -> list[Hours]:
    """Hours of a weekday such as `09:00–13:00, 14:00–18:00`; none of an empty text. Raises `BadInput`."""
    hours = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _STRETCH.fullmatch(part)
        if not found:
            raise BadInput(mark("Hours are written like 09:00–18:00."), field=f"hours_{day}")
        opens, closes = f"{int(found[1]):02}:{found[2]}", f"{int(found[3]):02}:{found[4]}"
        hours.append(Hours(day=day, opens=opens, closes=closes))
    return hours


def _read_department(form: Form, before: Department) -> Department:
    names = {language: " ".join(form.text(f"name_{language}").split()) for language in LANGUAGES}
    hours = [one for day in range(7) for one in read_hours(form.text(f"hours_{day}"), day)]
    return msgspec.structs.replace(
        before,
        names=names,
        hours=tuple(hours),
        timezone=form.text("timezone").strip(),
        active=form.text("inactive") == "",
    )


def _say_opening(visit: Visit, department: Department) -> str:
    opens = opens_next(department, visit.speaker.now)
    return visit.speaker.moment(opens) if opens else ""


async def _read(visit: Visit, id_: str) -> Department:
    department = await visit.rooms.store.get(DEPARTMENTS, id_)
    if department is None:
        raise NotFound(mark("There is no such department."), field="department_id")
    return department


ROUTES = [
    get("/admin/departments", show_departments, "admin"),
    get("/admin/departments/new", show_form, "admin"),
    get("/admin/departments/{department}", show_form, "admin"),
    post("/admin/departments", add, "admin"),
    post("/admin/departments/{department}", change, "admin"),
]

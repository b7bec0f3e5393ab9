"""What an employee does with a case from its page: each button and form is one act of casework."""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256

from aiohttp import web

from agent_ui.opening import OpenCase, enter_case, note_reading
from agent_ui.visit import Form, Visit, post, read_form
from agent_ui.words import mark
from crm.case import Case
from crm.collections import EMPLOYEES
from crm.errors import BadInput, NotFound
from router.casework import NewFile
from router.ways import Way

MOST_FILES = 20
_CLIENT_ID = re.compile(r"[0-9a-f]{16,32}")


async def answer(visit: Visit) -> web.Response:
    """An answer to the customer. The same id of the client is the same answer, however often it comes."""
    opened, form = await _opened(visit)
    way = await find_way(visit, opened.case, form.text("way"))
    await visit.rooms.casework.answer(
        opened.case.id,
        visit.me,
        channel=way.channel,
        to=way.to,
        text=form.text("text").strip(),
        subject=form.text("subject").strip()[:300] if way.channel == "email" else "",
        files=await read_files(form),
        new_id=read_client_id(form),
    )
    return await _done(visit, opened, "case.answer")


async def note(visit: Visit) -> web.Response:
    opened, form = await _opened(visit)
    await visit.rooms.casework.note(
        opened.case.id, visit.me, form.text("text").strip(), new_id=read_client_id(form)
    )
    return await _done(visit, opened, "case.note")


async def take(visit: Visit) -> web.Response:
    opened, _ = await _opened(visit)
    await visit.rooms.casework.take(opened.case.id, visit.me)
    return await _done(visit, opened, "case.take")


async def accept(visit: Visit) -> web.Response:
    opened, _ = await _opened(visit)
    await visit.rooms.casework.accept(opened.case.id, visit.me)
    return await _done(visit, opened, "case.accept")


async def release(visit: Visit) -> web.Response:
    opened, form = await _opened(visit)
    await visit.rooms.casework.release(opened.case.id, visit.me, form.text("reason"))
    return await _done(visit, opened, "case.release")


async def transfer(visit: Visit) -> web.Response:
    opened, form = await _opened(visit)
    await visit.rooms.casework.transfer(
        opened.case.id, visit.me, form.text("to_department_id"), form.text("reason").strip()
    )
    return await _done(visit, opened, "case.transfer")


async def accept_transfer(visit: Visit) -> web.Response:
    opened, _ = await _opened(visit)
    await visit.rooms.casework.accept_transfer(opened.case.id, visit.me)
    return await _done(visit, opened, "case.accept_transfer")


async def return_transfer(visit: Visit) -> web.Response:
    opened, form = await _opened(visit)
    await visit.rooms.casework.return_transfer(opened.case.id, visit.me, form.text("reason").strip())
    return await _done(visit, opened, "case.return_transfer")


async def decide(visit: Visit) -> web.Response:
    """A decision, and unless asked otherwise the case is closed on the strength of it."""
    opened, form = await _opened(visit)
    if not form.text("code"):
        raise BadInput(mark("Choose what was decided."), field="code")
    await visit.rooms.casework.decide(
        opened.case.id,
        visit.me,
        code=form.text("code"),
        text=form.text("text").strip(),
        close=form.text("keep_open") == "",
    )
    return await _done(visit, opened, "case.decide")


async def close(visit: Visit) -> web.Response:
    """On the strength of a decision that was recorded earlier."""
    opened, _ = await _opened(visit)
    await visit.rooms.casework.close(opened.case.id, visit.me)
    return await _done(visit, opened, "case.close")


async def reopen(visit: Visit) -> web.Response:
    opened, form = await _opened(visit)
    await visit.rooms.casework.reopen(opened.case.id, visit.me, form.text("reason").strip())
    return await _done(visit, opened, "case.reopen")


async def set_priority(visit: Visit) -> web.Response:
    opened, form = await _opened(visit)
    priority = form.text("priority")
    await visit.rooms.casework.set_priority(
        opened.case.id, visit.me, int(priority) if priority.isdecimal() and len(priority) < 3 else 0
    )
    return await _done(visit, opened, "case.priority")


async def give(visit: Visit) -> web.Response:
    opened, form = await _opened(visit)
    to = await visit.rooms.store.get(EMPLOYEES, form.text("employee_id"))
    if to is None:
        raise NotFound(mark("There is no such employee."), field="employee_id")
    await visit.rooms.casework.give(opened.case.id, visit.me, to)
    return await _done(visit, opened, "case.give")


async def find_way(visit: Visit, case: Case, mark_: str) -> Way:
    """The way that the form chose. It must still be one: nobody writes to an address of his own choice."""
    for way in await visit.rooms.casework.ways_to_answer(case):
        if way_mark(way) == mark_:
            return way
    raise BadInput(mark("Choose where the answer goes."), field="way")


def way_mark(way: Way) -> str:
    """What a form names a way by."""
    return sha256(f"{way.channel}\n{way.to.kind}\n{way.to.value}".encode()).hexdigest()[:16]


async def read_files(form: Form) -> list[NewFile]:
    """The files of a form, read away from the loop: large ones lie on the disk."""
    files = form.files("files")
    if len(files) > MOST_FILES:
        raise BadInput(mark("Too many files for one answer."), field="files")
    return [
        NewFile(
            name=_bare_name(file.filename),
            mime=file.content_type[:100],
            content=await asyncio.to_thread(file.file.read),
        )
        for file in files
    ]


def read_client_id(form: Form) -> str:
    """The id a script gave what it sends; empty when it is none that could be kept."""
    given = form.text("client_id")
    return given if _CLIENT_ID.fullmatch(given) else ""


def _bare_name(name: str) -> str:
    """Some browsers send the whole path of a file."""
    return "".join(letter for letter in re.split(r"[/\\]", name)[-1] if letter.isprintable())[-200:] or "file"


async def _opened(visit: Visit) -> tuple[OpenCase, Form]:
    form = await read_form(visit.request)
    return await enter_case(visit, visit.request.match_info["case"]), form


async def _done(visit: Visit, opened: OpenCase, what: str) -> web.Response:
    await note_reading(visit, what, opened.customer, kind="case", id=opened.case.id)
    return visit.done(f"/cases/{opened.case.id}")


ACTS = (
    answer,
    note,
    take,
    accept,
    release,
    transfer,
    accept_transfer,
    return_transfer,
    decide,
    close,
    reopen,
    set_priority,
    give,
)
ROUTES = [post(f"/cases/{{case}}/{act.__name__}", act) for act in ACTS]

"""Cases: listed, read with their timeline, and answered."""

from __future__ import annotations

from aiohttp import web

from agent_ui.api.calls import Call, Operation, Param, answer, cursor, opaque, read_opaque
from agent_ui.api.contacts import PAGING
from agent_ui.api.shapes import (
    AnswerIn,
    CaseOut,
    Cases,
    ContactOut,
    TimelinePage,
    case_out,
    contact_out,
    timeline_out,
)
from crm.case import Case
from crm.collections import CASES
from crm.contact import Address
from crm.errors import BadInput, NotFound
from crm.store import Order, Where, equals
from router.casework import NewFile
from router.history import read_case_timeline
from router.ways import REACHES, Way

STATES = ("queued", "reserved", "assigned", "closed")


async def list_cases(call: Call) -> web.Response:
    """By state, department, assignee or customer; the one that changed last first."""
    where = _conditions(call)
    ordered_by = "opened_at" if call.asked("customer_id") else "updated_at"
    page = await call.rooms.store.find(
        CASES, *where, order=Order(ordered_by, descending=True), limit=call.limit + 1, after=call.after
    )
    shown = page[: call.limit]
    more = cursor(getattr(shown[-1], ordered_by), shown[-1].id) if len(page) > call.limit else None
    await call.note("api.cases.listed", "case", "", call.asked("customer_id"))
    return answer(Cases(items=[case_out(case) for case in shown], next=more))


def _conditions(call: Call) -> list[Where]:
    where = [
        equals(field, call.asked(name))
        for name, field in (
            ("department", "department_id"),
            ("assignee", "assignee_id"),
            ("customer_id", "customer_id"),
        )
        if call.asked(name)
    ]
    state = call.asked("state")
    if state and state not in (*STATES, "open"):
        raise BadInput(f"state: expected open or one of {', '.join(STATES)}.", field="state")
    if state in ("open", "closed"):
        where.append(equals("open", state == "open"))
    elif state:
        where += [equals("open", True), equals("state", state)]
    return where


async def read_case(call: Call) -> web.Response:
    """One case with its trace."""
    case = await _find(call)
    await call.note("api.case.read", "case", case.id, case.customer_id)
    return answer(case_out(case))


async def read_timeline(call: Call) -> web.Response:
    """What happened in the case, newest first."""
    case = await _find(call)
    await call.note("api.timeline.read", "case", case.id, case.customer_id)
    before = read_opaque(call.asked("after"))
    page = await read_case_timeline(call.rooms.store, case.id, before=before, limit=call.limit)
    items = [timeline_out(item) for item in page.items]
    return answer(TimelinePage(items=items, next=opaque(page.more) if page.more else None))


async def answer_case(call: Call) -> web.Response:
    """Answer the customer; the case stays in the hands it is in."""
    case = await _find(call)
    body = await call.body(AnswerIn)
    way = _choose(body, await call.rooms.casework.ways_to_answer(case))
    contact = await call.rooms.casework.answer(
        case.id,
        call.speaker,
        channel=way.channel,
        to=way.to,
        text=body.text,
        subject=body.subject,
        files=[NewFile(file.name, file.mime, file.content) for file in body.attachments],
        new_id=f"{case.id}-{body.key}" if body.key else "",
        take=False,
    )
    await call.note("api.case.answered", "case", case.id, case.customer_id)
    return answer(contact_out(contact), status=201)


def _choose(body: AnswerIn, ways: list[Way]) -> Way:
    """The way asked for, or the best one."""
    fit = [
        way
        for way in ways
        if body.channel in ("", way.channel) and body.to.casefold() in ("", way.to.value.casefold())
    ]
    proven = [way for way in fit if not way.unproven or body.to]
    if proven:
        return proven[0]
    if body.channel in REACHES and body.to:
        return Way(body.channel, Address(kind=REACHES[body.channel], value=body.to))
    known = ", ".join(sorted({way.channel for way in ways})) or "none"
    raise BadInput(f"The customer cannot be reached that way. Channels: {known}.", field="channel")


async def _find(call: Call) -> Case:
    case = await call.rooms.store.get(CASES, call.request.match_info["id"])
    if case is None:
        raise NotFound("There is no case of that number.", field="id")
    return case


ID = Param("id", "The number of the case")

OPERATIONS = (
    Operation(
        "GET",
        "/cases",
        list_cases,
        "List cases",
        Cases,
        (
            Param("state", "Only in this state", {"enum": ["open", *STATES]}),
            Param("department", "Only of this department"),
            Param("assignee", "Only in the hands of this employee"),
            Param("customer_id", "Only of this customer"),
            *PAGING,
        ),
    ),
    Operation("GET", "/cases/{id}", read_case, "Read a case", CaseOut, (ID,)),
    Operation(
        "GET", "/cases/{id}/timeline", read_timeline, "What happened in a case", TimelinePage, (ID, *PAGING)
    ),
    Operation(
        "POST",
        "/cases/{id}/answers",
        answer_case,
        "Answer the customer of a case",
        ContactOut,
        (ID,),
        body=AnswerIn,
        writes=True,
    ),
)

"""Forms that slide in over a case, the saved replies for it, and the cases offered to an agent."""

from __future__ import annotations

from aiohttp import web

from agent_ui.names import names_in_cases, read_names
from agent_ui.opening import OpenCase, enter_case
from agent_ui.visit import Visit, get
from crm.case import DECISIONS
from crm.collections import CASES, DEPARTMENTS, EMPLOYEES, SAVED_REPLIES
from crm.store import Order, equals

MOST_REPLIES = 500


async def show_transfer(visit: Visit) -> web.Response:
    opened = await _open(visit)
    departments = await visit.rooms.store.find(DEPARTMENTS, limit=1000)
    named = [
        (one.id, visit.speaker.name(one.names))
        for one in departments
        if one.active and one.id != opened.case.department_id
    ]
    return visit.fragment(
        "sheet_transfer.html", case=opened.case, departments=sorted(named, key=lambda one: one[1])
    )


async def show_decide(visit: Visit) -> web.Response:
    return visit.fragment("sheet_decide.html", case=(await _open(visit)).case, decisions=DECISIONS)


async def show_reason(visit: Visit) -> web.Response:
    """One text field before an act that asks why: returning, reopening, releasing."""
    act = visit.request.match_info["act"]
    return visit.fragment("sheet_reason.html", case=(await _open(visit)).case, act=act)


async def show_give(visit: Visit) -> web.Response:
    """Whom a supervisor may give the case to: the colleagues of its department, and how busy they are."""
    opened = await _open(visit)
    store, department = visit.rooms.store, opened.case.department_id
    people = await store.find(EMPLOYEES, order=Order("name"), limit=5000)
    groups = await store.aggregate(CASES, equals("open", True), by=("assignee_id",))
    loads = {group.key[0]: group.records for group in groups}
    present = await visit.rooms.live.present()
    candidates = [
        (one, loads.get(one.id, 0), present[one.id].status if one.id in present else "offline")
        for one in people
        if one.active and (department in one.department_ids or one.id == visit.me.id)
    ]
    return visit.fragment("sheet_give.html", case=opened.case, candidates=candidates)


async def show_replies(visit: Visit) -> web.Response:
    """Saved replies for this case: the department's and everybody's, with the names put in."""
    opened = await _open(visit)
    names = await read_names(visit.rooms.store, visit.speaker, customers=[opened.customer.id])
    found = await visit.rooms.store.find(SAVED_REPLIES, order=Order("title"), limit=MOST_REPLIES)
    replies = [
        (
            reply,
            reply.text.replace("{customer}", names.customer(opened.customer.id)).replace(
                "{agent}", visit.me.name
            ),
        )
        for reply in found
        if reply.active and reply.department_id in ("", opened.case.department_id)
    ]
    return visit.fragment("replies.html", replies=replies)


async def show_offers(visit: Visit) -> web.Response:
    """Cases that are held for me until I accept them or pass."""
    mine = equals("assignee_id", visit.me.id), equals("open", True)
    cases = [
        case for case in await visit.rooms.store.find(CASES, *mine, limit=200) if case.state == "reserved"
    ]
    names = await names_in_cases(visit.rooms.store, visit.speaker, cases)
    return visit.fragment("offers.html", cases=cases, names=names)


async def _open(visit: Visit) -> OpenCase:
    return await enter_case(visit, visit.request.match_info["case"])


ROUTES = [
    get("/cases/{case}/forms/transfer", show_transfer),
    get("/cases/{case}/forms/decide", show_decide),
    get("/cases/{case}/forms/give", show_give, "supervisor"),
    get("/cases/{case}/forms/{act:return_transfer|reopen|release}", show_reason),
    get("/cases/{case}/replies", show_replies),
    get("/fragments/offers", show_offers),
]

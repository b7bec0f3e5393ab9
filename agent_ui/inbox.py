"""The inbox: what waits for me, for my departments, and all that I may see."""

from __future__ import annotations

from aiohttp import web

from agent_ui.drawings import ICONS
from agent_ui.lists import NAMES, Chosen, belongs, count_waiting, read_chosen, read_page
from agent_ui.rows import make_rows
from agent_ui.visit import Visit, get
from crm.collections import CASES, DEPARTMENTS

ASKED_AT_ONCE = 100
"""Rows that a script asks for at once, after much has happened."""


async def go_to_inbox(_visit: Visit) -> web.Response:
    return web.Response(status=303, headers={"Location": "/inbox"})


async def show_inbox(visit: Visit) -> web.Response:
    return visit.page("inbox.html", **await list_values(visit))


async def send_list(visit: Visit) -> web.Response:
    """A list, or its next page, for a script."""
    values = await list_values(visit)
    return visit.fragment("list_rows.html" if values["after"] else "list.html", **values)


async def send_rows(visit: Visit) -> web.Response:
    """Those of the cases asked for that the list shows now: the script takes the others away."""
    chosen = read_chosen(visit.request.query)
    ids = visit.request.query.getall("id", [])[:ASKED_AT_ONCE]
    cases = await visit.rooms.store.get_many(CASES, ids)
    shown = [case for case in cases.values() if belongs(visit.me, chosen, case)]
    rows, names = await make_rows(visit, chosen, shown)
    return visit.fragment("list_rows.html", chosen=chosen, rows=rows, names=names, more="", case_id="")


async def send_counts(visit: Visit) -> web.Response:
    mine, queued = await count_waiting(visit.rooms.store, visit.me)
    return visit.fragment("list_tabs.html", chosen=read_chosen(visit.request.query), mine=mine, queued=queued)


async def list_values(visit: Visit, *, case_id: str = "") -> dict[str, object]:
    """What the list needs, on its own page and beside a case."""
    store, query = visit.rooms.store, visit.request.query
    chosen, after = read_chosen(query), query.get("after", "")
    page = await read_page(store, visit.me, chosen, after=after)
    rows, names = await make_rows(visit, chosen, page.cases)
    mine, queued = await count_waiting(store, visit.me)
    return {
        "chosen": chosen,
        "lists": _lists(chosen),
        "rows": rows,
        "names": names,
        "more": page.more,
        "after": after,
        "case_id": case_id,
        "mine": mine,
        "queued": queued,
        "departments": await _choosable(visit),
        "channels": list(ICONS),
    }


def _lists(chosen: Chosen) -> list[Chosen]:
    return [chosen.other(name) for name in NAMES]


async def _choosable(visit: Visit) -> list[tuple[str, str]]:
    """The departments a list may be narrowed to."""
    departments = await visit.rooms.store.find(DEPARTMENTS, limit=1000)
    mine = visit.me.department_ids
    named = [
        (department.id, visit.speaker.name(department.names))
        for department in departments
        if visit.me.role != "agent" or department.id in mine
    ]
    return sorted(named, key=lambda department: department[1])


ROUTES = [
    get("/", go_to_inbox),
    get("/inbox", show_inbox),
    get("/fragments/list", send_list),
    get("/fragments/rows", send_rows),
    get("/fragments/counts", send_counts),
]

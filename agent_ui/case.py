"""A case on the page: its timeline, the customer's card beside it, and why it came here."""

from __future__ import annotations

from aiohttp import web

from agent_ui.abilities import abilities
from agent_ui.cards import read_card
from agent_ui.inbox import list_values
from agent_ui.lists import read_chosen
from agent_ui.names import names_in_cases, read_names
from agent_ui.opening import REASONS, OpenCase, ReasonFirst, enter_case, give_reason, note_reading
from agent_ui.timeline import ShownTimeline, find_items, show_items
from agent_ui.traces import say_trace
from agent_ui.visit import Visit, get, is_fetch, post, read_form
from agent_ui.working import way_mark
from crm.contact import Contact
from router.history import Timeline, read_case_timeline, read_timeline
from router.ways import Way

PAGE = 50
ASKED_AT_ONCE = 60
LATEST = 12
"""Items read again when a case changed: what the router did to it comes without a name."""


async def show_case(visit: Visit) -> web.Response:
    """The case in its frame with the list beside it; for a script, its panes alone."""
    case_id = visit.request.match_info["case"]
    try:
        values = await _case_values(visit, await enter_case(visit, case_id))
    except ReasonFirst as first:
        values = {"reasons": REASONS, "customer_id": first.customer_id, "case_id": case_id}
    if is_fetch(visit.request):
        return visit.fragment("panes.html", **{"chosen": read_chosen(visit.request.query), **values})
    return visit.page("inbox.html", **{**await list_values(visit, case_id=case_id), **values})


async def send_head(visit: Visit) -> web.Response:
    opened = await enter_case(visit, visit.request.match_info["case"])
    return visit.fragment("case_head.html", **await _head_values(visit, opened))


async def send_card(visit: Visit) -> web.Response:
    opened = await enter_case(visit, visit.request.match_info["case"])
    timeline = await read_case_timeline(visit.rooms.store, opened.case.id, limit=PAGE)
    return visit.fragment("card.html", **await _card_values(visit, opened, timeline))


async def send_earlier(visit: Visit) -> web.Response:
    """The page of the timeline before what is shown."""
    opened = await enter_case(visit, visit.request.match_info["case"])
    values = await _timeline_values(visit, opened, before=visit.request.query.get("before", ""))
    return visit.fragment("timeline.html", **values)


async def send_items(visit: Visit) -> web.Response:
    """Items that came or changed, and the latest ones: the script puts each into its place."""
    opened = await enter_case(visit, visit.request.match_info["case"])
    query = visit.request.query
    contacts, entries = query.getall("contact", [])[:ASKED_AT_ONCE], query.getall("entry", [])[:ASKED_AT_ONCE]
    found = await find_items(visit, contacts=contacts, entries=entries, customer_id=opened.customer.id)
    if not _shows_everything(visit):
        found = [item for item in found if item.case_id == opened.case.id]
    asked = {item.id for item in found}
    latest = (await _read_page(visit, opened, limit=LATEST)).items if "latest" in query else ()
    shown = await show_items(visit, {item.id: item for item in (*latest, *found)}.values(), case=opened.case)
    return visit.fragment("timeline.html", timeline=shown, earlier="", case=opened.case, asked=asked)


async def say_reason(visit: Visit) -> web.Response:
    """Why an agent opens a customer of another region; then he may."""
    form = await read_form(visit.request)
    await give_reason(visit, visit.request.match_info["customer"], form.text("reason"))
    case_id = form.text("case_id")
    return visit.done(
        f"/cases/{case_id}" if case_id.isalnum() else f"/customers/{visit.request.match_info['customer']}"
    )


async def _case_values(visit: Visit, opened: OpenCase) -> dict[str, object]:
    await note_reading(visit, "case.read", opened.customer, kind="case", id=opened.case.id)
    timeline = await read_case_timeline(visit.rooms.store, opened.case.id, limit=PAGE)
    return {
        **await _card_values(visit, opened, timeline),
        **await _head_values(visit, opened),
        **await _timeline_values(visit, opened),
        "ways": await _ways(visit, opened),
        "case_id": opened.case.id,
    }


async def _head_values(visit: Visit, opened: OpenCase) -> dict[str, object]:
    case, store = opened.case, visit.rooms.store
    names = await read_names(
        store,
        visit.speaker,
        customers=[case.customer_id],
        employees=[case.assignee_id, case.transfer.by_employee_id if case.transfer else ""],
    )
    return {
        "case": case,
        "customer": opened.customer,
        "can": abilities(visit.me, case),
        "case_names": names,
        "chosen": read_chosen(visit.request.query),
        "everything": _shows_everything(visit),
    }


async def _card_values(visit: Visit, opened: OpenCase, timeline: Timeline) -> dict[str, object]:
    contacts = [item for item in timeline.items if isinstance(item, Contact)]
    card = await read_card(visit, opened.customer, contacts=contacts)
    names = await names_in_cases(visit.rooms.store, visit.speaker, [opened.case])
    return {"card": card, "case": opened.case, "why": say_trace(opened.case.trace, names)}


async def _timeline_values(visit: Visit, opened: OpenCase, *, before: str = "") -> dict[str, object]:
    page = await _read_page(visit, opened, before=before)
    shown: ShownTimeline = await show_items(visit, page.items, case=opened.case)
    return {"timeline": shown, "earlier": page.more, "case": opened.case}


async def send_ways(visit: Visit) -> web.Response:
    """Where an answer may go now: a customer who writes on another channel adds one."""
    opened = await enter_case(visit, visit.request.match_info["case"])
    return visit.fragment("ways.html", ways=await _ways(visit, opened))


async def _ways(visit: Visit, opened: OpenCase) -> list[tuple[str, Way]]:
    ways = await visit.rooms.casework.ways_to_answer(opened.case)
    return [(way_mark(way), way) for way in ways]


async def _read_page(visit: Visit, opened: OpenCase, *, before: str = "", limit: int = PAGE) -> Timeline:
    store = visit.rooms.store
    if _shows_everything(visit):
        return await read_timeline(store, opened.customer.id, before=before, limit=limit)
    return await read_case_timeline(store, opened.case.id, before=before, limit=limit)


def _shows_everything(visit: Visit) -> bool:
    """The customer's whole history rather than this case alone."""
    return visit.request.query.get("history") == "all"


ROUTES = [
    get("/cases/{case}", show_case),
    get("/cases/{case}/head", send_head),
    get("/cases/{case}/card", send_card),
    get("/cases/{case}/earlier", send_earlier),
    get("/cases/{case}/items", send_items),
    get("/cases/{case}/ways", send_ways),
    post("/customers/{customer}/reason", say_reason),
]

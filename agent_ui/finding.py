"""Search by anything: what was found, as lines that lead to it."""

from __future__ import annotations

from aiohttp import web

from agent_ui.names import read_names
from agent_ui.visit import Visit, get
from router.search import search_everything

LINES = 8
LINES_OF_A_PAGE = 30


async def search(visit: Visit) -> web.Response:
    """For a script the lines alone, a few of each kind; else a page."""
    words = visit.request.query.get("q", "")
    limit = LINES if visit.wants_fragment else LINES_OF_A_PAGE
    region = visit.rooms.settings.region
    found = await search_everything(visit.rooms.store, words, limit=limit, region=region)
    customers = {one.customer_id for group in (found.cases, found.contacts, found.entries) for one in group}
    names = await read_names(
        visit.rooms.store, visit.speaker, customers=customers | {customer.id for customer in found.customers}
    )
    values = {"words": words.strip(), "found": found, "names": names}
    if visit.wants_fragment:
        return visit.fragment("found.html", **values)
    return visit.page("search.html", **values)


ROUTES = [get("/search", search)]

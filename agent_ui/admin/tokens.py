"""Tokens of other systems: made here, shown once, revoked at once."""

from __future__ import annotations

from aiohttp import web

from agent_ui.admin.tabs import admin_page, note
from agent_ui.visit import Visit, get, post, read_form
from router.tokens import add_token, list_tokens, revoke_token


async def show_tokens(visit: Visit) -> web.Response:
    return admin_page(visit, "admin_tokens.html", tokens=await list_tokens(visit.rooms.store), made=None)


async def add(visit: Visit) -> web.Response:
    """The page shows the token this once: the store keeps only its hash."""
    form = await read_form(visit.request)
    made = await add_token(
        visit.rooms.store, name=form.text("name"), writes=form.text("writes") != "", clock=visit.rooms.clock
    )
    await note(visit, "token.add", "token", made.record.id)
    tokens = await list_tokens(visit.rooms.store)
    if visit.wants_fragment:
        return visit.fragment("admin_tokens_list.html", tokens=tokens, made=made)
    return admin_page(visit, "admin_tokens.html", tokens=tokens, made=made)


async def revoke(visit: Visit) -> web.Response:
    form = await read_form(visit.request)
    revoked = await revoke_token(visit.rooms.store, form.text("id"), clock=visit.rooms.clock)
    await note(visit, "token.revoke", "token", revoked.id)
    return visit.done("/admin/tokens")


ROUTES = [
    get("/admin/tokens", show_tokens, "admin"),
    post("/admin/tokens", add, "admin"),
    post("/admin/tokens/revoke", revoke, "admin"),
]

"""Saved replies: words that agents send often, for everybody or for one department."""

from __future__ import annotations

import msgspec
from aiohttp import web

from agent_ui.admin.tabs import admin_page, note
from agent_ui.names import read_names
from agent_ui.visit import Form, Visit, get, post, read_form
from agent_ui.words import mark
from crm.collections import DEPARTMENTS, SAVED_REPLIES
from crm.employee import SavedReply
from crm.errors import NotFound
from crm.store import Order
from router.staff import add_reply, change_reply


async def show_replies(visit: Visit) -> web.Response:
    replies = await visit.rooms.store.find(SAVED_REPLIES, order=Order("title"), limit=1000)
    names = await read_names(visit.rooms.store, visit.speaker)
    return admin_page(
        visit, "admin_replies.html", replies=[reply for reply in replies if reply.active], names=names
    )


async def show_form(visit: Visit) -> web.Response:
    id_ = visit.request.match_info.get("reply", "")
    departments = await visit.rooms.store.find(DEPARTMENTS, limit=1000)
    return visit.fragment(
        "admin_reply.html",
        reply=await _read(visit, id_) if id_ else None,
        departments=[department for department in departments if department.active],
    )


async def add(visit: Visit) -> web.Response:
    form = await read_form(visit.request)
    empty = SavedReply(id=visit.rooms.new_id(), title="", text="")
    reply = await add_reply(visit.rooms.store, _read_reply(form, empty))
    await note(visit, "reply.add", "reply", reply.id)
    return visit.done("/admin/replies")


async def change(visit: Visit) -> web.Response:
    """Other words, or out of use."""
    form = await read_form(visit.request)
    before = await _read(visit, visit.request.match_info["reply"])
    if form.text("act") == "remove":
        await change_reply(visit.rooms.store, msgspec.structs.replace(before, active=False))
        await note(visit, "reply.remove", "reply", before.id)
    else:
        version = form.text("version")
        seen = int(version) if version.isdecimal() and len(version) < 10 else before.version
        await change_reply(
            visit.rooms.store, _read_reply(form, msgspec.structs.replace(before, version=seen))
        )
        await note(visit, "reply.change", "reply", before.id)
    return visit.done("/admin/replies")


def _read_reply(form: Form, before: SavedReply) -> SavedReply:
    return msgspec.structs.replace(
        before,
        title=" ".join(form.text("title").split()),
        text=form.text("text").strip(),
        language=form.text("language"),
        department_id=form.text("department_id"),
    )


async def _read(visit: Visit, id_: str) -> SavedReply:
    reply = await visit.rooms.store.get(SAVED_REPLIES, id_)
    if reply is None:
        raise NotFound(mark("There is no such reply."), field="id")
    return reply


ROUTES = [
    get("/admin/replies", show_replies, "supervisor"),
    get("/admin/replies/new", show_form, "supervisor"),
    get("/admin/replies/{reply}", show_form, "supervisor"),
    post("/admin/replies", add, "supervisor"),
    post("/admin/replies/{reply}", change, "supervisor"),
]

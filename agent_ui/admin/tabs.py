"""The tabs of the administration, and for whom each is."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from agent_ui.sections import RANKS
from agent_ui.visit import Visit
from agent_ui.words import mark
from crm.employee import Role


class Tab(NamedTuple):
    """One page of the administration."""

    name: str
    path: str
    role: Role


TABS = (
    Tab(mark("Employees"), "/admin/employees", "admin"),
    Tab(mark("Departments"), "/admin/departments", "admin"),
    Tab(mark("Rules"), "/admin/rules", "supervisor"),
    Tab(mark("Saved replies"), "/admin/replies", "supervisor"),
    Tab(mark("Tokens"), "/admin/tokens", "admin"),
    Tab(mark("Audit"), "/admin/audit", "admin"),
)


async def show_first(visit: Visit) -> web.Response:
    """The first tab that is open to him."""
    return web.Response(status=303, headers={"Location": tabs_for(visit.me.role)[0].path})


def tabs_for(role: Role) -> list[Tab]:
    return [tab for tab in TABS if RANKS[tab.role] <= RANKS[role]]


def admin_page(visit: Visit, template: str, **values: object) -> web.Response:
    """A page with the tabs above it."""
    return visit.page(template, tabs=tabs_for(visit.me.role), **values)


async def note(visit: Visit, what: str, kind: str, id: str) -> None:
    """One line of the audit about something that is no customer's."""
    await visit.rooms.audit.record(what, by=visit.me, object_kind=kind, object_id=id, from_ip=visit.ip)

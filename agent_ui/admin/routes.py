"""Every address of the administration."""

from __future__ import annotations

from agent_ui.admin import audit, departments, employees, replies, rules, tokens
from agent_ui.admin.tabs import show_first
from agent_ui.visit import get

ROUTES = (
    get("/admin", show_first, "supervisor"),
    *employees.ROUTES,
    *departments.ROUTES,
    *rules.ROUTES,
    *replies.ROUTES,
    *tokens.ROUTES,
    *audit.ROUTES,
)

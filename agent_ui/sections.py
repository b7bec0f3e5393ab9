"""The main menu: which pages there are, and for whom."""

from __future__ import annotations

from typing import NamedTuple

from agent_ui.words import mark
from crm.employee import Role

RANKS: dict[Role, int] = {"agent": 0, "supervisor": 1, "admin": 2}
"""Who is higher may do all that a lower one may."""


class Section(NamedTuple):
    """One entry of the menu; `key` goes there after `g`. It is marked on every path below `under`."""

    key: str
    name: str
    path: str
    icon: str
    role: Role
    under: tuple[str, ...]

    def is_shown(self, path: str) -> bool:
        return any(path == root or path.startswith(f"{root}/") for root in self.under)


SECTIONS = (
    Section("i", mark("Inbox"), "/inbox", "inbox", "agent", ("/inbox", "/cases", "/customers", "/search")),
    Section("d", mark("Desk"), "/desk", "desk", "agent", ("/desk",)),
    Section("b", mark("Board"), "/board", "board", "supervisor", ("/board",)),
    Section("a", mark("Administration"), "/admin", "admin", "supervisor", ("/admin",)),
)


def sections_for(role: Role) -> list[Section]:
    return [section for section in SECTIONS if RANKS[section.role] <= RANKS[role]]

"""A timeline as templates show it: contacts and entries between them, each with who, when and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from agent_ui.drawings import ENTRIES as ENTRY_ICONS
from agent_ui.drawings import channel_icon
from agent_ui.names import Names, read_names
from agent_ui.visit import Visit
from crm.case import Assigned, Case, Note
from crm.collections import CASES, CONTACTS, ENTRIES
from crm.contact import Contact
from router.history import TimelineItem, happened_at
from router.joining import bare_subject

RANKS = {"Opened": 1, "Reopened": 1, "TransferAnswered": 2, "Assigned": 3, "Decision": 4, "Closed": 5}
"""What one act brought about at one moment, in the order of cause and effect."""


class Shown(NamedTuple):
    """One thing that happened. `mark` is short and stays the same: scripts find the element by it.

    `place` compares as the items do. `subject` is empty where it only repeats that
    of the case; `elsewhere` is its case when that is not the one the page is about.
    """

    item: TimelineItem
    mark: str
    place: str
    kind: str
    icon: str
    subject: str
    elsewhere: Case | None


class ShownTimeline(NamedTuple):
    """Items, oldest first, with the names they need."""

    items: list[Shown]
    names: Names


async def show_items(visit: Visit, items: Iterable[TimelineItem], *, case: Case | None) -> ShownTimeline:
    """Items in any order, put in theirs. `case` is the one the page is about, if it is about one."""
    ordered = sorted(items, key=_place)
    here = case.id if case else ""
    others = {item.case_id for item in ordered if item.case_id and item.case_id != here}
    cases = await visit.rooms.store.get_many(CASES, others)
    names = await read_names(visit.rooms.store, visit.speaker, employees=_employees(ordered))
    return ShownTimeline([_shown(item, case, cases.get(item.case_id)) for item in ordered], names)


async def find_items(
    visit: Visit, *, contacts: Sequence[str], entries: Sequence[str], customer_id: str
) -> list[TimelineItem]:
    """Those of these items that are the customer's."""
    found_contacts = await visit.rooms.store.get_many(CONTACTS, contacts)
    found_entries = await visit.rooms.store.get_many(ENTRIES, entries)
    items: list[TimelineItem] = [*found_contacts.values(), *found_entries.values()]
    return [item for item in items if item.customer_id == customer_id]


def _employees(items: Iterable[TimelineItem]) -> set[str]:
    ids = {item.employee_id for item in items}
    return ids | {item.assignee_id for item in items if isinstance(item, Assigned)}


def _shown(item: TimelineItem, here: Case | None, elsewhere: Case | None) -> Shown:
    of = elsewhere or here
    return Shown(
        item=item,
        mark=sha256(item.id.encode()).hexdigest()[:16],
        place=_place(item),
        kind=_kind(item),
        icon=channel_icon(item.channel) if isinstance(item, Contact) else ENTRY_ICONS[type(item).__name__],
        subject=_own_subject(item, of) if of and isinstance(item, Contact) else "",
        elsewhere=elsewhere,
    )


def _place(item: TimelineItem) -> str:
    """By time, then by cause."""
    moment = round(happened_at(item).timestamp() * 1_000_000)
    cause = RANKS.get(type(item).__name__, 0)
    return f"{moment:018d} {cause} {item.id}"


def _own_subject(contact: Contact, case: Case) -> str:
    """The subject of a letter that says something else than its case does; others have none worth showing."""
    if contact.channel not in ("email", "letter", "fax"):
        return ""
    return "" if bare_subject(contact.subject) == bare_subject(case.subject) else contact.subject


def _kind(item: TimelineItem) -> str:
    if isinstance(item, Contact):
        return "in" if item.direction == "inbound" else "out"
    return "note" if isinstance(item, Note) else "entry"

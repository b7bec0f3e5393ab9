"""Which cases a list shows: mine, my departments' queue, all that I may see, closed; a page at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import urlencode

import msgspec
from multidict import MultiMapping

from crm.case import Case
from crm.collections import CASES, DEPARTMENTS
from crm.employee import Employee
from crm.errors import BadInput
from crm.store import After, Order, Store, Where, equals, one_of

Name = Literal["mine", "queue", "all", "closed"]
NAMES: tuple[Name, ...] = ("mine", "queue", "all", "closed")

PAGE = 40
STRETCHES = 25
"""Pages of cases looked at for one page shown: a filter few pass gives a short page and the way to go on."""
HANDS = 500
"""More open cases nobody has in his hands."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A list and its filters, as they stand in the address of the page."""

    list: Name = "mine"
    channel: str = ""
    department: str = ""
    state: str = ""
    priority: str = ""

    @property
    def query(self) -> str:
        """As the address writes it, without what is left open."""
        return urlencode({name: value for name, value in msgspec.structs.asdict(self).items() if value})

    @property
    def is_filtered(self) -> bool:
        return any((self.channel, self.department, self.state, self.priority))

    def other(self, name: Name) -> Chosen:
        """Another list with the same filters."""
        return msgspec.structs.replace(self, list=name)

    def admits(self, case: Case) -> bool:
        """The case passes the filters."""
        return (
            self.channel in ("", case.channel, case.last_channel)
            and self.department in ("", case.department_id)
            and self.state in ("", case.state)
            and self.priority in ("", str(case.priority))
        )


class CasePage(NamedTuple):
    """One page of a list; `more` is where the next begins, empty at the end."""

    cases: Sequence[Case]
    more: str = ""


def read_chosen(query: MultiMapping[str]) -> Chosen:
    """What the address asks for. What it cannot mean is left out: an old bookmark still opens a list."""
    name = query.get("list", "mine")
    filters = {key: query.get(key, "")[:64] for key in ("channel", "department", "state", "priority")}
    return Chosen(list=next((known for known in NAMES if known == name), "mine"), **filters)


async def read_page(store: Store, me: Employee, chosen: Chosen, *, after: str = "") -> CasePage:
    """A page of the list, read along an index: no list is ever sorted or counted as a whole."""
    if chosen.list == "mine":
        return CasePage([case for case in await _in_hands(store, me) if chosen.admits(case)])
    order, where = list_order(chosen.list), await _range(store, me, chosen)
    cursor = _read_cursor(after) if after else None
    shown: list[Case] = []
    for _ in range(STRETCHES):
        stretch = await store.find(CASES, *where, order=order, limit=PAGE + 1, after=cursor)
        for case in stretch[:PAGE]:
            if len(shown) == PAGE:
                return CasePage(shown, _write_cursor(cursor))
            cursor = After(_moment(case, order), case.id)
            if belongs(me, chosen, case):
                shown.append(case)
        if len(stretch) <= PAGE:
            return CasePage(shown)
    return CasePage(shown, _write_cursor(cursor))


def belongs(me: Employee, chosen: Chosen, case: Case) -> bool:
    """Whether the list shows the case, as it is now."""
    if not chosen.admits(case):
        return False
    if chosen.list == "mine":
        return case.open and case.assignee_id == me.id
    his = case.department_id in me.department_ids
    if chosen.list == "queue":
        may_choose = me.role != "agent" and (chosen.department != "" or not me.department_ids)
        return case.state == "queued" and (his or may_choose)
    return case.open == (chosen.list == "all") and (his or me.role != "agent")


def place(chosen: Chosen, case: Case) -> str:
    """Where the case stands in its list: texts that compare as their cases do, the first the least."""
    if chosen.list == "mine":
        group, moment = _urgency(case)
        return f"{group}{_up(moment)}"
    order = list_order(chosen.list)
    moment = _moment(case, order)
    return _down(moment) if order.descending else _up(moment)


def list_order(name: Name) -> Order:
    return Order("turn_at") if name == "queue" else Order("updated_at", descending=True)


async def count_waiting(store: Store, me: Employee) -> tuple[int, int]:
    """How many cases are in my hands, and how many wait for my departments."""
    departments = await _departments(store, me)
    mine, queued = await asyncio.gather(
        store.aggregate(CASES, equals("assignee_id", me.id), equals("open", True)),
        store.aggregate(CASES, equals("state", "queued"), one_of("department_id", departments)),
    )
    return sum(group.records for group in mine), sum(group.records for group in queued)


async def _in_hands(store: Store, me: Employee) -> list[Case]:
    """Mine: what is offered first, then who waits for me, then who I wait for."""
    latest = Order("updated_at", descending=True)
    mine = equals("assignee_id", me.id), equals("open", True)
    cases = await store.find(CASES, *mine, order=latest, limit=HANDS)
    return sorted(cases, key=lambda case: (*_urgency(case), case.id))


def _urgency(case: Case) -> tuple[int, datetime]:
    if case.state == "reserved":
        return 0, case.reserved_until or case.updated_at
    if case.waiting_since:
        return case.priority, case.waiting_since
    return 9, case.updated_at


async def _range(store: Store, me: Employee, chosen: Chosen) -> tuple[Where, ...]:
    """The conditions that an index answers; the other filters are asked of each case."""
    department = [chosen.department] if chosen.department else None
    if chosen.list == "queue":
        where = one_of("department_id", department or await _departments(store, me))
        return equals("state", "queued"), where
    open_ = equals("open", chosen.list == "all")
    if department is None and me.role != "agent":
        return (open_,)
    return one_of("department_id", department or me.department_ids), open_


async def _departments(store: Store, me: Employee) -> list[str]:
    """His own; of somebody who has none (an administrator), all of them."""
    if me.department_ids or me.role == "agent":
        return list(me.department_ids)
    return [department.id for department in await store.find(DEPARTMENTS, limit=500) if department.active]


def _moment(case: Case, order: Order) -> datetime:
    return case.turn_at if order.field == "turn_at" else case.updated_at


def _up(moment: datetime) -> str:
    return f"{round(moment.timestamp() * 1_000_000):018d}"


def _down(moment: datetime) -> str:
    return f"{10**18 - round(moment.timestamp() * 1_000_000):018d}"


def _write_cursor(cursor: After | None) -> str:
    return f"{cursor.value.isoformat()}|{cursor.id}" if cursor and isinstance(cursor.value, datetime) else ""


def _read_cursor(cursor: str) -> After:
    at, _, case_id = cursor.partition("|")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise BadInput("A page of a list begins at a time and an id.", field="after") from error
    if moment.tzinfo is None:
        raise BadInput("The time a page begins at needs a time zone.", field="after")
    return After(moment, case_id)

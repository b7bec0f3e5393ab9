"""The rows of a list of cases, as templates show them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from agent_ui.drawings import channel_icon
from agent_ui.lists import Chosen, place
from agent_ui.names import Names, names_in_cases
from agent_ui.visit import Visit
from crm.case import Case

SOON = timedelta(minutes=30)
LATE = timedelta(hours=4)


class Row(NamedTuple):
    """A case in a list. `place` tells scripts where it belongs; `late` is "", "soon" or "late"."""

    case: Case
    place: str
    icon: str
    late: str


class Rows(NamedTuple):
    """Rows with the names they need."""

    rows: list[Row]
    names: Names


async def make_rows(visit: Visit, chosen: Chosen, cases: Iterable[Case]) -> Rows:
    cases = list(cases)
    names = await names_in_cases(visit.rooms.store, visit.speaker, cases)
    return Rows([_row(visit, chosen, case) for case in cases], names)


def _row(visit: Visit, chosen: Chosen, case: Case) -> Row:
    waited = visit.speaker.now - case.waiting_since if case.waiting_since else timedelta(0)
    late = "late" if waited > LATE else "soon" if waited > SOON else ""
    return Row(case, place(chosen, case), channel_icon(case.last_channel or case.channel), late)

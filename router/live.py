"""Live state: who is present, who looks at what, and the events that keep every open page fresh.

It can always be rebuilt from the store; losing it loses no contact.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

import msgspec

EventKind = Literal[
    "contact",  # a contact was stored (contact_id, case_id, channel, direction in data)
    "case",  # a case changed: state, hands, department, subject (case_id; data: state, assignee_id, why)
    "entry",  # a note, decision, transfer … was added (case_id; data: entry_id, entry)
    "delivery",  # what became of an answer changed (contact_id, case_id; data: delivery)
    "customer",  # a customer's card changed
    "presence",  # an employee came, went or changed his status (employee_id; data: status)
    "viewing",  # who looks at or types in a case changed (case_id; data: employee_id, doing)
    "typing",  # the customer types in the channel (case_id)
    "channel",  # the health of a channel changed (channel; data: state)
    "ringing",  # an employee's telephone rings, is taken, stops (contact_id; data: state, from, …)
    "dead_letter",  # one came or was replayed (contact_id, channel)
]
Status = Literal["ready", "away", "offline"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something that happened. `seq` is given by `Live.publish`; its order is the order of publishing.

    It carries ids and codes only: a page asks for what it may see.
    """

    kind: EventKind
    at: datetime
    seq: str = ""
    case_id: str = ""
    contact_id: str = ""
    customer_id: str = ""
    department_id: str = ""
    employee_id: str = ""
    channel: str = ""
    data: dict[str, str] = {}


Wants = Callable[[Event], bool]
"""Whether a subscriber has any use for an event: nobody is woken for what he would throw away."""


def everything(_: Event) -> bool:
    """Every event is wanted."""
    return True


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """An employee with at least one open page. `since` is when he took this status."""

    employee_id: str
    status: Status
    since: datetime


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """An employee who has a case open, and whether he is typing in it."""

    employee_id: str
    typing: bool


class Subscription(Protocol):
    """Events from a chosen one on. `reset` tells that earlier ones are gone: read everything anew first."""

    @property
    def reset(self) -> bool: ...

    @property
    def seq(self) -> str:
        """Where the subscription stands: what came up to here is in the past."""
        ...

    def __aiter__(self) -> AsyncIterator[Event]: ...

    def together(self) -> AsyncIterator[list[Event]]:
        """The same, those that are there at one moment at once."""
        ...


class Live(Protocol):
    """Shared by every process of an installation; the embedded one lives in this process."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Number them and hand them to every subscriber."""
        ...

    def subscribe(
        self, after: str = "", wants: Wants = everything
    ) -> AbstractAsyncContextManager[Subscription]:
        """Events that are wanted and follow `after` (a seq seen before), or that follow now."""
        ...

    async def arrive(self, employee_id: str, page: str, status: Status) -> None:
        """A page of the employee is open (said again at least each `PAGE_LEASE`)."""
        ...

    async def leave(self, employee_id: str, page: str) -> None:
        """The page is closed; with his last page the employee is offline."""
        ...

    async def present(self) -> dict[str, Presence]:
        """Everybody with an open page, by employee id."""
        ...

    async def look(self, case_id: str, employee_id: str, page: str, *, typing: bool) -> None:
        """He has the case open on that page (said again at least each `LOOK_LEASE`)."""
        ...

    async def look_away(self, case_id: str, employee_id: str, page: str) -> None:
        """He left the case on that page."""
        ...

    async def viewers(self, case_id: str) -> list[Viewer]:
        """Who has the case open now."""
        ...

    async def run_alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work under a lease of this name, which one process holds at a time; return when it is done.

        Waits while another has the lease. Work that loses it is cancelled, and begun anew when the lease is
        had again: what it changes must bear being done twice.
        """
        ...


PAGE_LEASE = 45.0
"""Seconds after which a page that said nothing counts as closed."""

LOOK_LEASE = 20.0
"""Seconds after which somebody who said nothing no longer looks at a case."""

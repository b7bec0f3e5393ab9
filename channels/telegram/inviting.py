"""Making an invitation: the link that ties a customer's Telegram to him."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from channels.telegram.invitation import Invitations
from channels.telegram.line import Line, Trouble
from crm.collections import CUSTOMERS
from crm.errors import AgainLater, BadInput, NotFound
from crm.record import Clock
from crm.store import Store


class Invited(NamedTuple):
    """The link, and until when it is good."""

    url: str
    until: datetime


class Inviting:
    """Makes links for the bots of this installation."""

    def __init__(self, lines: Mapping[int, Line], store: Store, *, secret: bytes, clock: Clock) -> None:
        self._lines = {line.settings.name: line for line in lines.values()}
        self._store = store
        self._invitations = Invitations(secret)
        self._clock = clock

    async def invite(self, customer_id: str, bot: str = "") -> Invited:
        """A link for this customer. Raises `BadInput`, or `AgainLater` when Telegram cannot be asked."""
        line = self._line(bot)
        if await self._store.get(CUSTOMERS, customer_id) is None:
            raise NotFound("There is no customer of this id.", field="customer_id")
        try:
            await line.introduce()
        except Trouble as trouble:
            raise AgainLater(str(trouble)) from trouble
        until = self._clock() + timedelta(hours=line.settings.invitation_hours)
        start = self._invitations.make(line.name.id, customer_id, until)
        return Invited(f"https://t.me/{line.name.username}?start={start}", until)

    def _line(self, bot: str) -> Line:
        if not bot and len(self._lines) == 1:
            return next(iter(self._lines.values()))
        if bot not in self._lines:
            there = ", ".join(sorted(self._lines)) or "none is set up"
            raise BadInput(f"Say which bot. There are: {there}.", field="bot")
        return self._lines[bot]

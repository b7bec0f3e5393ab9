"""Who sits at which telephone: the extensions of employees, as exchanges name them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from crm.collections import EMPLOYEES
from crm.store import Store

GOOD_FOR = 5.0
"""Seconds for which what was read serves: an exchange names extensions with every call."""

MOST = 20_000


class Extensions:
    """Finds an employee by his extension. It may be written as a number or as the exchange's own name."""

    def __init__(self, store: Store, *, ticks: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._ticks = ticks
        self._known: dict[str, str] = {}
        self._read_at = float("-inf")

    async def at(self, phone: str) -> str:
        """The id of who works there; empty where it is nobody's. Raises `StoreDown`."""
        if self._ticks() - self._read_at > GOOD_FOR:
            employees = await self._store.find(EMPLOYEES, limit=MOST)
            self._known = {
                extension.casefold(): employee.id
                for employee in employees
                if employee.active
                for extension in employee.extensions
            }
            self._read_at = self._ticks()
        return self._known.get(phone.casefold(), "")

"""What is committed and stands in the daybook only: every question is answered from there as well."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from crm.record import Record
from crm.store import After, Group, Order, Scalar, Where
from storage.sqlite.daybook import Entry
from storage.sqlite.query import COMPARED
from storage.sqlite.table import Table, Value, as_value

R = TypeVar("R", bound=Record)


class _Some:
    """Records of one table, and which of them the table has in an older version."""

    __slots__ = ("hidden", "records", "replaced")

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.replaced: set[str] = set()
        self.hidden: str | None = None  # the ids of those as JSON, once somebody asked


class Unposted:
    """The event loop's side of the daybook.

    `posting` is true while the writer may be moving all of it: from some moment on that nobody here knows,
    the tables have it too. Then, and in a thread, whatever stands here is left out of what the tables say.
    """

    def __init__(self) -> None:
        self._tables: dict[str, _Some] = {}
        self.blobs: dict[str, bytes] = {}
        self.records = 0
        self.size = 0
        self.posting = False

    def add(self, entry: Entry) -> None:
        """Remember what is committed now."""
        for change in entry.changes:
            some = self._tables.get(change.table.name)
            if some is None:
                some = self._tables[change.table.name] = _Some()
            id_ = change.record.id
            if id_ not in some.records:
                self.records += 1
                if change.replaces:
                    some.replaced.add(id_)
                    some.hidden = None
            some.records[id_] = change.record
        self.blobs.update(entry.blobs)
        self.size += entry.size

    def clear(self) -> None:
        """All of it is in the tables now."""
        self._tables.clear()
        self.blobs.clear()
        self.records = self.size = 0

    def get(self, table: Table[R], id: str) -> R | None:
        """The record, if it stands here."""
        some = self._tables.get(table.name)
        return None if some is None else cast("R | None", some.records.get(id))

    def by_id(self, table: Table[R]) -> Mapping[str, R]:
        """The table's records that stand here."""
        some = self._tables.get(table.name)
        return {} if some is None else cast("Mapping[str, R]", some.records)

    def of(self, table: Table[R]) -> list[R]:
        """The table's records that stand here, the latest first."""
        some = self._tables.get(table.name)
        return [] if some is None else cast("list[R]", list(reversed(some.records.values())))

    def hidden(self, table: Table[R], *, at_once: bool) -> str:
        """Ids that are to be left out of what the table says, as JSON; empty when it may say all."""
        some = self._tables.get(table.name)
        if some is None:
            return ""
        if self.posting or not at_once:
            return json.dumps([*some.records])
        if some.hidden is None:
            some.hidden = json.dumps([*some.replaced]) if some.replaced else ""
        return some.hidden


def meeting(table: Table[R], records: Sequence[R], where: Sequence[Where]) -> list[R]:
    """Those that meet every condition, as a statement would find them."""
    for one in where:
        if not records:
            break
        read = operator.attrgetter(one.field)
        if one.op == "in":
            values = one.value if isinstance(one.value, tuple) else (one.value,)
            records = [record for record in records if read(record) in values]
        elif one.op == "=":
            records = [record for record in records if read(record) == one.value]
        else:
            within = COMPARED[one.op]
            bound = _key(table.value(one.field, cast(Scalar, one.value)))
            column = _column(table, one.field)
            records = [
                record
                for record in records
                if (value := column(record)) is not None and within(_key(value), bound)
            ]
    return list(records)


def merged(
    table: Table[R], posted: list[R], fresh: list[R], *, order: Order | None, after: After | None, limit: int
) -> list[R]:
    """The first ones of both together, in the order asked for."""
    order = order or Order("id")
    column = _column(table, order.field)

    def place(record: R) -> tuple[Any, str]:
        return _key(column(record)), record.id

    if after is not None:
        value = after.id if order.field == "id" else after.value
        mark = (_key(table.value(order.field, value)), after.id)
        behind = COMPARED["<" if order.descending else ">"]
        fresh = [record for record in fresh if behind(place(record), mark)]
    if not fresh:
        return posted
    return sorted([*posted, *fresh], key=place, reverse=order.descending)[:limit]


def counted(groups: Iterable[Group], fresh: Iterable[Record], by: Sequence[str], sum: str) -> list[Group]:
    """The groups with these records counted in."""
    together = {group.key: group for group in groups}
    for record in fresh:
        key = tuple(getattr(record, field) for field in by)
        _, records, total = together.get(key, Group(key, 0, 0))
        together[key] = Group(key, records + 1, total + (int(getattr(record, sum)) if sum else 0))
    return sorted(together.values(), key=lambda group: [*map(_key, map(as_value, group.key))])


def _column(table: Table[R], field: str) -> Callable[[R], Value]:
    if field == "id":
        return operator.attrgetter("id")
    return lambda record: table.columns(record, (field,))[0]


def _key(value: Value) -> tuple[bool, bool, Value]:
    """SQLite's order: nothing, then numbers, then texts."""
    return value is not None, isinstance(value, str), 0 if value is None else value

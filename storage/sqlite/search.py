"""Search by words: candidates from the index, newest first; then each is read and judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from crm.record import Record
from crm.store import Where
from storage.sqlite.query import HIDDEN, restriction
from storage.sqlite.table import Table, Value, quoted
from storage.sqlite.words import Query

R = TypeVar("R", bound=Record)

FEW = 500
"""So many records are read one by one sooner than the index is asked."""

MOST_READ = 5000
"""Of texts that may fit, only so many of the newest are read: nobody looks through more."""

COMPARED = 200
"""Among so many of the newest texts that do fit, the best come first."""


class _Scope(NamedTuple):
    """Which records may be found: SQL behind an AND, its values, and a JSON list of ids to leave out."""

    sql: str
    values: list[Value]
    hidden: str = ""

    def visible(self, name: str) -> _Scope:
        """The same with its hidden ids left out by the SQL."""
        if not self.hidden:
            return self
        return _Scope(f"{self.sql} AND {name}.{HIDDEN}", [*self.values, self.hidden])


def search(
    db: sqlite3.Connection,
    table: Table[R],
    typed: str,
    where: Sequence[Where],
    *,
    limit: int,
    fresh: Sequence[R] = (),
    hidden: str = "",
) -> list[R]:
    """Records in which every word typed occurs in some form, best first, then newest first.

    `fresh` are newer than all that the table has, and `hidden` the ids of what it is not asked for (JSON).
    """
    query, limits = Query(typed), restriction(table, where)
    if not query or limits is None or not table.collection.words:
        return []
    scope = _Scope(*limits, hidden)
    db.execute("BEGIN")  # the index and the records as they are at one moment
    try:
        posted = map(table.read, _bodies(db, table, query, scope))
        found = _judged(table, query, chain(fresh, posted), enough=max(limit, COMPARED))
    finally:
        db.execute("ROLLBACK")
    found.sort(key=lambda judged: -judged[0])  # a stable sort: newest first among equals
    return [record for _, record in found[:limit]]


def _judged(table: Table[R], query: Query, records: Iterable[R], *, enough: int) -> list[tuple[int, R]]:
    found: list[tuple[int, R]] = []
    for read, record in enumerate(records):
        if read == MOST_READ or len(found) == enough:
            break
        score = query.score(table.words(record))
        if score:
            found.append((score, record))
    return found


def _bodies(db: sqlite3.Connection, table: Table[Any], query: Query, scope: _Scope) -> Iterator[bytes]:
    """Bodies of records that may fit, newest first."""
    name = quoted(table.name)
    few = scope.sql and _are_few(db, name, scope)
    scope = scope.visible(name)
    if few:
        sql = f"SELECT body FROM {name} WHERE 1{scope.sql} ORDER BY _n DESC"  # noqa: S608
        yield from _first_column(db, sql, scope.values)
        return
    # The newest are not in the index yet.
    (indexed,) = db.execute("SELECT indexed FROM _searched WHERE collection = ?", (table.name,)).fetchone()
    sql = f"SELECT body FROM {name} WHERE _n > ?{scope.sql} ORDER BY _n DESC"  # noqa: S608
    yield from _first_column(db, sql, [indexed, *scope.values])
    words = quoted(f"{table.name}__words")
    sql = (
        f"SELECT body FROM {words} CROSS JOIN {name} ON _n = {words}.rowid"  # noqa: S608
        f" WHERE {words} MATCH ?{scope.sql} ORDER BY {words}.rowid DESC"
    )
    yield from _first_column(db, sql, [query.fts, *scope.values])


def _are_few(db: sqlite3.Connection, name: str, scope: _Scope) -> bool:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {name} WHERE 1{scope.sql} LIMIT {FEW + 1})"  # noqa: S608
    (count,) = db.execute(sql, scope.values).fetchone()
    return bool(count <= FEW)


def _first_column(db: sqlite3.Connection, sql: str, values: list[Value]) -> Iterator[bytes]:
    for (value,) in db.execute(sql, values):
        yield value

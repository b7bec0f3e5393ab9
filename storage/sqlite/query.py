"""A find or an aggregate as SQL that walks an index.

The index is chosen here and named in the statement, not left to the planner's statistics: first those
whose leading fields the conditions fix, among them those that give the order. Where several values of a
leading field are asked for, each is its own walk and SQLite merges them, so a page of a long list is never
sorted as a whole.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from crm.errors import BadInput
from crm.store import After, Order, Where
from storage.sqlite.table import Table, Value, quoted

MOST_WALKS = 64
"""SQLite merges at most 500 selects; far fewer are still faster than a sort."""

BEFORE_ALL = "-9e999"
"""Less than every value but NULL, so that "is not null" is a range of the index."""


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Condition(NamedTuple):
    """The shape of a `Where`: everything but its values."""

    field: str
    op: str
    values: int  # how many values it has, None not counted
    null: bool = False  # whether None is one of them


class Shape(NamedTuple):
    """What makes two finds the same statement."""

    conditions: tuple[Condition, ...]
    order: str
    descending: bool
    after: str  # "" from the beginning; behind a "value", or None for "null"; "bounded" never comes to None
    hidden: bool = False  # whether records of some ids are left out


class Statement(NamedTuple):
    """SQL and, for each of its placeholders, which of the query's values it takes."""

    sql: str
    slots: tuple[int, ...]

    def parameters(self, values: Sequence[Value]) -> list[Value]:
        """The values in the order of the placeholders."""
        return [values[slot] for slot in self.slots]


class _Part(NamedTuple):
    """A piece of a WHERE clause with the slots of its placeholders."""

    sql: str
    slots: tuple[int, ...] = ()


HIDDEN = "id NOT IN (SELECT value FROM json_each(?))"


def find(
    table: Table[Any],
    where: Sequence[Where],
    order: Order | None,
    *,
    limit: int,
    after: After | None,
    hidden: str = "",
) -> tuple[Statement, list[Value]] | None:
    """The statement and its parameters; None where nothing can be found.

    `hidden` are ids of records to leave out, as a JSON list, or nothing.
    """
    field, descending = order or Order("id")
    table.check(field)
    bounds = [one for one in where if one.field == field and one.op in COMPARED]
    if after is not None and field == "id":
        after = After(after.id, after.id)
    if after is not None and bounds:
        _conditions(table, bounds)
        if after.value is None and descending:
            return None  # only None is behind None, and it is within no bounds
        after, implied = _stricter(after, bounds, descending=descending)
        where = [one for one in where if one not in implied]
    conditions, values = _conditions(table, where)
    if any(not condition.values and not condition.null for condition in conditions):
        return None
    behind = ""
    if after is not None:
        behind = "bounded" if bounds else "null" if after.value is None else "value"
        values += [table.value(field, after.value), after.id]
    statement = _plan(table, Shape(conditions, field, descending, behind, bool(hidden)))
    return statement, [*statement.parameters([*values, hidden]), limit]


def _stricter(after: After, bounds: Sequence[Where], *, descending: bool) -> tuple[After | None, list[Where]]:
    """A page's beginning and a bound on the same side say the same: the stricter stays, as the walk's start.

    SQLite would start at the bound and pass over everything that earlier pages brought.
    """
    side = "<" if descending else ">"
    implied = []
    for bound in bounds:
        if bound.op[0] == side:
            if after.value is None or not COMPARED[bound.op](after.value, bound.value):
                return None, []
            implied.append(bound)
    return (None, []) if after.value is None else (after, implied)


def aggregate(
    table: Table[Any], where: Sequence[Where], by: Sequence[str], sum: str, *, hidden: str = ""
) -> tuple[str, list[Value]] | None:
    """The statement that counts and sums, and its parameters; None where nothing can be found."""
    conditions, values = _conditions(table, where)
    if any(not condition.values and not condition.null for condition in conditions):
        return None
    for field in by:
        table.check(field)
    keys = ", ".join(quoted(field) for field in by)
    total = f"total({table.summed(sum)})" if sum else "0"
    grouped = f" GROUP BY {keys} ORDER BY {keys}" if by else ""
    index, _, _ = choose_index(table, Shape(conditions, "", descending=False, after=""))
    part = _joined([*_each_plain(conditions), _held(table, index), *_visible(hidden, len(values))])
    values.append(hidden)
    sql = (
        f"SELECT {keys + ', ' if by else ''}count(*), {total} FROM {_walked(table, index)}{part.sql}{grouped}"  # noqa: S608
    )
    return sql, [values[slot] for slot in part.slots]


def restriction(table: Table[Any], where: Sequence[Where]) -> tuple[str, list[Value]] | None:
    """The conditions as `AND …`, to follow a WHERE, and their values; None where nothing can be found."""
    conditions, values = _conditions(table, where)
    if any(not condition.values and not condition.null for condition in conditions):
        return None
    part = filtered(conditions)
    return part.sql.replace(" WHERE ", " AND ", 1), [values[slot] for slot in part.slots]


def filtered(conditions: Sequence[Condition]) -> _Part:
    """The whole WHERE clause, left to the planner."""
    return _joined(_each_plain(conditions))


def _each_plain(conditions: Sequence[Condition]) -> list[_Part]:
    return [_plain(condition, slot) for condition, slot in _with_slots(conditions)]


def _conditions(table: Table[Any], where: Sequence[Where]) -> tuple[tuple[Condition, ...], list[Value]]:
    conditions: list[Condition] = []
    values: list[Value] = []
    for field, op, asked in where:
        if op == "in":
            several = asked if isinstance(asked, tuple) else (asked,)
            found = list(dict.fromkeys(table.value(field, one) for one in several))
            known = [value for value in found if value is not None]
            conditions.append(Condition(field, "in", len(known), len(known) < len(found)))
            values += known
            continue
        if isinstance(asked, tuple):
            raise BadInput(f"{field!r} is compared with one value", field=field)
        value = table.value(field, asked)
        if value is None and op != "=":
            raise BadInput(f"{field!r} is compared with None", field=field)
        conditions.append(Condition(field, op, int(value is not None), value is None))
        values += [] if value is None else [value]
    return tuple(conditions), values


def _with_slots(conditions: Sequence[Condition]) -> list[tuple[Condition, int]]:
    """Each condition with the slot of its first value."""
    slot, placed = 0, []
    for condition in conditions:
        placed.append((condition, slot))
        slot += condition.values
    return placed


@lru_cache(maxsize=2048)
def _plan(table: Table[Any], shape: Shape) -> Statement:
    index, fixed, ordered = choose_index(table, shape)
    walks: list[list[_Part]] = [[]]
    for condition, slot in _with_slots(shape.conditions):
        choices = [[_plain(condition, slot)]]
        if condition.op == "in" and condition.field in fixed and ordered:
            each = [[part] for part in _each(condition, slot)]
            ordered = len(walks) * len(each) <= MOST_WALKS
            choices = each if ordered else choices
        walks = [[*walk, *choice] for walk, choice in product(walks, choices)]
    end = sum(condition.values for condition in shape.conditions)
    visible = _visible(shape.hidden, end + 2 if shape.after else end)
    walks = [[*walk, part, *visible] for walk, part in product(walks, _behind(shape, end))]
    return _compound(table, shape, index, walks)


def choose_index(table: Table[Any], shape: Shape) -> tuple[str, frozenset[str], bool]:
    """The index to walk, the leading fields that the conditions fix, and whether it gives the order."""
    fixing = {condition.field for condition in shape.conditions if condition.op in ("=", "in")}
    bounded = {condition.field for condition in shape.conditions} - fixing
    best: tuple[str, frozenset[str], bool] = ("", frozenset(), shape.order == "id")
    best_score = (False, False, 0, False)
    for name, fields in table.indexes.items():
        if not _holds_all(table, name, shape.conditions):
            continue
        count = next((place for place, field in enumerate(fields) if field not in fixing), len(fields))
        left = () if shape.order in ("id", *fields[:count]) else (shape.order,)
        ordered = fields[count:] == left
        bounds = count < len(fields) and fields[count] in bounded
        score = (count > 0, ordered, count, bounds)
        if (count > 0 or ordered or bounds) and score > best_score:
            best, best_score = (name, frozenset(fields[:count]), ordered), score
    return best


def _holds_all(table: Table[Any], index: str, conditions: Sequence[Condition]) -> bool:
    """Whether the index has every record that meets the conditions."""
    field = table.sparse.get(index)
    return field is None or any(
        condition.field == field and condition.values and not condition.null for condition in conditions
    )


def _each(condition: Condition, slot: int) -> list[_Part]:
    name = quoted(condition.field)
    parts = [_Part(f"{name} = ?", (slot + place,)) for place in range(condition.values)]
    return [*parts, _Part(f"{name} IS NULL")] if condition.null else parts


def _plain(condition: Condition, slot: int) -> _Part:
    name = quoted(condition.field)
    slots = tuple(range(slot, slot + condition.values))
    if condition.op != "in":
        return _Part(f"{name} IS NULL") if condition.null else _Part(f"{name} {condition.op} ?", slots)
    one_of = f"{name} IN ({', '.join('?' * condition.values)})"
    if not condition.null:
        return _Part(one_of, slots)
    return _Part(f"({one_of} OR {name} IS NULL)", slots) if slots else _Part(f"{name} IS NULL")


def _behind(shape: Shape, slot: int) -> list[_Part]:
    """Where the page begins. NULL is less than every value, and compares with none."""
    name, than = quoted(shape.order), "<" if shape.descending else ">"
    if not shape.after:
        return [_Part("")]
    if shape.order == "id":
        return [_Part(f"id {than} ?", (slot + 1,))]
    same = _Part(f"({name} IS NULL AND id {than} ?)", (slot + 1,))
    if shape.after == "null":
        return [same] if shape.descending else [same, _Part(f"{name} > {BEFORE_ALL}")]
    further = _Part(f"({name}, id) {than} (?, ?)", (slot, slot + 1))
    return [further, _Part(f"{name} IS NULL")] if shape.descending and shape.after != "bounded" else [further]


def _visible(hidden: object, slot: int) -> list[_Part]:
    return [_Part(HIDDEN, (slot,))] if hidden else []


def _walked(table: Table[Any], index: str) -> str:
    return f"{quoted(table.name)}{f' INDEXED BY {quoted(index)}' if index else ''}"


def _held(table: Table[Any], index: str) -> _Part:
    """What a sparse index says of all that it has: SQLite walks one only where the question says so too."""
    return _Part(f"{quoted(table.sparse[index])} IS NOT NULL") if index in table.sparse else _Part("")


def _joined(parts: Sequence[_Part]) -> _Part:
    wanted = [part for part in parts if part.sql]
    if not wanted:
        return _Part("")
    slots = tuple(slot for part in wanted for slot in part.slots)
    return _Part(f" WHERE {' AND '.join(part.sql for part in wanted)}", slots)


def _compound(table: Table[Any], shape: Shape, index: str, walks: Sequence[Sequence[_Part]]) -> Statement:
    key = quoted(shape.order)
    walked = _walked(table, index)
    columns = "id, version, body" if len(walks) == 1 or shape.order == "id" else f"id, version, body, {key}"
    clauses = [_joined([*walk, _held(table, index)]) for walk in walks]
    selects = " UNION ALL ".join(f"SELECT {columns} FROM {walked}{clause.sql}" for clause in clauses)  # noqa: S608
    direction = " DESC" if shape.descending else ""
    order = f"id{direction}" if shape.order == "id" else f"{key}{direction}, id{direction}"
    slots = tuple(slot for clause in clauses for slot in clause.slots)
    return Statement(f"{selects} ORDER BY {order} LIMIT ?", slots)

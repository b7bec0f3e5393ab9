"""How the records of one collection lie in their table, and how a value becomes a column and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

import msgspec.inspect

from crm.errors import BadInput, StoreDown
from crm.record import Record
from crm.store import Collection, Index, Scalar

R = TypeVar("R", bound=Record)
T = TypeVar("T")

Value = str | int | bytes | None
"""What SQLite keeps in a column of ours."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OWN_COLUMNS = ("_n", "id", "version", "body")


def micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC: exact for every year, and compared as a moment."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def as_value(scalar: Scalar) -> Value:
    """The scalar as a column holds it."""
    return micros(scalar) if isinstance(scalar, datetime) else scalar


def moment(value: int) -> datetime:
    """The aware UTC datetime of those microseconds."""
    return EPOCH + timedelta(microseconds=value)


def portions(items: list[T], size: int) -> Iterator[list[T]]:
    """The items in lists of the size and then of powers of two, so that few different statements are made."""
    start = 0
    while start < len(items):
        while start + size > len(items):
            size //= 2
        yield items[start : start + size]
        start += size


def quoted(name: str) -> str:
    """The name as SQL takes it, whatever the word."""
    return f'"{name}"'


class Table(Generic[R]):
    """One collection's table: `_n`, the id, the version, a column for each indexed field, and the JSON.

    `_n` is the record's number in the search index. It grows in the order of writing; a record whose
    words change takes a new number, so the postings of its old words lead nowhere.
    """

    def __init__(self, collection: Collection[R]) -> None:
        self.collection = collection
        self.name = collection.name
        self.fields = tuple(field for field in collection.fields if field not in ("id", "version"))
        self.indexes = {self._index_name(index): index.fields for index in collection.indexes}
        self.sparse = {
            self._index_name(index): index.fields[-1] for index in collection.indexes if index.sparse
        }
        self._types = _field_types(collection)
        for field in self.fields:
            if field in OWN_COLUMNS or field not in self._types:
                raise ValueError(f"{self.name} cannot be indexed by {field!r}: no such scalar field")
        self._numbers = tuple(
            field for field in self.fields if isinstance(self._types[field], msgspec.inspect.IntType)
        )
        self._sums: dict[str, str] = {}

    def _index_name(self, index: Index) -> str:
        """Another kind of index has another name: an older file's is then taken for one nothing asks for."""
        return "__".join((self.name, *index.fields, *(["set"] if index.sparse else [])))

    def _is_moment(self, field: str) -> bool:
        return isinstance(self._types[field], msgspec.inspect.DateTimeType)

    def columns(self, record: R, fields: tuple[str, ...] | None = None) -> tuple[Value, ...]:
        """The record's indexed fields, or those named, as its columns hold them."""
        pick, moments = self._reading(self.fields if fields is None else fields)
        values = pick(record)
        if not moments:
            return values
        changed = list(values)
        for place in moments:
            value = changed[place]
            if value is not None:
                changed[place] = micros(cast(datetime, value))
        return tuple(changed)

    @lru_cache(maxsize=256)  # noqa: B019  # tables live as long as the program
    def _reading(self, fields: tuple[str, ...]) -> tuple[Callable[[R], tuple[Value, ...]], list[int]]:
        """How to read those fields of a record, and which of them are moments."""
        names = tuple(name for name in fields if name != "_n")
        return _picker(names), [place for place, name in enumerate(names) if self._is_moment(name)]

    def check_numbers(self, record: R) -> None:
        """Raise `OverflowError` if a column could not hold the record's number."""
        for field in self._numbers:
            if not -(1 << 63) <= getattr(record, field) < 1 << 63:
                raise OverflowError(f"{self.name}: {field} has more than 64 bits")

    def value(self, field: str, scalar: Scalar) -> Value:
        """The scalar as the field's column holds it. Raises `BadInput` if nothing is indexed by the field."""
        self.check(field)
        return as_value(scalar)

    def check(self, field: str) -> None:
        """Raise `BadInput` naming the field if the collection has no index with it."""
        if field not in self.collection.fields and field != "id":
            raise BadInput(f"{self.name} are not indexed by {field!r}", field=field)

    def scalar(self, field: str, value: Value) -> Scalar:
        """The column's value, as a reading connection gives it, as the record has it."""
        if value is None:
            return None
        if isinstance(value, bytes):
            return value.decode()
        kind = self._types[field]
        if isinstance(kind, msgspec.inspect.DateTimeType):
            return moment(cast(int, value))
        return bool(value) if isinstance(kind, msgspec.inspect.BoolType) else value

    def summed(self, field: str) -> str:
        """SQL of an integer field, indexed or not; a field that JSON omits has its default."""
        if field not in self._sums:
            self._sums[field] = self._sum(field)
        return self._sums[field]

    def _sum(self, field: str) -> str:
        if not isinstance(self._types.get(field), msgspec.inspect.IntType):
            raise BadInput(f"{self.name} have no integer field {field!r} to sum", field=field)
        if field in self.fields or field == "version":
            return quoted(field)
        default = int(_default(self.collection, field) or 0)
        return f"coalesce(json_extract(body, '$.{field}'), {default})"

    def read(self, body: bytes) -> R:
        """The record of a stored body. Raises `StoreDown` if it is none."""
        try:
            return self.collection.decode(body)
        except msgspec.DecodeError as error:
            raise StoreDown(f"{self.name} have a record that cannot be read: {error}") from error

    def words(self, record: R) -> str:
        """What search finds the record by; empty where the collection is not searched."""
        return self.collection.words(record) if self.collection.words else ""

    @property
    def all_moved(self) -> tuple[str, ...]:
        """As if every column and the words had changed."""
        return (*self.fields, "_n")

    def moved(self, known: R, stored: R) -> tuple[str, ...]:
        """Columns in which a replaced record differs from the known one, and `_n` if its words differ."""
        pick, _ = self._reading(self.fields)
        pairs = zip(self.fields, pick(known), pick(stored), strict=True)
        # A list: this runs for every message of a talk, and most fields are the very same object.
        moved = [field for field, old, new in pairs if old is not new and old != new]
        return (*moved, "_n") if self.words(known) != self.words(stored) else tuple(moved)

    @lru_cache(maxsize=256)  # noqa: B019  # tables live as long as the program
    def fetch_sql(self, ids: int) -> str:
        """The statement that reads records by so many ids."""
        marks = ", ".join("?" * ids)
        return f"SELECT id, version, body FROM {quoted(self.name)} WHERE id IN ({marks})"  # noqa: S608

    @lru_cache(maxsize=1024)  # noqa: B019  # tables live as long as the program
    def insert_sql(self, rows: int, fields: tuple[str, ...] | None = None) -> str:
        """One statement that inserts that many rows. An error rolls the whole transaction back.

        Otherwise SQLite would keep a journal of each statement of several rows, at a fifth of its cost.
        """
        names = ("_n", "id", "version", *(self.fields if fields is None else fields), "body")
        columns = ", ".join(map(quoted, names))
        row = f"({'?, ' * (len(names) - 1)}CAST(? AS TEXT))"
        return f"INSERT OR ROLLBACK INTO {quoted(self.name)} ({columns}) VALUES {', '.join([row] * rows)}"  # noqa: S608

    @lru_cache(maxsize=1024)  # noqa: B019
    def update_sql(self, rows: int, moved: tuple[str, ...]) -> str:
        """One statement that replaces that many rows; only indexes that hold a moved column are touched."""
        fields = tuple(name for name in moved if name != "_n")
        changes = ", ".join(
            f"{quoted(name)} = excluded.{quoted(name)}" for name in ("version", "body", *moved)
        )
        return f"{self.insert_sql(rows, fields)} ON CONFLICT (id) DO UPDATE SET {changes}"


def _structs(collection: Collection[R]) -> list[msgspec.inspect.StructType]:
    kind = msgspec.inspect.type_info(collection.type)
    members = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return [member for member in members if isinstance(member, msgspec.inspect.StructType)]


def _field_types(collection: Collection[R]) -> dict[str, msgspec.inspect.Type]:
    """Types of the fields that every kind of record in the collection has, without their `| None`."""
    structs = _structs(collection)
    common = set.intersection(*({field.name for field in struct.fields} for struct in structs))
    return {field.name: _required(field.type) for field in structs[0].fields if field.name in common}


def _required(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    if isinstance(kind, msgspec.inspect.UnionType):
        kinds = [member for member in kind.types if not isinstance(member, msgspec.inspect.NoneType)]
        return kinds[0] if len(kinds) == 1 else kind
    return kind


def _default(collection: Collection[R], name: str) -> int:
    field = next(field for field in _structs(collection)[0].fields if field.name == name)
    return field.default if isinstance(field.default, int) else 0


def _picker(fields: tuple[str, ...]) -> Callable[[Any], tuple[Value, ...]]:
    """`attrgetter` that gives a tuple however many fields there are."""
    if not fields:
        return lambda _: ()
    if len(fields) == 1:
        one = attrgetter(fields[0])
        return lambda record: (one(record),)
    return attrgetter(*fields)

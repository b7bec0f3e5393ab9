"""What the product asks of a store: few verbs over typed records, the same on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from crm.record import Record

R = TypeVar("R", bound=Record)

Scalar = str | int | bool | datetime | None


class Index(NamedTuple):
    """Fields, in order, by which records of a collection are found quickly.

    A sparse one need not hold records whose last field is None: it serves only a find that compares that
    field with a value. Where few records have one, it costs the others nothing.
    """

    fields: tuple[str, ...]
    sparse: bool = False


class Collection(Generic[R]):
    """Records of one kind. `type` may be a tagged union; `words` gives what search finds a record by.

    `asked_again` is false where a new record is seldom read soon: a store need not keep it at hand.

    Fields named in `indexes` are scalars; a datetime is compared as a moment. Only those may be used
    in `find`, `aggregate` and `order`.
    """

    def __init__(
        self,
        name: str,
        type: object,
        *,
        indexes: Sequence[Index] = (),
        words: Callable[[R], str] | None = None,
        asked_again: bool = True,
    ) -> None:
        self.name = name
        self.type = type
        self.indexes = tuple(indexes)
        self.words = words
        self.asked_again = asked_again
        self.fields = tuple(dict.fromkeys(field for index in indexes for field in index.fields))
        self._encoder = msgspec.json.Encoder()
        self._decoder: msgspec.json.Decoder[R] = msgspec.json.Decoder(type)

    def encode(self, record: R) -> bytes:
        """JSON of the record, readable with any tool."""
        return self._encoder.encode(record)

    def decode(self, body: bytes | str | memoryview) -> R:
        """The record of that JSON. Raises `msgspec.ValidationError`."""
        return self._decoder.decode(body)

    def __repr__(self) -> str:
        return f"Collection({self.name})"


class Where(NamedTuple):
    """One condition on an indexed field. For `in`, the value is a tuple of scalars."""

    field: str
    op: Literal["=", "in", "<", "<=", ">", ">="]
    value: Scalar | tuple[Scalar, ...]


def equals(field: str, value: Scalar) -> Where:
    """The field has this value."""
    return Where(field, "=", value)


def one_of(field: str, values: Iterable[Scalar]) -> Where:
    """The field has one of these values; of no values, nothing is found."""
    return Where(field, "in", tuple(values))


def at_least(field: str, value: Scalar) -> Where:
    """The field is this value or more."""
    return Where(field, ">=", value)


def less_than(field: str, value: Scalar) -> Where:
    """The field is less than this value."""
    return Where(field, "<", value)


class Order(NamedTuple):
    """By which indexed field a find is ordered; equal values are ordered by id in the same direction."""

    field: str
    descending: bool = False


class After(NamedTuple):
    """Where the next page of a find begins: just behind this value of the order field and this id."""

    value: Scalar
    id: str


class Group(NamedTuple):
    """One row of an aggregate: the values of the `by` fields, how many records, and the sum asked for."""

    key: tuple[Scalar, ...]
    records: int
    total: int


class Insert(NamedTuple, Generic[R]):
    """A record that is new. Its version must be 1; a record of that id already there is a Conflict."""

    collection: Collection[R]
    record: R


class Replace(NamedTuple, Generic[R]):
    """A record that was read and changed: pass it with the version it was read with.

    It is stored with the version after that one; another version in the store is a Conflict.
    """

    collection: Collection[R]
    record: R


Write = Insert[Any] | Replace[Any]


class Store(Protocol):
    """Where records are. Every verb raises `StoreDown` when the engine cannot answer."""

    async def get(self, collection: Collection[R], id: str) -> R | None:
        """The record of that id."""
        ...

    async def get_many(self, collection: Collection[R], ids: Iterable[str]) -> dict[str, R]:
        """Those records that exist, by id."""
        ...

    async def find(
        self,
        collection: Collection[R],
        *where: Where,
        order: Order | None = None,
        limit: int = 100,
        after: After | None = None,
    ) -> list[R]:
        """Records that meet every condition, at most `limit`, in `order` (by id when none is given)."""
        ...

    async def aggregate(
        self, collection: Collection[R], *where: Where, by: Sequence[str] = (), sum: str = ""
    ) -> list[Group]:
        """Count the records that meet every condition, and sum one integer field, by groups."""
        ...

    async def search(self, collection: Collection[R], words: str, *where: Where, limit: int = 50) -> list[R]:
        """Records found by words in any form (Russian and English), best first. Every word must occur."""
        ...

    async def commit(self, writes: Sequence[Write], blobs: Mapping[str, bytes] | None = None) -> None:
        """Keep all of it durably, or nothing. Raises `Conflict` naming the record that stood in the way."""
        ...

    async def read_blob(self, id: str) -> bytes | None:
        """The bytes stored under that id."""
        ...

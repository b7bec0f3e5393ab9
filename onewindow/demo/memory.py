"""A store in memory: the past of the demo is made in it, by the same code that serves the present."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec

from crm.errors import Conflict
from crm.record import Record
from crm.store import After, Collection, Group, Insert, Order, Scalar, Where, Write

R = TypeVar("R", bound=Record)

_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, wanted: value in wanted,
}
_BEATEN_PATHS = ("customer_id", "case_id", "assignee_id")
"""Fields by which nearly everything is asked for; records are sorted by them as they come in."""


class MemoryStore:
    """Implements `crm.store.Store` for one task at a time; no verb ever waits."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self._records: dict[str, dict[str, Record]] = defaultdict(dict)
        self._by: dict[tuple[str, str, object], dict[str, None]] = defaultdict(dict)

    def all(self, collection: Collection[R]) -> list[R]:
        """Every record of the collection, in the order they came in."""
        return list(self._records[collection.name].values())  # type: ignore[arg-type]

    async def get(self, collection: Collection[R], id: str) -> R | None:
        return self._records[collection.name].get(id)  # type: ignore[return-value]

    async def get_many(self, collection: Collection[R], ids: Iterable[str]) -> dict[str, R]:
        records = self._records[collection.name]
        return {id_: records[id_] for id_ in ids if id_ in records}  # type: ignore[misc]

    async def find(
        self,
        collection: Collection[R],
        *where: Where,
        order: Order | None = None,
        limit: int = 100,
        after: After | None = None,
    ) -> list[R]:
        field = order.field if order else "id"
        found = sorted(
            self._matching(collection, where),
            key=lambda record: (getattr(record, field), record.id),
            reverse=bool(order and order.descending),
        )
        if after:
            beyond = operator.lt if order and order.descending else operator.gt
            mark = (after.value, after.id)
            found = [record for record in found if beyond((getattr(record, field), record.id), mark)]
        return found[:limit]

    async def aggregate(
        self, collection: Collection[R], *where: Where, by: Sequence[str] = (), sum: str = ""
    ) -> list[Group]:
        groups: dict[tuple[Scalar, ...], Group] = {}
        for record in self._matching(collection, where):
            key = tuple(getattr(record, field) for field in by)
            group = groups.get(key, Group(key, 0, 0))
            total = group.total + (getattr(record, sum) if sum else 0)
            groups[key] = Group(key, group.records + 1, total)
        return list(groups.values())

    async def search(self, collection: Collection[R], words: str, *where: Where, limit: int = 50) -> list[R]:
        wanted, text_of = words.casefold().split(), collection.words or (lambda _: "")
        matching = self._matching(collection, where)
        found = (one for one in matching if all(word in text_of(one).casefold() for word in wanted))
        return list(islice(found, limit))

    async def commit(self, writes: Sequence[Write], blobs: Mapping[str, bytes] | None = None) -> None:
        for write in writes:
            known = self._records[write.collection.name].get(write.record.id)
            if known.version != write.record.version if known else not isinstance(write, Insert):
                raise Conflict(write.collection.name, write.record.id)
            if known and isinstance(write, Insert):
                raise Conflict(write.collection.name, write.record.id)
        for write in writes:
            grown = 0 if isinstance(write, Insert) else 1
            self._keep(write.collection.name, write.record, write.record.version + grown)
        self.blobs.update(blobs or {})

    async def read_blob(self, id: str) -> bytes | None:
        return self.blobs.get(id)

    def _matching(self, collection: Collection[R], where: Sequence[Where]) -> list[R]:
        paths = [one for one in where if one.op == "=" and one.field in _BEATEN_PATHS]
        records = self._records[collection.name]
        ids: Iterable[str] = records
        if paths:
            ids = self._by[collection.name, paths[0].field, paths[0].value]
        found = (records[id_] for id_ in ids)
        return [record for record in found if _meets(record, where)]  # type: ignore[misc]

    def _keep(self, collection: str, record: Record, version: int) -> None:
        earlier = self._records[collection].get(record.id)
        kept = msgspec.structs.replace(record, version=version)
        for field in _BEATEN_PATHS:
            if hasattr(kept, field):
                if earlier:
                    self._by[collection, field, getattr(earlier, field)].pop(record.id, None)
                self._by[collection, field, getattr(kept, field)][record.id] = None
        self._records[collection][record.id] = kept


def _meets(record: Record, where: Sequence[Where]) -> bool:
    for field, op, wanted in where:
        value = getattr(record, field)
        if op != "=" and op != "in" and value is None:
            return False
        if not _HOLDS[op](value, wanted):
            return False
    return True

"""The records used last, decoded: this process is the only writer, so what it remembers is true."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar, cast

from crm.record import Record
from storage.sqlite.table import Table

R = TypeVar("R", bound=Record)


class RecordCache:
    """Bounded by the bytes of the records' JSON; the record used longest ago goes first.

    It is used from the event loop's thread only. Older versions never replace newer ones.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        # A plain dict finds its oldest entry ever more slowly as entries before it are taken out.
        self._records: OrderedDict[tuple[str, str], tuple[Record, int]] = OrderedDict()

    def get(self, table: Table[R], id: str) -> R | None:
        """The record, if it is remembered."""
        key = (table.name, id)
        entry = self._records.get(key)
        if entry is None:
            return None
        self._records.move_to_end(key)
        return cast(R, entry[0])

    def put(self, table: Table[R], record: R, size: int) -> None:
        """Remember a record that is committed."""
        key = (table.name, record.id)
        known = self._records.pop(key, None)
        if known is not None:
            if known[0].version > record.version:
                self._records[key] = known
                return
            self._bytes -= known[1]
        if size > self._limit // 16:  # one giant would push out everything else
            return
        self._records[key] = (record, size)
        self._bytes += size
        while self._bytes > self._limit:
            self._bytes -= self._records.popitem(last=False)[1][1]

    def forget(self, table: Table[R], id: str) -> None:
        """Have the record read again."""
        entry = self._records.pop((table.name, id), None)
        if entry is not None:
            self._bytes -= entry[1]

"""Reading: short reads at once on the event loop, long ones in a thread.

A record read by its id costs 14 µs of CPU on the loop, and 55 µs with a hop to a thread and back. So a read
starts on the loop with a small allowance of time; what overstays it is stopped and done again in a thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from crm.errors import BadInput, StoreDown
from storage.sqlite.file import connect_reader
from storage.sqlite.table import Value

T = TypeVar("T")
Row = tuple[Any, ...]

ALLOWANCE = 0.002
"""Seconds that a read may hold the event loop."""

STEPS_BETWEEN_LOOKS = 2000
"""SQLite looks at the clock after so many of its instructions: some 50 µs."""

ROWS_BETWEEN_LOOKS = 25

THREADS = 2
MOST_WAITING = 500


class Line:
    """A connection for reading that stops at a deadline."""

    def __init__(self, path: Path, *, patience: float) -> None:
        self.db = connect_reader(path, patience=patience)
        self._deadline = 0.0
        self.db.set_progress_handler(self.is_late, STEPS_BETWEEN_LOOKS)

    def is_late(self) -> bool:
        """Whether the time allowed is over."""
        return perf_counter() > self._deadline

    def allow(self, seconds: float) -> None:
        """From now on, so long."""
        self._deadline = perf_counter() + seconds


class Reader:
    """Every read sees what was committed before it began."""

    def __init__(self, path: Path, *, patience: float) -> None:
        self._patience = patience
        self._here = Line(path, patience=0.0)
        self._lines = [Line(path, patience=patience) for _ in range(THREADS)]
        self._free = list(self._lines)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store reader")
        self._waiting = 0

    async def rows(self, sql: str, values: Sequence[Value]) -> list[Row]:
        """All rows of the statement. Raises `StoreDown`."""
        rows = self.at_once(sql, values)
        if rows is not None:
            return rows
        return await self.elsewhere(lambda db: db.execute(sql, values).fetchall())

    def at_once(self, sql: str, values: Sequence[Value]) -> list[Row] | None:
        """All rows, without letting anything else run; None if that would take long."""
        self._here.allow(ALLOWANCE)
        rows: list[Row] = []
        try:
            with closing(self._here.db.execute(sql, values)) as cursor:
                while some := cursor.fetchmany(ROWS_BETWEEN_LOOKS):
                    rows += some
                    if len(some) == ROWS_BETWEEN_LOOKS and self._here.is_late():
                        return None
            return rows
        except sqlite3.DatabaseError:
            return None  # too long or locked just now: the thread has time, and says what is wrong if it is
        except (UnicodeEncodeError, OverflowError) as error:
            raise _no_such_value(error) from error

    async def elsewhere(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """What the job returns, run with a connection in a thread. Raises `StoreDown`."""
        if self._waiting >= MOST_WAITING:
            raise StoreDown("too many long reads wait")
        self._waiting += 1
        try:
            async with asyncio.timeout(2 * self._patience):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._do, job)
        except TimeoutError as error:
            raise StoreDown("the store did not answer in time") from error
        except sqlite3.DatabaseError as error:
            raise StoreDown(f"the store cannot be read: {error}") from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise _no_such_value(error) from error
        finally:
            self._waiting -= 1

    def _do(self, job: Callable[[sqlite3.Connection], T]) -> T:
        line = self._free.pop()
        try:
            line.allow(self._patience)
            return job(line.db)
        finally:
            self._free.append(line)

    def close(self) -> None:
        """Stop what is being read, and let the file go."""
        for line in self._lines:
            line.allow(0)
        self._threads.shutdown(cancel_futures=True)
        for line in (self._here, *self._lines):
            line.db.close()


def _no_such_value(error: Exception) -> BadInput:
    text = isinstance(error, UnicodeEncodeError)
    return BadInput(
        f"no record can hold {'half of a surrogate pair' if text else 'a number of over 64 bits'}"
    )

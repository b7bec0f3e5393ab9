"""Copies of the store that an operator can rely on: made while it is written to, and checked."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from crm.errors import BadInput, StoreDown, StoreUnusable
from storage.sqlite.daybook import count_new
from storage.sqlite.file import connect, made_private
from storage.sqlite.schema import MIGRATIONS
from storage.sqlite.table import quoted

PAGES_AT_ONCE = 1024
WAIT_FOR_LOCK = 5.0

Progress = Callable[[int, int], None]
"""Told how many pages are copied, and of how many."""


class Verified(NamedTuple):
    """What is wrong with a store's file (nothing, one hopes), and how many records each collection has."""

    problems: tuple[str, ...]
    records: dict[str, int]


def backup(source: Path, to: Path, *, progress: Progress | None = None) -> None:
    """Copy the store as it is at this moment to a new file, whether or not another process is writing to it.

    The copy is one file, complete or not there. Raises `StoreUnusable` where there is no store, `BadInput`
    where a file of the copy's name exists, and `StoreDown` where the disk does not take the copy.
    """
    if to.exists():
        raise BadInput(f"{to} exists already: name a new file.", field="to")
    partial = to.with_name(f"{to.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with closing(_open(source)) as original:
            made_private(partial)
            with closing(sqlite3.connect(partial)) as copy:
                _copy(original, copy, progress)
        _rename_durably(partial, to)
    except (OSError, sqlite3.Error) as error:
        raise StoreDown(f"{to} was not made: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def verify(path: Path) -> Verified:
    """Read the whole file and say what is wrong with it. Raises `StoreUnusable` if it is no store at all."""
    with closing(_open(path)) as db:
        try:
            findings = [row[0] for row in db.execute("PRAGMA integrity_check").fetchall()]
            return Verified(tuple(found for found in findings if found != "ok"), _count(db))
        except sqlite3.DatabaseError as error:
            return Verified((str(error),), {})


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise StoreUnusable(f"there is no store at {path}: check the data directory.")
    try:
        db = connect(path, patience=WAIT_FOR_LOCK)
    except sqlite3.DatabaseError as error:
        raise StoreUnusable(f"{path} cannot be opened as a store: {error}.") from error
    try:
        db.execute("PRAGMA query_only = ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if not 1 <= version <= len(MIGRATIONS):
            raise StoreUnusable(f"{path} is not a store of this release (schema {version}).")
    except BaseException:
        db.close()
        raise
    return db


def _copy(original: sqlite3.Connection, copy: sqlite3.Connection, progress: Progress | None) -> None:
    def tell(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    # One snapshot for all steps: without it SQLite begins anew whenever the other process commits.
    original.execute("BEGIN")
    original.execute("SELECT 1 FROM sqlite_master").fetchall()
    original.backup(copy, pages=PAGES_AT_ONCE, progress=tell)
    original.execute("ROLLBACK")
    copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, with nothing beside it


def _count(db: sqlite3.Connection) -> dict[str, int]:
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE % (_n %'"
    new = count_new(db)
    return {
        name: db.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0] + new.get(name, 0)  # noqa: S608
        for (name,) in db.execute(tables).fetchall()
    }


def _rename_durably(partial: Path, to: Path) -> None:
    _sync(partial)
    partial.rename(to)
    _sync(to.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

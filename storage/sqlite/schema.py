"""The schema: a table for each collection, brought up to date when the file is opened."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from crm.errors import StoreUnusable
from crm.record import Record
from storage.sqlite.file import MEBIBYTE, connect, made_private
from storage.sqlite.table import Table, quoted
from storage.sqlite.words import WORDS_VERSION

log = logging.getLogger(__name__)

BATCH = 1000

LOG_PAGES = 8192
"""Pages of the log (32 MB) after which they are moved into the file, each once however often it was written:
with SQLite's own 1,000 a busy hour would move the same pages again and again."""

LOG_KEPT = 64 * MEBIBYTE
"""What stays of a log that had to grow, as it does during a backup: so much need not be made anew."""


def _first(db: sqlite3.Connection) -> None:
    """The layout of the first release."""
    db.execute("CREATE TABLE _blobs (id TEXT PRIMARY KEY, content BLOB NOT NULL)")
    db.execute(
        "CREATE TABLE _searched"
        " (collection TEXT PRIMARY KEY, indexed INTEGER NOT NULL, words INTEGER NOT NULL)"
    )


def _daybook(db: sqlite3.Connection) -> None:
    """Commits are written down here first."""
    db.execute("CREATE TABLE _daybook (n INTEGER PRIMARY KEY, commits BLOB NOT NULL)")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _daybook)
"""Each brings the file from its own place in this list to the next; released ones never change."""


def prepare(path: Path, tables: Iterable[Table[Record]]) -> sqlite3.Connection:
    """The writing connection of a store whose schema is what these tables ask for.

    Raises `StoreUnusable`; the file is then as it was.
    """
    try:
        db = connect(made_private(path), patience=5.0, cache=32 * MEBIBYTE)
        try:
            _bring_up_to_date(db, path, list(tables))
        except BaseException:
            db.close()
            raise
    except sqlite3.DatabaseError as error:
        raise StoreUnusable(f"{path} cannot be opened as a store: {error}. {_remedy(error)}") from error
    except OSError as error:
        raise StoreUnusable(
            f"{path} cannot be opened: {error.strerror}. Check the data directory."
        ) from error
    except msgspec.DecodeError as error:
        raise StoreUnusable(
            f"{path} has records that this release cannot read ({error}): install the release that wrote it."
        ) from error
    return db


def _remedy(error: sqlite3.DatabaseError) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the high bytes say where it happened
        case sqlite3.SQLITE_FULL:
            return "Make room on the disk."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "Close the program that holds it."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "Check who may write to the data directory."
        case _:
            return "Restore it from a backup."


def _bring_up_to_date(db: sqlite3.Connection, path: Path, tables: list[Table[Record]]) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StoreUnusable(
            f"{path} was written by a newer onewindow (schema {version}, this one knows {len(MIGRATIONS)}): "
            "install that release again, or restore a backup made before the update."
        )
    if not version and db.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise StoreUnusable(f"{path} belongs to another program: name another data directory.")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    # Nothing but the daybook is ever deleted, and its words are in the tables by then.
    db.execute("PRAGMA secure_delete = OFF")
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    db.execute(f"PRAGMA journal_size_limit = {LOG_KEPT}")
    db.execute("BEGIN IMMEDIATE")
    try:
        for migrate in MIGRATIONS[version:]:
            migrate(db)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        for table in tables:
            _fit_table(db, table)
            _fit_indexes(db, table)
            if table.collection.words:
                _fit_search(db, table)
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _fit_table(db: sqlite3.Connection, table: Table[Record]) -> None:
    """Make the table, or give it the columns it lacks and take away those that nothing asks for."""
    present = [name for _, name, *_ in db.execute(f"PRAGMA table_info({quoted(table.name)})")]
    if not present:
        columns = "".join(f"{quoted(field)}, " for field in table.fields)
        db.execute(
            f"CREATE TABLE {quoted(table.name)} (_n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
            f" version INTEGER NOT NULL, {columns}body TEXT NOT NULL)"
        )
        return
    missing = [field for field in table.fields if field not in present]
    surplus = set(present) - set(table.fields) - {"_n", "id", "version", "body"}
    if surplus:
        _drop_indexes(
            db, table, [name for name, fields in _indexes(db, table).items() if surplus & {*fields}]
        )
    for field in sorted(surplus):
        db.execute(f"ALTER TABLE {quoted(table.name)} DROP COLUMN {quoted(field)}")
    for field in missing:
        db.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(field)}")
    if missing:
        _fill(db, table, missing)


def _fill(db: sqlite3.Connection, table: Table[Record], fields: list[str]) -> None:
    """Fill new columns from the bodies."""
    log.info("filling new columns", extra={"collection": table.name, "fields": fields})
    places = [table.fields.index(field) for field in fields]
    changes = ", ".join(f"{quoted(field)} = ?" for field in fields)
    update = f"UPDATE {quoted(table.name)} SET {changes} WHERE _n = ?"  # noqa: S608
    last = 0
    while rows := db.execute(
        f"SELECT _n, body FROM {quoted(table.name)} WHERE _n > ? ORDER BY _n LIMIT {BATCH}",  # noqa: S608
        (last,),
    ).fetchall():
        values = ((table.columns(table.collection.decode(body)), n) for n, body in rows)
        db.executemany(update, [(*(columns[place] for place in places), n) for columns, n in values])
        last = rows[-1][0]


def _indexes(db: sqlite3.Connection, table: Table[Record]) -> dict[str, list[str]]:
    """The table's indexes that were made by us, with their columns."""
    listed = db.execute(f"PRAGMA index_list({quoted(table.name)})").fetchall()
    return {
        name: [column for _, _, column in db.execute(f"PRAGMA index_info({quoted(name)})")]
        for _, name, _, origin, _ in listed
        if origin == "c"
    }


def _drop_indexes(db: sqlite3.Connection, table: Table[Record], names: Sequence[str]) -> None:
    for name in names:
        log.info("dropping an index nothing asks for", extra={"collection": table.name, "index": name})
        db.execute(f"DROP INDEX {quoted(name)}")


def _fit_indexes(db: sqlite3.Connection, table: Table[Record]) -> None:
    """Every declared index ends with the id, so that walking it gives the order and the next page."""
    present = _indexes(db, table)
    _drop_indexes(db, table, [name for name in present if name not in table.indexes])
    for name, fields in table.indexes.items():
        if name not in present:
            columns = ", ".join(quoted(field) for field in dict.fromkeys((*fields, "id")))
            only = f" WHERE {quoted(table.sparse[name])} IS NOT NULL" if name in table.sparse else ""
            db.execute(f"CREATE INDEX {quoted(name)} ON {quoted(table.name)} ({columns}){only}")


def _fit_search(db: sqlite3.Connection, table: Table[Record]) -> None:
    """The search index keeps which words lead to which numbers, and nothing else: texts stay in the bodies.

    It is made anew when words are taken from texts in another way than before.
    """
    name = quoted(f"{table.name}__words")
    row = db.execute("SELECT words FROM _searched WHERE collection = ?", (table.name,)).fetchone()
    if row == (WORDS_VERSION,):
        return
    db.execute(f"DROP TABLE IF EXISTS {name}")
    db.execute(
        f"CREATE VIRTUAL TABLE {name} USING fts5(words, content='', detail=none, columnsize=0,"
        " tokenize='unicode61 remove_diacritics 0')"
    )
    db.execute("INSERT OR REPLACE INTO _searched VALUES (?, 0, ?)", (table.name, WORDS_VERSION))

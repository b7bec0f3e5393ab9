"""The file: who may hold it, and connections to it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crm.errors import StoreUnusable

OLDEST_SQLITE = (3, 35, 0)  # upsert in the forms used here, DROP COLUMN
MEBIBYTE = 1 << 20


@contextmanager
def held(path: Path) -> Iterator[None]:
    """While open, no other process can open the same store. The lock dies with the process that has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(
            f"{path} cannot be opened: {error.strerror}. Check the data directory."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise StoreUnusable(
                f"{path} is in use by process {holder}: the embedded store serves one process. "
                "Stop that one first, or give this one a data directory of its own."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def made_private(path: Path) -> Path:
    """The file, made if missing, readable by its owner alone: all the customers are in it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return path


def connect(path: Path, *, patience: float, cache: int = 8 * MEBIBYTE) -> sqlite3.Connection:
    """A connection that waits `patience` seconds for a lock and caches that many bytes of pages.

    Transactions are ours to begin and end; whoever gets it uses it from one thread at a time.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreUnusable(
            f"SQLite {sqlite3.sqlite_version} is too old: use a Python with {needed} or newer."
        )
    connection = sqlite3.connect(
        path, timeout=patience, isolation_level=None, check_same_thread=False, cached_statements=1024
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{cache // 1024}")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def connect_reader(path: Path, *, patience: float) -> sqlite3.Connection:
    """A connection that can only read. Text comes as bytes: bodies go to the decoder as they are."""
    connection = connect(path, patience=patience)
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = bytes
    return connection

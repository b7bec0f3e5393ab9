"""The embedded engine: records, search and files of one process in one SQLite file."""

from storage.sqlite.copying import Verified, backup, verify
from storage.sqlite.store import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "Verified", "backup", "open_sqlite", "verify"]

"""How far a source has read what its peer keeps, such as a mailbox or a log."""

from __future__ import annotations

from crm.record import Record


class Bookmark(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Its id names the source and what it reads; `place` is written as that source understands it."""

    place: str

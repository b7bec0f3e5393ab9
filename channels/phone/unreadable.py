"""Lines that could not be read: kept as they came, with the reason, until somebody has them read again."""

from __future__ import annotations

from datetime import datetime

from channels import base
from crm.contact import Arrival


def unreadable(raw: bytes, reason: str, *, log: str, exchange: str, at: datetime) -> Arrival:
    """The line as a dead letter; the same line again is the same one."""
    key = f"{exchange}/unread-{log}"
    return base.unreadable("phone", key, raw, why=f"{log}: {reason}", at=at, log=log, exchange=exchange)

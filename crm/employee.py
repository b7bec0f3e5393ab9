"""Who answers: employees, their departments, and what lets them in."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from crm.record import Record

Role = Literal["agent", "supervisor", "admin"]


class Hours(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a department answers, one weekday: 0 is Monday; times are local, `09:00`."""

    day: int
    opens: str
    closes: str


class Department(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A group of employees with a queue of its own. No `hours` means always open."""

    names: dict[str, str]  # by language code
    hours: tuple[Hours, ...] = ()
    timezone: str = "Europe/Moscow"
    active: bool = True


class Employee(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who works here. With `capacity` open cases in his hands, the router gives him no more.

    `extensions` are his telephones as the exchange names them: `101`, or the name of a queue's member.
    """

    login: str
    name: str
    role: Role = "agent"
    department_ids: tuple[str, ...] = ()
    region: str = ""
    language: str = "ru"
    capacity: int = 5
    extensions: tuple[str, ...] = ()
    password_hash: str = ""  # argon2id, PHC string
    active: bool = True


class SavedReply(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Words that agents send often. `{customer}` and `{agent}` in the text become names."""

    title: str
    text: str
    language: str = "ru"
    department_id: str = ""  # empty: for everybody
    active: bool = True  # false: no longer offered


class Session(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A signed-in browser. Its id is the SHA-256 of the cookie, so the store cannot be used to sign in."""

    employee_id: str
    csrf: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class ApiToken(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A bearer token of another system. Its id is the SHA-256 of the token."""

    name: str
    created_at: datetime
    writes: bool = True  # may post contacts and answers; else only reads
    revoked_at: datetime | None = None


class AuditRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Who read or changed what, and when. `what` is a code; no customer's words in it."""

    at: datetime
    employee_id: str = ""
    token_id: str = ""
    what: str
    object_kind: str = ""
    object_id: str = ""
    customer_id: str = ""
    from_ip: str = ""

"""Signed-in browsers: kept in the store, so that signing out works everywhere at once."""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

import msgspec

from agent_ui.rooms import UiSettings
from crm.collections import EMPLOYEES, SESSIONS
from crm.employee import Employee, Session
from crm.errors import Conflict
from crm.store import Insert, Order, Replace, Store, at_least, equals

SEEN_EVERY = timedelta(minutes=2)
"""How exactly we know when a browser was last seen: a write per request would be for nothing."""


class Guest(NamedTuple):
    """An employee and the session that let him in."""

    employee: Employee
    session: Session


async def open_session(store: Store, employee: Employee, *, at: datetime, settings: UiSettings) -> str:
    """Begin a session; what comes back is for the cookie and is known to nobody else."""
    token = secrets.token_urlsafe(32)
    session = Session(
        id=_id_of(token),
        employee_id=employee.id,
        csrf=secrets.token_urlsafe(24),
        created_at=at,
        seen_at=at,
        expires_at=at + timedelta(hours=settings.session_hours),
    )
    await store.commit([Insert(SESSIONS, session)])
    return token


async def find_guest(
    store: Store, token: str, *, at: datetime, settings: UiSettings, idle: bool = False
) -> Guest | None:
    """Who signed in with this cookie, while the session lasts and he may still come in.

    `idle` is for what a page asks by itself: it does not count as somebody being there.
    """
    session = await store.get(SESSIONS, _id_of(token)) if token else None
    if session is None or not is_open(session, at=at, settings=settings):
        return None
    employee = await store.get(EMPLOYEES, session.employee_id)
    if employee is None or not employee.active:
        return None
    return Guest(employee, session if idle else await _seen(store, session, at))


def is_open(session: Session, *, at: datetime, settings: UiSettings) -> bool:
    """Neither over nor left alone for too long."""
    return at < session.expires_at and at < session.seen_at + timedelta(minutes=settings.idle_minutes)


async def end_session(store: Store, session: Session, *, at: datetime) -> None:
    await _end(store, [session], at)


async def end_all_sessions(store: Store, employee_id: str, *, at: datetime, but: str = "") -> None:
    """Sign an employee out of every browser, all but the session of that id."""
    await _end(
        store,
        [session for session in await open_sessions(store, employee_id, at=at) if session.id != but],
        at,
    )


async def open_sessions(store: Store, employee_id: str, *, at: datetime) -> list[Session]:
    """Where an employee is signed in, the latest seen first."""
    longest = timedelta(days=31)
    found = await store.find(
        SESSIONS,
        equals("employee_id", employee_id),
        at_least("seen_at", at - longest),
        order=Order("seen_at", descending=True),
        limit=1000,
    )
    return [session for session in found if session.expires_at > at]


def is_token_of(session: Session, token: str) -> bool:
    """The page that sent this was made for this session."""
    return is_same(session.csrf, token)


def is_same(secret: str, given: str) -> bool:
    """Compared in a time that tells nothing. What a peer gave need not be text: a header holds any bytes."""
    return hmac.compare_digest(secret.encode(), given.encode(errors="surrogateescape"))


def _id_of(token: str) -> str:
    return sha256(token.encode(errors="surrogateescape")).hexdigest()


async def _seen(store: Store, session: Session, at: datetime) -> Session:
    if at - session.seen_at < SEEN_EVERY:
        return session
    seen = msgspec.structs.replace(session, seen_at=at)
    # Another request of the same browser may say it first, or the session may have been ended meanwhile.
    with suppress(Conflict):
        await store.commit([Replace(SESSIONS, seen)])
    return session


async def _end(store: Store, sessions: list[Session], at: datetime) -> None:
    for session in sessions:
        now: Session | None = session
        while now and now.expires_at > at:
            # When a request of that browser moves `seen_at` meanwhile, what is there then is ended.
            with suppress(Conflict):
                await store.commit([Replace(SESSIONS, msgspec.structs.replace(now, expires_at=at))])
            now = await store.get(SESSIONS, session.id)

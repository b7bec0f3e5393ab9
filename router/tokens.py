"""Bearer tokens of other systems: shown once when made, known by their hash, revoked at once."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from crm.collections import TOKENS
from crm.employee import ApiToken
from crm.errors import BadInput, NotFound
from crm.record import Clock
from crm.store import Insert, Order, Replace, Store

PREFIX = "ow_"
LONGEST_NAME = 100

_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")


class NewToken(NamedTuple):
    """A token as it is shown, this once, and its record."""

    token: str
    record: ApiToken


def token_id(token: str) -> str:
    """The id of its record."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def api_token(token: str, name: str, *, writes: bool, at: datetime) -> ApiToken:
    """The record of a token."""
    return ApiToken(id=token_id(token), name=name, created_at=at, writes=writes)


async def add_token(store: Store, *, name: str, writes: bool, clock: Clock) -> NewToken:
    """A token for another system. Raises `BadInput` for a name that says nothing."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput("Name the system that will use the token.", field="name")
    token = f"{PREFIX}{secrets.token_urlsafe(32)}"
    record = api_token(token, name, writes=writes, at=clock())
    await store.commit([Insert(TOKENS, record)])
    return NewToken(token, record)


async def find_token(store: Store, token: str) -> ApiToken | None:
    """The token's record while it is good. Takes as long for a wrong one as for a right one."""
    if not _TOKEN.fullmatch(token):
        return None
    record = await store.get(TOKENS, token_id(token))
    return record if record and record.revoked_at is None else None


async def list_tokens(store: Store) -> list[ApiToken]:
    """All of them, the latest first; the revoked ones stay listed, because the audit names them."""
    return await store.find(TOKENS, order=Order("created_at", descending=True), limit=1000)


async def revoke_token(store: Store, id: str, *, clock: Clock) -> ApiToken:
    """From now on it opens nothing. Revoking twice changes nothing. Raises `NotFound`."""
    record = await store.get(TOKENS, id)
    if record is None:
        raise NotFound("There is no such token.", field="id")
    if record.revoked_at:
        return record
    revoked = msgspec.structs.replace(record, revoked_at=clock())
    await store.commit([Replace(TOKENS, revoked)])
    return revoked

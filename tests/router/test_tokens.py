"""A token opens the door until it is revoked, and the store alone opens nothing."""

from __future__ import annotations

import pytest

from crm.collections import TOKENS
from crm.errors import BadInput, NotFound
from crm.store import Store
from router.tokens import add_token, find_token, list_tokens, revoke_token
from tests.router.records import HandClock


async def test_a_token_is_known_by_its_hash_alone(store: Store, clock: HandClock) -> None:
    made = await add_token(store, name=" billing ", writes=False, clock=clock)
    assert await find_token(store, made.token) == made.record
    assert (made.record.name, made.record.writes) == ("billing", False)
    stored = TOKENS.encode(made.record).decode()
    assert made.token not in stored
    assert await find_token(store, made.record.id) is None


async def test_a_revoked_token_opens_nothing_and_stays_listed(store: Store, clock: HandClock) -> None:
    made = await add_token(store, name="billing", writes=True, clock=clock)
    clock.pass_by(minutes=1)
    revoked = await revoke_token(store, made.record.id, clock=clock)
    clock.pass_by(minutes=1)
    again = await revoke_token(store, made.record.id, clock=clock)
    assert again.revoked_at == revoked.revoked_at
    assert await find_token(store, made.token) is None
    assert [token.id for token in await list_tokens(store)] == [made.record.id]


@pytest.mark.parametrize(
    "wrong", ["", "ow_", "ow_unknown-token", "x" * 600, "ow_пароль-по-русски", "\ud800" * 20]
)
async def test_a_wrong_token_opens_nothing(wrong: str, store: Store) -> None:
    assert await find_token(store, wrong) is None


async def test_a_token_names_its_system(store: Store, clock: HandClock) -> None:
    with pytest.raises(BadInput):
        await add_token(store, name=" ", writes=True, clock=clock)
    with pytest.raises(NotFound):
        await revoke_token(store, "unknown", clock=clock)

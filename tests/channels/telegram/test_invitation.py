"""Invitations: only what we signed opens, for the bot it was made for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.telegram.invitation import Invitations
from crm.errors import BadInput
from crm.record import new_id

OURS, OTHERS = Invitations(b"a secret of at least sixteen"), Invitations(b"another secret of sixteen")
UNTIL = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("customer", [new_id(), "7", "c-000012", "клиент", "00ff", "0Aff"])
def test_what_was_made_opens_and_fits_in_a_link(customer: str) -> None:
    token = OURS.make(111, customer, UNTIL)
    assert len(token) <= 64
    assert token.replace("-", "").replace("_", "").isalnum()
    opened = OURS.open(111, token)
    assert opened is not None
    assert (opened.customer_id, opened.until) == (customer, UNTIL)


def test_it_is_nothing_at_another_bot_or_installation() -> None:
    token = OURS.make(111, new_id(), UNTIL)
    assert OURS.open(222, token) is None
    assert OTHERS.open(111, token) is None


@given(st.integers(0, 49), st.sampled_from("Aab9_-"))
def test_one_letter_changed_and_it_is_nothing(place: int, letter: str) -> None:
    token = OURS.make(111, "0123456789abcdef0123456789abcdef", UNTIL)
    changed = token[:place] + letter + token[place + 1 :]
    assert changed == token or OURS.open(111, changed) is None or place == len(token) - 1


@given(st.text(max_size=70))
def test_any_words_behind_start_are_nothing(words: str) -> None:
    assert OURS.open(111, words) is None


def test_an_id_that_no_link_can_carry_is_refused() -> None:
    with pytest.raises(BadInput, match="too long"):
        OURS.make(111, "x" * 40, UNTIL)

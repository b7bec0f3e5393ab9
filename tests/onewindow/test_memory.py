"""The collector comes round seldom while the house is open, and as before when it is closed."""

from __future__ import annotations

import gc

import pytest

from onewindow.memory import ROUNDS, rare_collections
from router.live import Event
from tests.router.records import a_case, a_contact


def test_the_collector_is_as_it_was_afterwards() -> None:
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold() == ROUNDS
        assert gc.get_freeze_count() > 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


@pytest.mark.parametrize("value", [a_case(), a_contact(), Event(kind="case", at=a_case().opened_at)])
def test_the_collector_looks_at_no_value(value: object) -> None:
    assert not gc.is_tracked(value)

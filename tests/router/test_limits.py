"""How much one peer may ask of a door."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.limits import Crowd, Pace


def test_a_crowd_is_bounded_in_all_and_from_one_place() -> None:
    crowd = Crowd(3, per_peer=2)
    assert [crowd.enter("a"), crowd.enter("a"), crowd.enter("a")] == [True, True, False]
    assert [crowd.enter("b"), crowd.enter("c")] == [True, False]
    crowd.leave("a")
    assert crowd.enter("c")


def test_a_sender_may_hand_in_so_many_a_minute_and_then_again() -> None:
    pace = Pace(3)
    assert [pace.allows("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert pace.allows("b", 0.0)
    assert not pace.allows("a", 19.0)
    assert pace.allows("a", 21.0)


@given(st.lists(st.integers(0, 5)))
def test_no_stretch_of_a_minute_sees_more_than_twice_the_pace(gaps: list[int]) -> None:
    pace, moment, allowed = Pace(5), 0.0, []
    for gap in gaps:
        moment += gap
        if pace.allows("a", moment):
            allowed.append(moment)
    assert all(sum(begin <= other <= begin + 60 for other in allowed) <= 10 for begin in allowed)


def test_made_up_senders_are_forgotten() -> None:
    pace = Pace(1, memory=10)
    for number in range(1000):
        pace.allows(f"sender{number}", 0.0)
    assert pace.allows("sender0", 0.0)
    assert not pace.allows("sender999", 0.0)


def test_who_must_wait_is_told_how_long() -> None:
    pace = Pace(60)
    assert [pace.delay("a", 0.0) for _ in range(60)] == [0.0] * 60
    assert pace.delay("a", 0.25) == 0.75
    assert pace.delay("a", 1.0) == 0.0

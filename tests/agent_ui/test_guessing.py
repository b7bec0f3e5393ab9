"""Slowing down who guesses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_ui import guessing
from agent_ui.guessing import FORGET_AFTER, LOGIN, NETWORK, PAIR, REMEMBERED, Guesses


class Ticks:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_the_first_tries_are_free_and_then_each_waits_longer() -> None:
    ticks = Ticks()
    guesses = Guesses(ticks)
    waits = []
    for _ in range(PAIR.free + 4):
        waits.append(guesses.seconds_to_wait("anna", "10.0.0.1"))
        ticks.at += waits[-1]
        guesses.was_wrong("anna", "10.0.0.1")
    assert waits == [0, 0, 0, 1, 2, 4, 8]


def test_a_wait_never_passes_its_longest() -> None:
    guesses = Guesses(Ticks())
    for _ in range(2000):
        guesses.was_wrong("anna", "10.0.0.1")
    assert guesses.seconds_to_wait("anna", "10.0.0.1") == PAIR.longest


def test_a_crowd_of_robots_cannot_lock_somebody_out() -> None:
    guesses = Guesses(Ticks())
    for number in range(500):
        guesses.was_wrong("anna", f"10.0.{number // 250}.{number % 250}")
    assert guesses.seconds_to_wait("anna", "192.0.2.1") <= LOGIN.longest


def test_a_list_of_logins_from_one_network_waits() -> None:
    guesses = Guesses(Ticks())
    for number in range(NETWORK.free + 1):
        guesses.was_wrong(f"login{number}", "10.0.0.1")
    assert guesses.seconds_to_wait("anna", "10.0.0.1") > 0
    assert guesses.seconds_to_wait("anna", "10.0.0.2") == 0


def test_a_network_of_the_sixth_version_is_one_network() -> None:
    guesses = Guesses(Ticks())
    for number in range(10):
        guesses.was_wrong("anna", f"2001:db8:1:2::{number:x}")
    assert guesses.seconds_to_wait("anna", "2001:db8:1:2:ffff::1") > 0


def test_the_right_password_forgives_and_time_forgets() -> None:
    ticks = Ticks()
    guesses = Guesses(ticks)
    for _ in range(5):
        guesses.was_wrong("Anna ", "10.0.0.1")
    assert guesses.seconds_to_wait("anna", "10.0.0.1") > 0
    guesses.was_right("ANNA", "10.0.0.1")
    assert guesses.seconds_to_wait("anna", "10.0.0.1") == 0
    for _ in range(5):
        guesses.was_wrong("anna", "10.0.0.1")
    ticks.at += FORGET_AFTER + 1
    guesses.was_wrong("anna", "10.0.0.1")
    assert guesses.seconds_to_wait("anna", "10.0.0.1") == 0


def test_only_so_many_are_remembered() -> None:
    tries = guessing._Tries(PAIR, Ticks())
    for number in range(REMEMBERED + 100):
        tries.add(str(number))
    assert len(tries._wrong) == REMEMBERED


@given(st.text(max_size=200), st.text(max_size=60))
def test_whatever_is_typed_as_a_login_or_told_as_an_address_is_counted(login: str, ip: str) -> None:
    guesses = Guesses(Ticks())
    for _ in range(PAIR.free + 1):
        guesses.was_wrong(login, ip)
    assert guesses.seconds_to_wait(login, ip) > 0

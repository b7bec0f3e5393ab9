"""What a list shows of a contact, and what brings a closed case back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm.contact import DeliveryReport
from router.plan import first_words, only_tells
from tests.router.records import a_contact


@given(st.text(), st.integers(1, 200))
@example("\n" * 1000 + "слова", 10)
def test_first_words_are_one_line_of_the_beginning(text: str, limit: int) -> None:
    words = first_words(text, limit)
    assert len(words) <= limit + 1
    assert "\n" not in words
    assert " ".join(text.split()).startswith(words.removesuffix("…"))
    assert bool(words) == bool(text.split())


def test_words_are_cut_between_two_of_them() -> None:
    assert first_words("У меня  не\nработает интернет", 18) == "У меня не…"
    assert first_words("коротко", 7) == "коротко"
    assert first_words("x" * 100, 10) == "x" * 10 + "…"


@pytest.mark.parametrize(
    ("automatic", "outcome", "tells"),
    [
        ("", "", False),
        ("list", "", False),
        ("notice", "", False),
        ("reply", "", True),
        ("notice", "delivered", True),
        ("bounce", "delayed", True),
        ("bounce", "bounced", False),
        ("bounce", "failed", False),
        ("bounce", "", False),
    ],
)
def test_what_only_tells_how_an_answer_fares_asks_nothing_of_us(
    automatic: str, outcome: str, tells: bool
) -> None:
    report = DeliveryReport(key="m1", outcome=outcome) if outcome else None  # type: ignore[arg-type]
    assert only_tells(a_contact(automatic=automatic, report=report)) is tells

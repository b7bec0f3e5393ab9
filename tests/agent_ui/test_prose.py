"""Customers' words in a page: escaped whatever they hold, with links where they wrote links."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_ui.prose import excerpt, linkify, spaced_number

PIECES = (
    "https://example.com/?a=1&b=2",
    "<b>",
    "</a>",
    '"',
    "'",
    "&amp;",
    "http://",
    ".",
    ")",
    " ",
    "я",
    "JAVASCRIPT:x",
)
texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Смотрите https://example.com/a.", "https://example.com/a"),
        ("(https://example.com/a)", "https://example.com/a"),
        ("«https://example.com/путь»", "https://example.com/путь"),
        ("HTTP://EXAMPLE.COM", "HTTP://EXAMPLE.COM"),
        ("https://example.com/?q=a&b=<c>", "https://example.com/?q=a&amp;b="),
    ],
)
def test_an_address_ends_where_its_sentence_goes_on(text: str, address: str) -> None:
    assert f'<a href="{address}"' in linkify(text)


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "data:text/html,x", "www.example.com", "http://", "x@example.com"]
)
def test_nothing_else_becomes_a_link(text: str) -> None:
    assert "<a" not in linkify(text)


@given(texts)
def test_what_is_read_is_what_was_written(text: str) -> None:
    bare = re.sub(r"</?a\b[^>]*>", "", str(linkify(text)))
    assert "<" not in bare
    assert unescape(bare) == text


@given(texts, texts)
def test_an_excerpt_holds_no_element_of_the_customers(text: str, words: str) -> None:
    shown = str(excerpt(text, words))
    assert re.sub(r"</?mark>", "", shown).count("<") == 0
    assert len(unescape(re.sub(r"</?mark>", "", shown))) <= 161


def test_an_excerpt_shows_the_word_that_was_found_in_any_form() -> None:
    text = "Добрый день. " * 30 + "Прошу сделать перерасчёт за октябрь, интернета не было."
    shown = excerpt(text, "перерасчета интернет")
    assert "<mark>перерасчёт</mark>" in shown
    assert "<mark>интернета</mark>" in shown
    assert shown.startswith("…")


@pytest.mark.parametrize(
    ("number", "read"),
    [
        ("+79215550000", "+7 921 555-00-00"),
        ("+442071838750", "+44 20 7183 8750"),
        ("ivan@example.com", "ivan@example.com"),
        ("101", "101"),
        ("", ""),
    ],
)
def test_numbers_are_spaced_as_people_read_them(number: str, read: str) -> None:
    assert spaced_number(number) == read

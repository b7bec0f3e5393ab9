"""Words: what FTS5 finds by a query and what the check keeps agree, whatever is written or typed."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage.sqlite.words import LONGEST_TEXT, Query, indexable, stem

CYRILLIC = st.characters(min_codepoint=0x400, max_codepoint=0x45F)
LATIN = st.characters(min_codepoint=0x20, max_codepoint=0x17F)
TEXTS = st.text(CYRILLIC | LATIN | st.sampled_from(" \n-@./\u0301\u0306\u0308"), max_size=80)


class Index:
    """The search index of one text."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute(
            "CREATE VIRTUAL TABLE w USING fts5(words, content='', detail=none, columnsize=0,"
            " tokenize='unicode61 remove_diacritics 0')"
        )

    def hold(self, text: str) -> None:
        self._db.execute("INSERT INTO w(w) VALUES ('delete-all')")
        self._db.execute("INSERT INTO w(rowid, words) VALUES (1, ?)", (indexable(text),))

    def has(self, query: Query) -> bool:
        return self._db.execute("SELECT rowid FROM w WHERE w MATCH ?", (query.fts,)).fetchone() is not None


@pytest.fixture
def index() -> Iterator[Index]:
    with closing(sqlite3.connect(":memory:")) as db:
        yield Index(db)


@given(text=TEXTS, data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_is_found_by_its_own_words(index: Index, text: str, data: st.DataObject) -> None:
    index.hold(text)
    parts = [part for part in text.split() if Query(part)]
    if parts:
        query = Query(" ".join(data.draw(st.lists(st.sampled_from(parts), min_size=1, max_size=4))))
        assert query.score(text) > 0
        assert index.has(query)


@given(text=TEXTS | st.text(max_size=80), typed=st.text(max_size=40))
@example(text="1", typed="\u2160\u00b2\u0e33 \U0001f100")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_check_keeps_the_index_has_found(index: Index, text: str, typed: str) -> None:
    query = Query(typed)
    if query:
        index.hold(text.encode("utf-8", "replace").decode())
        if query.score(text):
            assert index.has(query)
        else:
            index.has(query)  # no error at least


@pytest.mark.parametrize(
    ("forms", "others"),
    [
        (["сеть", "сети", "сетью", "сетями", "Сетях"], ["сетка", "сетевой"]),
        (["подключение", "подключения", "подключением", "подключений"], ["отключение"]),
        (["счёт", "счет", "счета", "счетом", "счёту"], ["считать"]),
        (["работает", "работал", "работать", "работают"], ["разработка"]),
        (["Москва", "Москве", "москвой", "Москву"], ["москит"]),
        (["payment", "payments", "Payment"], ["payee"]),
        (["happy", "happiness"], ["happen"]),
        (["hope", "hoping", "hoped", "hopes"], ["hop"]),
        (["reply", "replies", "replied", "replying"], ["replica"]),
        (["operate", "operating", "operation"], ["opera"]),
    ],
)
def test_any_form_of_a_word_finds_any_other(index: Index, forms: list[str], others: list[str]) -> None:
    for written in forms:
        index.hold(f"до {written}, после")
        for typed in forms:
            query = Query(f"{typed} ")  # the space says that the word is whole
            assert query.score(f"до {written}, после"), (typed, written)
            assert index.has(query), (typed, written)
        for typed in others:
            assert not Query(f"{typed} ").score(written), (typed, written)


def test_a_word_being_typed_finds_what_begins_so() -> None:
    assert Query("подклю").score("подключение")
    assert not Query("подклю ").score("подключение")
    assert not Query("п").score("подключение")


@pytest.mark.parametrize("after", ["₽", "🤣", "\u2069", "\ufe0f", "…", "»", "\u00a0", "\ud7fc"])
def test_a_sign_after_a_word_is_no_part_of_it(index: Index, after: str) -> None:
    index.hold(f"за 50{after}")
    query = Query("50 ")
    assert query.score(f"за 50{after}")
    assert index.has(query)


def test_letters_composed_and_apart_are_the_same() -> None:
    text = unicodedata.normalize("NFD", "Чёрный йогурт")
    assert Query("черный").score(text)
    assert Query("йогурт").score(text)
    assert Query(unicodedata.normalize("NFD", "йогурт")).score("йогурт")


def test_a_query_has_a_limit(index: Index) -> None:
    words = " ".join(f"слово{number}" for number in range(10_000))
    query = Query(words)
    assert len(query.fts) < 1000
    index.hold(words)
    assert query.score(words)
    assert index.has(query)
    assert Query("x" * 1_000_000).score("x") == 0
    index.has(Query("@".join("абв" for _ in range(10_000))))


def test_search_sees_the_beginning_of_a_very_long_text() -> None:
    assert len(indexable("я" * (LONGEST_TEXT + 5))) == LONGEST_TEXT


def test_what_is_in_no_known_language_has_no_forms() -> None:
    assert stem("日本語") == "日本語"
    assert Query("日本語").score("日本語 です")

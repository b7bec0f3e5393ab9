"""What a search asks for: words in any form, Russian and English, found as stems and then checked.

Texts are indexed as they are, so accepting a contact costs no stemming. A query word becomes the beginning
that all its forms share; what that finds is then read, and kept if every word asked for stands there in
some form. FTS5 sees only letters and digits of the query, each word quoted: nothing typed is its syntax.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from os.path import commonprefix
from typing import NamedTuple

import Stemmer

WORDS_VERSION = 1
"""Raise it when `indexable` changes: the search index is then made anew when the store is opened."""

LONGEST_TEXT = 100_000
"""Characters of one record that search sees: beyond them only a log or an attack goes on."""

MOST_WORDS = 16
"""Words of one query that count: somebody pasted a letter into the search field."""

SHORTEST_BEGINNING = 3
"""Letters: the beginnings of fewer are those of half the dictionary."""

SHORTEST_NUMBER = 5

_WORD = re.compile(r"[^\W_]+")
_UNUSUAL = re.compile(r"[^\0-\u012f\u0131-\u017e\u0400-\u0527\u2010-\u205e\u20a0-\u20b9\u2116\u2122]")
_NO_LETTER = re.compile(r"[^\w\s]|[\u19b0-\u19c9\u1cf2\u1cf3]")
_NUMBER = re.compile(r"[\d\s()+.\-]*")
_CYRILLIC = re.compile(r"[а-я]")
_LATIN = re.compile(r"[a-z]")

EXACT, SAME_WORD, BEGINNING = 3, 2, 1
"""How well a word fits: as typed, another form of it, a word that begins so."""


def indexable(text: str) -> str:
    """The text as the index sees it: composed letters, ё as е. FTS5 itself folds the case."""
    text = text[:LONGEST_TEXT]
    if _UNUSUAL.search(text):
        # FTS5 takes whatever is younger than Unicode 6.1, such as ₽ and most emoji, for a letter of the word
        # that it follows; and a few vowels of New Tai Lue and Vedic for none.
        text = _NO_LETTER.sub(" ", unicodedata.normalize("NFC", text.replace("İ", "I")).lower())
    return text.replace("ё", "е").replace("Ё", "Е")


def stem(word: str) -> str:
    """What the forms of a folded word have in common; the word itself where the language is unknown."""
    language = "russian" if _CYRILLIC.match(word) else "english" if _LATIN.match(word) else ""
    # A stemmer serves one thread; making one costs less than a microsecond.
    return str(Stemmer.Stemmer(language, 0).stemWord(word)) if language else word


class Token(NamedTuple):
    """Letters and digits that stand together in a query, folded."""

    word: str
    stem: str  # "" for what has no forms
    root: str  # every form begins with it
    unfinished: bool  # may go on: it is being typed, or it is a number

    @property
    def fts(self) -> str:
        """The token in FTS5's language."""
        return (
            f'"{self.root}"*' if self.root != self.word or self.unfinished or self.stem else f'"{self.word}"'
        )

    def fit(self, found: str) -> int:
        """How well a word of the text fits; 0: not at all."""
        if found == self.word:
            return EXACT
        if self.stem and stem(found) == self.stem:
            return SAME_WORD
        return BEGINNING if self.unfinished and found.startswith(self.word) else 0


class Word:
    """What stands between spaces in a query: `ivan@example.com` is three tokens side by side."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self._pattern = re.compile(r"[\W_]+".join(f"({token.root}[^\\W_]*)" for token in tokens))

    def fit(self, text: str) -> int:
        """How well the best place of the text fits."""
        return max(self._fits(text), default=0)

    def _fits(self, text: str) -> Iterator[int]:
        for match in self._pattern.finditer(text):
            if match.start() and text[match.start() - 1].isalnum():
                continue
            yield min(token.fit(found) for token, found in zip(self.tokens, match.groups(), strict=True))


class Query:
    """A search as typed: each of its words must occur; punctuation inside a word holds its parts together.

    A query may have several readings: digits with brackets and spaces are also one telephone number.
    """

    def __init__(self, typed: str) -> None:
        folded = indexable(typed).lower()
        readings = [_read_words(folded), *([Word([token])] for token in _read_number(folded))]
        self._readings = [reading for reading in readings if reading]

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._readings)

    @property
    def fts(self) -> str:
        """The FTS5 expression that finds every text that may fit."""
        readings = (
            " AND ".join(token.fts for word in words for token in word.tokens) for words in self._readings
        )
        return " OR ".join(f"({reading})" for reading in readings)

    def score(self, text: str) -> int:
        """How well the text fits, 0 if some word of the query is not in it."""
        folded = indexable(text).lower()
        return max((_score(words, folded) for words in self._readings), default=0)


def _score(words: list[Word], text: str) -> int:
    fits = [word.fit(text) for word in words]
    return sum(fits) if all(fits) else 0


def _read_words(folded: str) -> list[Word]:
    parts = [tokens for part in folded.split() if (tokens := _read_tokens(part))][:MOST_WORDS]
    if parts and not folded[-1].isspace():
        parts[-1][-1] = parts[-1][-1]._replace(unfinished=len(parts[-1][-1].word) >= SHORTEST_BEGINNING)
    return [Word(tokens) for tokens in parts]


def _read_tokens(part: str) -> list[Token]:
    return [_read_token(word) for word in _WORD.findall(part)[:MOST_WORDS]]


def _read_token(word: str) -> Token:
    if any(letter.isdigit() for letter in word):
        return Token(word, "", word, len(word) >= SHORTEST_BEGINNING)
    if len(word) < SHORTEST_BEGINNING:
        return Token(word, "", word, unfinished=False)
    base = stem(word)
    root = commonprefix((word, base))  # noqa: RUF071  # of letters, as wanted
    if _LATIN.match(word):  # happy is stemmed to happi, hoping to hope
        root = root.rstrip("eiy") or root
    return Token(word, base, root, unfinished=False)


def _read_number(folded: str) -> list[Token]:
    """The same telephone number with 8, with +7 and without, if the query may be one."""
    digits = "".join(letter for letter in folded if letter.isdigit())
    if len(digits) < SHORTEST_NUMBER or not _NUMBER.fullmatch(folded):
        return []
    local = digits[-10:]
    russian = [f"7{local}", f"8{local}"] if len(digits) == 11 and digits[0] in "78" else []
    return [Token(number, "", number, unfinished=True) for number in dict.fromkeys((digits, local, *russian))]

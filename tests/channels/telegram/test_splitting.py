"""Long answers are cut where a reader would pause, and nothing is lost at the cuts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channels.telegram.entities import units
from channels.telegram.splitting import split_text
from channels.telegram.steps import steps_of
from crm.contact import Attachment

texts = st.text(st.sampled_from([*"abc .!?\n\t", "😀", "é", "\u0301", "\u200d", "ж"]), max_size=300)


@given(texts, st.integers(2, 60))
def test_every_piece_fits_and_only_blanks_are_left_out(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert all(0 < units(piece) <= limit for piece in pieces)
    assert all(piece == piece.strip() for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@given(texts)
def test_what_fits_is_left_as_it_is(text: str) -> None:
    assert split_text(text) == ([text.strip()] if text.strip() else [])


def test_it_is_cut_at_paragraphs_then_lines_then_sentences_then_words() -> None:
    assert split_text("One. Two.\n\nThree. Four", 16) == ["One. Two.", "Three. Four"]
    assert split_text("One. Two\nThree. Four", 16) == ["One. Two", "Three. Four"]
    assert split_text("One two. Three four", 16) == ["One two.", "Three four"]
    assert split_text("Onetwothr fourfive", 16) == ["Onetwothr", "fourfive"]
    assert split_text("Onetwothrfourfive", 16) == ["Onetwothrfourfiv", "e"]


def test_an_early_pause_does_not_make_a_short_message() -> None:
    first, _ = split_text("Hi.\n\n" + "word " * 30, 100)
    assert len(first) > 50


def test_an_emoji_of_several_parts_stays_whole() -> None:
    family = "👨\u200d👩\u200d👧"
    assert split_text("a" * 5 + family, 10) == ["aaaaa", family]


def a_file(name: str, mime: str, size: int = 10) -> Attachment:
    return Attachment(name=name, mime=mime, size=size, blob=name)


def test_words_stand_under_the_first_picture_when_they_fit() -> None:
    (step,) = steps_of("Look", [a_file("a.png", "image/png")])
    assert (step.kind, step.text) == ("photo", "Look")


def test_words_too_long_for_a_caption_go_first() -> None:
    kinds = [step.kind for step in steps_of("x" * 1025, [a_file("a.png", "image/png"), a_file("b", "x/y")])]
    assert kinds == ["text", "photo", "document"]


def test_more_than_ten_files_are_several_albums_and_a_large_picture_is_a_file() -> None:
    pictures = [a_file(f"{n}.jpg", "image/jpeg") for n in range(12)]
    steps = steps_of("", [*pictures, a_file("big.jpg", "image/jpeg", 10_000_001)])
    assert [(step.kind, len(step.files)) for step in steps] == [("photo", 10), ("photo", 2), ("document", 1)]

"""Charsets: what is declared, what is true, and what is only likely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.charsets import decode_text, known_codec

SPOKEN = [
    "Здравствуйте, второй день не работает интернет.",
    "Re: счёт за март",
    "СРОЧНО НЕТ ИНТЕРНЕТА ВТОРОЙ ДЕНЬ",
    "Договор «Ромашка» — оплата",
    "Иванов Пётр Сергеевич",
    "Когда придёт мастер?",
]
LIES = ["", "us-ascii", "utf-8", "iso-8859-1", "windows-1252", "x-unknown", "default"]


@pytest.mark.parametrize("charset", ["cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic"])
@pytest.mark.parametrize("declared", LIES)
def test_russian_is_recognised_under_any_lie(charset: str, declared: str) -> None:
    for text in SPOKEN:
        try:
            encoded = text.encode(charset)
        except UnicodeEncodeError:
            continue  # this charset has no such sign
        assert decode_text(encoded, declared) == text


@pytest.mark.parametrize("true", ["cp1251", "koi8-r", "cp866", "iso8859-5"])
@pytest.mark.parametrize("declared", ["windows-1251", "koi8-r", "ibm866", "iso-8859-5"])
def test_one_cyrillic_charset_declared_as_another_is_found_out(true: str, declared: str) -> None:
    text = "Здравствуйте! Второй день не работает интернет, на модеме горит красная лампа."
    assert decode_text(text.encode(true), declared) == text


@pytest.mark.parametrize("declared", ["", "windows-1251", "koi8-r", "iso-8859-1", "us-ascii", "utf-8"])
def test_utf8_is_utf8_whatever_is_declared(declared: str) -> None:
    assert decode_text("Интернет ☎ 100 ₽".encode(), declared) == "Интернет ☎ 100 ₽"


@pytest.mark.parametrize("text", ["Müller", "Café crème à Paris, où êtes-vous?", "señor ¿qué?", "Größe äöü"])
@pytest.mark.parametrize("declared", ["", "iso-8859-1", "us-ascii", "utf-8"])
def test_western_accents_are_not_taken_for_russian(text: str, declared: str) -> None:
    assert decode_text(text.encode("cp1252"), declared) == text


NAMES = {
    "win-1251": "cp1251",
    "x-cp1251": "cp1251",
    "CP-1251": "cp1251",
    "ibm866": "cp866",
    "koi8r": "koi8-r",
    "UTF8;": "utf-8",
    "'utf-8'": "utf-8",
    "utf-8*ru": "utf-8",
    "latin1": "iso8859-1",
    "gb2312": "gb18030",
    "ks_c_5601-1987": "cp949",
    "iso-8859-8-i": "iso8859-8",
    **dict.fromkeys(["punycode", "idna", "zlib", "rot13", "hex", "unicode_escape", "undefined", "mbcs"], ""),
}


@pytest.mark.parametrize(("declared", "codec"), NAMES.items())
def test_only_charsets_of_letters_are_known(declared: str, codec: str) -> None:
    assert known_codec(declared) == codec


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-16"])
def test_wide_letters_show_themselves(charset: str) -> None:
    assert decode_text("No internet today".encode(charset)) == "No internet today"


def test_half_of_a_pair_is_no_letter() -> None:
    assert decode_text(b"a+2AA-b", "utf-7") == "a?b"
    assert decode_text(b"a\x00\x00\xd8", "utf-16-le") == "a\ufffd"


@given(
    st.binary(),
    st.sampled_from(["", "utf-8", "utf-7", "utf-16", "hz", "big5", "koi8-r", "us-ascii"]) | st.text(),
)
def test_any_bytes_are_text_that_can_be_stored(data: bytes, declared: str) -> None:
    text = decode_text(data, declared)
    assert text.encode().decode() == text
    assert not set(text) & {"\x00", "\r", "\x1b"}

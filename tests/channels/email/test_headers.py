"""Headers and addresses as they are really written."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.addresses import read_addresses
from channels.email.headers import (
    decode_base64,
    decode_words,
    parameters,
    read_date,
    read_key,
    read_keys,
    split_head,
)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("plain  words\t here", "plain words here"),
        ("=?utf-8?B?0J/RgNC40LLQtdGC?= =?utf-8?B?INC80LjRgA==?=", "Привет мир"),
        ("=?utf-8?B?0J/R?= =?utf-8?B?gNC4?= x", "При x"),
        ("=?koi8-r?Q?=F0=D2=C9=D7=C5=D4?=, =?windows-1251?B?z/Do4uXy?=", "Привет, Привет"),
        ("a =?utf-8?q?b c?= d", "a b c d"),
        ("=?utf-8?B?0J/RgNC40LLQtdGC", "Привет"),
        ("=?utf-8?Q?a?b?=", "a?b"),
        ("=?UTF-8*ru?B?0J/RgNC4?=", "При"),
        ("x=?utf-8?B?0J/RgNC4?==?utf-8?B?0J/RgNC4?=y", "xПриПриy"),
        ("=?unknown?B?z/Do4uXy?=", "Привет"),
        ("Сырой текст", "Сырой текст"),
    ],
)
def test_words_are_decoded_as_their_writer_meant(written: str, said: str) -> None:
    assert decode_words(written.encode()) == said


def test_a_broken_word_takes_no_other_with_it() -> None:
    assert decode_words(b"=?utf-8?B?bro and these words stay").endswith(" and these words stay")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ivan <a@b.c>", [("a@b.c", "Ivan")]),
        ('"Petrov, Ivan" <a@b.c>, x@y.z (Some One)', [("a@b.c", "Petrov, Ivan"), ("x@y.z", "Some One")]),
        ("=?utf-8?B?0J/RgNC40LLQtdGC?= <a@b.c>; b@c.d", [("a@b.c", "Привет"), ("b@c.d", "")]),
        ("=?utf-8?B?SXZhbiA8aXZhbkBleGFtcGxlLm9yZz4=?=", [("ivan@example.org", "Ivan")]),
        ("=?utf-8?Q?Petrov=2C_Ivan?= <a@b.c>", [("a@b.c", "Petrov, Ivan")]),
        ("undisclosed-recipients:;", []),
        ("team: a@b.c, d@e.f;", [("a@b.c", ""), ("d@e.f", "")]),
        ("A <<a@b.c>>", [("a@b.c", "A")]),
        ("A <a@b.c", [("a@b.c", "A")]),
        ('"Ivan <a@b.c>', [("a@b.c", "Ivan")]),
        ("<a@b.c> Name", [("a@b.c", "Name")]),
        ("Имя Фам a@b.c", [("a@b.c", "Имя Фам")]),
        ("a @ b.c", [("a@b.c", "")]),
        ("<@x,@y:a@b.c>", [("a@b.c", "")]),
        ('"john doe"@ex.org', [('"john doe"@ex.org', "")]),
        ("почта@пример.рф", [("почта@пример.рф", "")]),
        ("'a@b.c' <a@b.c>", [("a@b.c", "")]),
        ("mailto:a@b.c", [("a@b.c", "")]),
        ("Ivan (Home (x)) <a@b.c>", [("a@b.c", "Ivan")]),
        ("", []),
        ("<>", []),
    ],
)
def test_addresses_are_read_however_they_are_punctuated(written: str, read: list[tuple[str, str]]) -> None:
    assert [(address.value, address.name) for address in read_addresses(written.encode())] == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("text/plain; charset=utf-8", {"charset": "utf-8"}),
        ("a; filename*=UTF-8''%D0%94%D0%BE%D0%B3.pdf", {"filename": "Дог.pdf"}),
        ("a; filename*0*=utf-8'ru'%D0%94; filename*1*=%D0%BE; filename*2=g.pdf", {"filename": "Доg.pdf"}),
        ("a; filename*1=b; filename*0=a", {"filename": "ab"}),
        ('a; name="=?utf-8?B?0JTQvtCzLnBkZg==?="', {"name": "Дог.pdf"}),
        ('a; name=foo bar.pdf; x="q;z"', {"name": "foo bar.pdf", "x": "q;z"}),
        ('a; name="unterminated', {"name": "unterminated"}),
        ('a; name="a\\"b"', {"name": 'a"b'}),
        ("a; filename*=junk", {"filename": "junk"}),
        ("a;;; b", {}),
    ],
)
def test_parameters_are_read_as_standards_and_programs_write_them(written: str, read: dict[str, str]) -> None:
    assert parameters(written.encode())[1] == read


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("Mon, 2 Mar 2026 12:30:00 +0300 (MSK)", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("2 Mar 26 12:30", datetime(2026, 3, 2, 12, 30, tzinfo=UTC)),
        ("Mon, 2 Mar 2026 12:30:00", datetime(2026, 3, 2, 12, 30, tzinfo=UTC)),
        *(
            (moon, None)
            for moon in ("", "x", "32 Jan 2026", "Mon, 2 Mar 99999 1:1:1 +0300", "2 Mar 2026 25:00:00")
        ),
        *((moon, None) for moon in ("Mon, 2 Mar 2026 12:30:00 +9999", "Fri, 31 Dec 9999 23:59:59 -1200")),
    ],
)
def test_a_date_is_a_moment_or_nothing(written: str, moment: datetime | None) -> None:
    assert read_date(written.encode()) == moment


@given(st.binary(max_size=80))
def test_no_header_stops_the_reading(value: bytes) -> None:
    for text in (decode_words(value), read_key(value), *read_keys(value), *parameters(value)[1].values()):
        assert text.encode().decode() == text
    assert read_date(value) is None or read_date(value)
    assert all(address.value.encode() for address in read_addresses(value))
    headers, body = split_head(value)
    assert len(body) <= len(value) + 1
    assert headers.first(b"subject") in value or headers.first(b"subject")


@given(st.binary(), st.binary(max_size=3))
def test_base64_gives_what_was_put_into_it_whatever_stands_between(content: bytes, junk: bytes) -> None:
    letters = b64encode(content).rstrip(b"=")
    strange = bytes(byte for byte in junk if not (48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122))
    strange = strange.replace(b"+", b"").replace(b"/", b"").replace(b"=", b"")
    assert decode_base64(letters[:5] + strange + letters[5:]) == content

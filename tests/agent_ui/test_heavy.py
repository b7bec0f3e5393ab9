"""What is too heavy to lay out, and what people really send."""

from __future__ import annotations

import pytest

from agent_ui.heavy import is_too_heavy

ROW = '<tr><td style="color:red"><font face="Arial" size="2"><b>%d</b> &euro;</font></td><td>a > b</td></tr>'


def test_a_long_price_list_is_laid_out() -> None:
    assert not is_too_heavy(f"<table>{''.join(ROW % number for number in range(3_000))}</table>")


def test_a_letter_quoted_a_hundred_times_is_laid_out() -> None:
    assert not is_too_heavy("<blockquote><div><p>words words" * 100 + "</div></blockquote>" * 100)


@pytest.mark.parametrize(
    "html",
    [
        "".join(f"<p><b id={number}>x" for number in range(1_000)),
        "<div>" * 50_000,
        "x" * 2_000_001,
        "<i " + "a/" * 3_000 + ">",
        "<i " + "a <" * 3_000 + ">",
        f'<b title=">{"x" * 500_000}"><p><p>',
    ],
)
def test_a_bomb_is_not(html: str) -> None:
    assert is_too_heavy(html)

"""The colours of both themes: every text can be read on what it stands on (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

import re

import pytest

from agent_ui.assets import STATIC

PAIR = re.compile(r"--([\w-]+): (?:light-dark\((#\w{6}), (#\w{6})\)|(#\w{6}));")
GROUNDS = ("bg", "surface", "raised", "hover")
READ_ON = [
    *((text, ground) for text in ("text", "muted", "faint", "accent") for ground in GROUNDS),
    *((text, "sunken") for text in ("text", "muted")),
    *((text, "surface") for text in ("danger", "warn", "ok")),
    ("accent-strong", "accent-soft"),
    ("text", "accent-soft"),
    ("muted", "accent-soft"),
    ("faint", "accent-soft"),
    ("danger", "danger-soft"),
    ("warn", "warn-soft"),
    ("ok", "ok-soft"),
    ("text", "note"),
    ("faint", "note"),
    ("text", "ok-soft"),
    ("faint", "ok-soft"),
    ("on-accent", "accent-fill"),
]


def read_colours() -> dict[str, tuple[str, str]]:
    text = (STATIC / "tokens.css").read_text("utf-8")
    text = text.partition("@media")[0]  # with more contrast everything is easier
    return {name: (light or one, dark or one) for name, light, dark, one in PAIR.findall(text)}


def brightness(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), READ_ON)
def test_the_text_can_be_read(text: str, ground: str, theme: int) -> None:
    colours = read_colours()
    assert contrast(colours[text][theme], colours[ground][theme]) >= 4.5

"""How people of the demo put things: each template says the same in many ways, and nobody repeats another.

`{Добрый день|Здравствуйте}` is a choice, may be empty and may hold others; `{#why|аренда|подписка}` is made
once in a story and kept to wherever it is named; `[звонил/звонила]` follows the gender of whoever speaks;
`<sum>` is a value of the story; ` // ` parts what comes as several chat messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from onewindow.demo.person import Person

_CHOICE = re.compile(r"\{([^{}]*)\}")
_GENDER = re.compile(r"\[([^\[\]/]*)/([^\[\]/]*)\]")
_VALUE = re.compile(r"<([a-z_]+)>")
_SENTENCE = re.compile(r"(?:(?<!\bг)(?<!\bд)(?<!\bул)(?<!\bкв)(?<!\bт)[.!?…]\s+|\n)([a-zа-яё])")

ATTEMPTS = 12
"""How often a text is put anew when somebody has said it word for word already."""


class Facts(NamedTuple):
    """What a story is about: its values by name, and the places of the choices that it has made."""

    values: Mapping[str, str]
    made: dict[str, int]


class Speech:
    """Turns templates into words, and remembers them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._said: set[str] = set()

    def say(self, template: str, speaker: Person, facts: Facts) -> str:
        """The template in words nobody used before, where it has enough of them."""
        text = ""
        for _ in range(ATTEMPTS):
            text = self._put(template, speaker.gender, facts)
            if text not in self._said:
                break
        self._said.add(text)
        return text

    def _put(self, template: str, gender: str, facts: Facts) -> str:
        """One way to say it."""
        while "{" in template:
            template = _CHOICE.sub(lambda match: self._choose(match[1].split("|"), facts), template)
        template = _GENDER.sub(lambda match: match[1 if gender == "m" else 2], template)
        return _tidy(_VALUE.sub(lambda match: facts.values[match[1]], template))

    def _choose(self, choices: list[str], facts: Facts) -> str:
        if not choices[0].startswith("#"):
            return self._random.choice(choices)
        name, *choices = choices
        return choices[facts.made.setdefault(name, self._random.randrange(len(choices)))]

    def careless(self, text: str) -> str:
        """As somebody types who is in a hurry: small letters, a full stop less, fingers on the wrong keys."""
        if self._random.random() < 0.6:
            text = text[:1].lower() + text[1:]
        if self._random.random() < 0.6:
            text = text.removesuffix(".")
        if self._random.random() < 0.4:
            text = text.replace(", ", " ", 1)
        if self._random.random() < 0.25:
            text = text.replace("!", "!!!").replace("?", "??")
        return self._slip(text) if self._random.random() < 0.45 else text

    def _slip(self, text: str) -> str:
        """Two neighbouring letters of one longer word change places, or one is missing."""
        words = list(re.finditer(r"[а-яё]{5,}", text))
        if not words:
            return text
        at = self._random.choice(words).start() + self._random.randint(1, 3)
        if self._random.random() < 0.5:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        return text[:at] + text[at + 1 :]


def _tidy(text: str) -> str:
    """Without what empty choices leave behind: double spaces and stops, small letters at a beginning."""
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" ([,.!?;:…])(?=\s|$)", r"\1", text)
    text = re.sub(r"([!?…])\.(?=\s|$)", r"\1", text)
    text = re.sub(r"\n{3,}", "\n\n", re.sub(r" ?\n ?", "\n", text)).strip()
    return _SENTENCE.sub(lambda match: match[0][:-1] + match[1].upper(), text)

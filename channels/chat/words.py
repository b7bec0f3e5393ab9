"""The words of the chat, one file a language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from crm.errors import BadInput

LANGUAGES = Path(__file__).parent / "languages"

Text = str | dict[str, str]
"""A text with `{places}`; or its plural forms by category (zero, one, two, few, many, other)."""


def spoken() -> list[str]:
    """Languages that there are words in."""
    return sorted(path.stem for path in LANGUAGES.glob("*.json"))


class Words:
    """The languages that the chat of this installation speaks; the first is for everybody else."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        self.languages = languages
        self._texts = {language: _read(language) for language in languages}

    def choose(self, *wishes: str, accepted: str = "") -> str:
        """The first wish that is spoken here, else what the browser prefers (RFC 9110, 12.5.4)."""
        for wish in (*wishes, *_by_preference(accepted)):
            language = wish.strip().lower().partition("-")[0]
            if language in self._texts:
                return language
        return self.languages[0]

    def texts(self, language: str) -> Mapping[str, Text]:
        """All texts of a language, for the page."""
        return self._texts[language]

    def text(self, language: str, name: str) -> str:
        """One text that has no plural."""
        text = self._texts[language][name]
        return text if isinstance(text, str) else text["other"]


def _read(language: str) -> dict[str, Text]:
    path = LANGUAGES / f"{language}.json"
    if language not in spoken():
        raise BadInput(f"expected languages out of: {', '.join(spoken())}", field="languages")
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Text])


def _by_preference(accepted: str) -> list[str]:
    weighed = []
    for part in accepted.split(",")[:20]:
        language, _, weight = part.partition(";q=")
        try:
            weighed.append((-float(weight or 1), language))
        except ValueError:
            continue  # a malformed wish is no wish
    return [language for _, language in sorted(weighed, key=lambda wish: wish[0])]

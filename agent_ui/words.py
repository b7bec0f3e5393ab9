"""The words of the pages: two languages from one catalogue, with dates and numbers as each is used to."""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("en", "ru")
"""English is the language of the source; the first is what a browser with neither gets."""

LOCALE = Path(__file__).parent / "locale"


def mark(text: str) -> str:
    """Mark a text for the catalogue where it is written; it is translated where it is shown."""
    return text


class Words:
    """One language: what gettext needs, and the part of the catalogue that browsers need."""

    def __init__(self, language: str) -> None:
        self.language = language
        catalogue = read_catalogue(language)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        self._translations = gettext.GNUTranslations(compiled)
        self.for_browser = _browser_words(catalogue)

    def gettext(self, text: str) -> str:
        return self._translations.gettext(text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self._translations.ngettext(one, many, number)


@cache
def words_in(language: str) -> Words:
    """The words of a language, read once in the life of the process."""
    return Words(language)


def choose_language(*wishes: str, accepted: str = "") -> str:
    """The first wish that is a language of ours, else what the browser prefers (RFC 9110, 12.5.4)."""
    for wish in (*wishes, *_by_preference(accepted)):
        language = wish.strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


def in_language(names: Mapping[str, str], language: str) -> str:
    """A name kept in several languages: in this one, else in any."""
    return names.get(language) or next(iter(names.values()), "")


def read_catalogue(language: str) -> Catalog:
    """The catalogue of a language as it is in the repository."""
    with (LOCALE / language / "LC_MESSAGES" / "onewindow.po").open("rb") as file:
        return read_po(file, locale=language)


def _by_preference(accepted: str) -> list[str]:
    weighed = []
    for part in accepted.split(",")[:20]:
        language, _, weight = part.partition(";q=")
        try:
            weighed.append((-float(weight or 1), language))
        except ValueError:
            continue  # a malformed wish of a browser is no wish
    return [language for _, language in sorted(weighed, key=lambda wish: wish[0])]


def _browser_words(catalogue: Catalog) -> dict[str, str | list[str]]:
    """What the modules in static/ say, by its English; a plural as the list of its forms."""
    words: dict[str, str | list[str]] = {}
    for message in catalogue:
        if not any(path.startswith("agent_ui/static/") for path, _ in message.locations):
            continue
        if isinstance(message.id, str):
            words[message.id] = str(message.string or message.id)
        else:
            forms = [str(form) for form in message.string or ()]
            words[message.id[0]] = forms if all(forms) else [str(form) for form in message.id]
    return words

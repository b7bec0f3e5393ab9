"""The catalogues of the pages: what is said in the sources, and what of it is said in each language.

`make messages` brings the .po files up to date: new texts are added, those no longer said go.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.pofile import write_po

from agent_ui.words import LANGUAGES, LOCALE, read_catalogue

ROOT = Path(__file__).resolve().parent.parent

SPOKEN = "en"
"""The language of the sources: a text says itself in it."""

Keywords = dict[str, tuple[int, ...] | None]
Said = str | tuple[str, ...]

OURS: Keywords = {**DEFAULT_KEYWORDS, "say": None, "mark": None, "count": (1, 2)}  # type: ignore[dict-item]  # babel types its own keywords loosely
REFUSALS: Keywords = dict.fromkeys(("BadInput", "NotFound", "NotAllowed"))
SCRIPT: Keywords = {"gettext": None, "ngettext": (1, 2)}

SOURCES: tuple[tuple[str, str, str, Keywords], ...] = (
    ("agent_ui", "**/*.py", "python", {**OURS, **REFUSALS}),
    ("router", "**/*.py", "python", REFUSALS),
    ("channels", "desk.py", "python", REFUSALS),
    ("agent_ui/templates", "**/*.html", "jinja2.ext:babel_extract", OURS),
    ("agent_ui/static", "**/*.js", "javascript", SCRIPT),
)


def read_said() -> Iterator[tuple[str, Said]]:
    """Every text that the sources say, with the file that says it."""
    for folder, pattern, method, keywords in SOURCES:
        for path in sorted((ROOT / folder).glob(pattern)):
            options = {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}
            for _, said, _, _ in extract_from_file(method, path, keywords=keywords, options=options):
                if said:
                    yield path.relative_to(ROOT).as_posix(), said


def update(language: str) -> Catalog:
    """The catalogue of a language with exactly the texts that are said now."""
    path = LOCALE / language / "LC_MESSAGES" / "onewindow.po"
    old = read_catalogue(language) if path.exists() else Catalog(locale=language)
    fresh = Catalog(
        locale=language,
        project="onewindow",
        version=" ",
        msgid_bugs_address=" ",
        last_translator=" ",
        language_team=" ",
        header_comment=f"# The words of the pages: {language}.",
        creation_date=old.creation_date,
        revision_date=old.creation_date,
        fuzzy=False,
    )
    for file, said in read_said():
        known = old.get(said if isinstance(said, str) else said[0])
        string = known.string if known else None
        if language == SPOKEN and not (string and all(string)):
            string = said
        fresh.add(said, string=string, locations=[(file, 0)])
    return fresh


def main() -> None:
    for language in LANGUAGES:
        path = LOCALE / language / "LC_MESSAGES" / "onewindow.po"
        catalogue = update(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalogue, width=100, sort_output=True, include_lineno=False, ignore_obsolete=True)
        empty = sum(1 for message in catalogue if message.id and not message.string)
        sys.stdout.write(f"{language}: {len(catalogue)} texts, {empty} without a translation\n")


if __name__ == "__main__":
    main()

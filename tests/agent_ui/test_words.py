"""Two languages: everything the pages say is marked, extracted and translated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, nodes

from agent_ui import assets
from agent_ui.pages import TEMPLATES
from agent_ui.words import LANGUAGES, choose_language, read_catalogue, words_in
from tests.agent_ui.site import Browser
from tests.messages import Said, read_said

SAID = sorted({said for _, said in read_said()}, key=str)
PLACES = re.compile(r"%\((\w+)\)s|%%|%")
LETTERS = re.compile(r"[A-Za-zА-Яа-яЁё]{2,}")
NAMES = {"Ctrl", "Enter", "Esc", "onewindow", "gzip"}
"""What keys and the product are called everywhere."""


def test_something_is_said() -> None:
    assert len(SAID) > 300


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_that_is_said_is_translated(language: str) -> None:
    catalogue = read_catalogue(language)
    known = {message.id: message for message in catalogue if message.id}
    missing = [said for said in SAID if said not in known or not _forms(known[said].string)]
    assert missing == [], "run `make messages` and translate what is new"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_holds_nothing_that_nobody_says(language: str) -> None:
    assert [message.id for message in read_catalogue(language) if message.id and message.id not in SAID] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_places_of_its_text(language: str) -> None:
    for message in read_catalogue(language):
        for form in _forms(message.string) if message.id else ():
            first = message.id if isinstance(message.id, str) else message.id[-1]
            assert set(PLACES.findall(form)) == set(PLACES.findall(first)), first


def test_russian_has_three_plural_forms_and_cyrillic_letters() -> None:
    for message in read_catalogue("ru"):
        if isinstance(message.id, tuple | list):
            assert len(_forms(message.string)) == 3
    ru = words_in("ru")
    forms = [ru.ngettext("%(num)s case", "%(num)s cases", number) for number in (1, 3, 5, 21)]
    assert forms[0] == forms[3] != forms[1] != forms[2]


def test_browsers_get_what_their_scripts_say_and_no_more() -> None:
    said = {
        text if isinstance(text, str) else text[0]
        for file, text in read_said()
        if file.startswith("agent_ui/static/")
    }
    for language in LANGUAGES:
        assert set(words_in(language).for_browser) == said


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_speaks_without_being_translated(path: Path) -> None:
    tree = Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).parse(path.read_text("utf-8"))
    addresses = [block for block in tree.find_all(nodes.Block) if block.name == "action"]
    unsaid = {piece for block in addresses for piece in block.find_all(nodes.TemplateData)}
    bare = "".join(piece.data for piece in tree.find_all(nodes.TemplateData) if piece not in unsaid)
    # What `trans` blocks hold became calls of gettext: only text outside of them is left here.
    shown = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->", " ", bare, flags=re.DOTALL)
    spoken = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', shown)
    shown = re.sub(r"<[^>]*>|&\w+;", " ", re.sub(r'"[^"]*"', '""', shown))
    # An address or an id in the middle of a field's example is the same in every language.
    tokens = [
        token for text in (shown, *spoken) for token in text.split() if not re.search(r"[@/._-]\w", token)
    ]
    assert [word for token in tokens for word in LETTERS.findall(token) if word not in NAMES] == []


def test_no_script_speaks_without_being_translated() -> None:
    for path in sorted(assets.STATIC.glob("*.js")):
        text = re.sub(r"//.*", "", path.read_text("utf-8"))
        assert re.findall(r"[А-Яа-яЁё]+", text) == [], path.name
        # A sentence in quotes that is not handed to gettext.
        spoken = re.findall(r'(?<!text\()(?<!, )"([A-Z][a-z]+ [^"]*)"', text)
        assert spoken == [], path.name


@pytest.mark.parametrize(
    ("wishes", "accepted", "language"),
    [
        ((), "", "en"),
        ((), "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ((), "de, en;q=0.3, ru;q=0.7", "ru"),
        ((), "ru;q=0, en;q=0.1", "en"),
        ((), "fr;q=x, ru", "ru"),
        (("", "en"), "ru", "en"),
        (("xx",), "ru", "ru"),
        (("RU",), "en", "ru"),
    ],
)
def test_the_reader_is_spoken_to_in_his_language(
    wishes: tuple[str, ...], accepted: str, language: str
) -> None:
    assert choose_language(*wishes, accepted=accepted) == language


@given(st.text(), st.text())
def test_whatever_a_browser_asks_for_it_gets_a_language(wish: str, accepted: str) -> None:
    assert choose_language(wish, accepted=accepted) in LANGUAGES


async def test_the_employee_chooses_his_language_and_all_pages_follow(anna: Browser) -> None:
    assert "Входящие" in (await anna.get("/inbox")).words
    await anna.post("/me/language", {"language": "en"})
    for path in ("/inbox", "/me", "/search"):
        words = (await anna.get(path)).words
        assert LETTERS.findall(re.sub(r"Русский|ru", "", words))
        assert re.findall(r"[А-Яа-яЁё]+", words.replace("Русский", "")) == [], path


async def test_before_signing_in_the_language_can_be_chosen(anna: Browser) -> None:
    async with anna.site.visitor() as guest:
        assert "Sign in" in (await guest.get("/login")).words
        await guest.get("/login/ru")
        assert "Войти" in (await guest.get("/login")).words
        assert (await guest.get("/login/xx")).status == 404


def _forms(string: Said | list[str] | None) -> list[str]:
    """The forms of a translation; none when one of them is missing."""
    forms = [string] if isinstance(string, str) else list(string or ())
    return forms if all(forms) else []

"""The words of the chat: every language says everything, in all the forms it has."""

import json
import re
from pathlib import Path

import pytest
from babel import Locale

import channels.chat.pages
from channels.chat.words import LANGUAGES, Text, Words
from crm.errors import BadInput

ALL = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(LANGUAGES.glob("*.json"))}
MODULES = "\n".join(
    path.read_text("utf-8") for path in Path(channels.chat.pages.__file__).parent.glob("widget/*.js")
)


def forms(text: Text) -> list[str]:
    return list(text.values()) if isinstance(text, dict) else [text]


def places(text: Text) -> set[str]:
    return {place for form in forms(text) for place in re.findall(r"\{(\w+)\}", form)}


def test_both_languages_are_there() -> None:
    assert set(ALL) == {"en", "ru"}


@pytest.mark.parametrize("language", ALL)
def test_every_language_says_everything_in_the_same_order(language: str) -> None:
    assert list(ALL[language]) == list(ALL["en"])


@pytest.mark.parametrize("language", ALL)
def test_every_text_has_the_same_places_and_every_plural_all_its_forms(language: str) -> None:
    for name, text in ALL[language].items():
        assert places(text) == places(ALL["en"][name]), name
        assert isinstance(text, dict) == isinstance(ALL["en"][name], dict), name
        if isinstance(text, dict):
            assert set(text) == {*Locale(language).plural_form.tags, "other"}, name
            assert all("{count}" in form for form in text.values()), name
        assert all(form.strip() == form and form for form in forms(text)), name


def test_the_russian_texts_are_russian() -> None:
    for name, text in ALL["ru"].items():
        words = re.sub(r"\{\w+\}|JavaScript", "", " ".join(forms(text)))
        assert re.search("[А-Яа-яЁё]", words), name
        assert not re.search("[A-Za-z]", words), name


def test_every_text_the_modules_say_exists_and_every_text_is_said() -> None:
    quoted = set(re.findall(r"""["'`]([a-z_]+)["'`$]""", MODULES))
    asked = set(re.findall(r"""say\(\s*"([a-z_]+)\"""", MODULES))
    assert asked <= set(ALL["en"])
    by_prefix = {name for name in ALL["en"] if name.startswith("problem_")}
    elsewhere = {
        "title",
        "no_script",
        "agent",
        "you",
        "file",
        "open_chat",
    }  # the server and the loader say these
    assert set(ALL["en"]) - quoted - by_prefix - elsewhere == set()


def test_the_loader_on_other_sites_speaks_every_language() -> None:
    loader = Path(channels.chat.pages.__file__).parent.joinpath("widget", "widget.js").read_text("utf-8")
    words = re.search(r"const WORDS = \{(.*?)\n  \};", loader, re.DOTALL)
    assert words
    assert set(re.findall(r"^    (\w+): \{", words[1], re.MULTILINE)) == set(ALL)
    for name in ("open", "close"):
        for language in ALL:
            assert f'{name}: "{ALL[language][f"{name}_chat"]}"' in words[1]


@pytest.mark.parametrize(
    ("wishes", "accepted", "language"),
    [
        (("ru",), "", "ru"),
        (("ru-RU",), "en", "ru"),
        (("fr",), "", "en"),
        (("",), "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        (("",), "en;q=0.1,ru;q=0.2", "ru"),
        (("fr",), "de, ru;q=oops, ru;q=0.3", "ru"),
    ],
)
def test_the_visitors_language_is_chosen(wishes: tuple[str, ...], accepted: str, language: str) -> None:
    assert Words(("en", "ru")).choose(*wishes, accepted=accepted) == language


def test_the_first_language_of_the_settings_is_for_everybody_else() -> None:
    assert Words(("ru", "en")).choose("fr") == "ru"


@pytest.mark.parametrize("language", ["fr", "../en", ""])
def test_a_language_that_is_not_there_stops_the_start_with_those_that_are(language: str) -> None:
    with pytest.raises(BadInput, match="en, ru") as raised:
        Words((language,))
    assert raised.value.field == "languages"

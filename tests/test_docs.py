"""What the papers say is so: settings, commands, addresses of the API, and both languages alike."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin

import click
import msgspec
import pytest

from agent_ui.api.app import OPERATIONS
from onewindow.__main__ import cli
from onewindow.settings import ENVIRONMENT, Settings, read_settings
from router.rules import When, read_rules

ROOT = Path(__file__).resolve().parent.parent
PAPERS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
READMES = ("README.md", "README.ru.md")
EXAMPLE = ROOT / "onewindow.example.toml"
NOT_SET_BY_HAND = {("home",)}
A_BOTS_TOKEN = "ONEWINDOW_TELEGRAM_TOKEN_"
OTHER_VARIABLES = {"ONEWINDOW_DEMO_TOKEN", "ONEWINDOW_LONG"}


class Setting(NamedTuple):
    """A key of the settings, with what stands in the table beside it."""

    path: tuple[str, ...]
    default: str
    variable: str


def text_of(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def table_of(of: object) -> type[msgspec.Struct] | None:
    """The structure that a setting is a table of, though it may be missing, or there be several."""
    options = get_args(of) if get_origin(of) in (Union, types.UnionType, tuple) else (of,)
    return next((one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)


def written(value: object) -> str:
    """A default as the table has it."""
    if value is msgspec.NODEFAULT:
        return "required"
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def all_settings(of: type[msgspec.Struct] = Settings, above: tuple[str, ...] = ()) -> Iterator[Setting]:
    variables = {path: name for name, path in ENVIRONMENT.items()}
    for field in msgspec.structs.fields(of):
        path = (*above, field.name)
        table = table_of(field.type)
        if table:
            yield from all_settings(table, path)
        elif path not in NOT_SET_BY_HAND:
            yield Setting(path, written(default_of(field)), variables.get(path, ""))


def default_of(field: msgspec.structs.FieldInfo) -> object:
    """What the setting is when nobody sets it, as TOML would have it; NODEFAULT when somebody must."""
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default_factory())
    return field.default if field.default is msgspec.NODEFAULT else msgspec.to_builtins(field.default)


def told_settings() -> Iterator[Setting]:
    """The rows of docs/running.md."""
    section = ""
    for line in text_of("docs/running.md").partition("## Settings")[2].splitlines():
        if heading := re.match(r"### (?:`\[+(\w+)\]+`)?", line):
            section = heading[1] or ""
        if row := re.match(r"\| `(\w+)` \| (.+?) \| (?:`(\w+)`)? ?\| (.+) \|$", line):
            yield Setting(tuple(filter(None, (section, row[1]))), row[2], row[3] or "")


def test_every_setting_is_told_with_its_default_and_its_variable() -> None:
    told = {setting.path: setting for setting in told_settings()}
    there = {setting.path: setting for setting in all_settings()}
    assert told.keys() - there.keys() == set(), "told, but there is no such setting"
    assert there.keys() - told.keys() == set(), "a setting that docs/running.md does not tell"
    for path, setting in there.items():
        assert told[path].variable == setting.variable, path
        first, _, last = told[path].default.partition(", … ")
        whole = setting.default.startswith(first) and setting.default.endswith(last)
        assert whole if last else told[path].default == setting.default, path


def commented(text: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What the example shows behind a `#`: its keys with their values."""
    section: tuple[str, ...] = ()
    for line in text.splitlines():
        if table := re.match(r"\[+(\w+)\]", line):
            section = (table[1],)
        elif shown := re.match(r"# (\w+ = .+)", line):
            ((name, value),) = tomllib.loads(shown[1]).items()
            yield (*section, name), value


def test_the_example_of_settings_is_complete_and_shows_the_defaults() -> None:
    text = EXAMPLE.read_text("utf-8")
    shown = dict(commented(text))
    used = {
        (table, name)
        for table, values in tomllib.loads(text).items()
        for one in (values if isinstance(values, list) else [values])
        for name in one
    }
    there = {setting.path: setting.default for setting in all_settings()}
    assert shown.keys() | used == there.keys()
    for path, value in shown.items():
        if there[path] != "none":
            assert json.loads(there[path].strip("`")) == value, path


def test_the_example_of_settings_loads() -> None:
    settings = read_settings(EXAMPLE.read_text("utf-8"), {"SALES_PASSWORD": "secret"})
    assert settings.email is not None
    assert settings.relay is not None
    assert settings.mailbox
    assert settings.chat is not None


def blocks(path: Path, language: str = r"\w*") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `onewindow …` that somebody may copy."""
    for path in (*PAPERS, ROOT / "deploy" / "onewindow.service"):
        told = blocks(path) if path.suffix == ".md" else [path.read_text("utf-8")]
        for line in re.findall(r"^(?:Exec\w+=)?\S*bin/onewindow (.+)$", "\n".join(told), re.MULTILINE):
            yield path.name, shlex.split(line)


def test_every_command_that_is_told_exists_with_its_options() -> None:
    told = list(commands())
    assert {name for name, _ in told} >= {*READMES, "running.md", "api.md", "onewindow.service"}
    for name, words in told:
        command: click.Command = cli
        rest = list(words)
        while isinstance(command, click.Group) and rest:
            found = command.commands.get(rest.pop(0))
            assert found, f"{name}: {words}"
            command = found
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, f"{name}: {words}"


def test_every_variable_that_is_told_is_read() -> None:
    known = {*ENVIRONMENT, *OTHER_VARIABLES}
    for path in (*PAPERS, EXAMPLE):
        told = set(re.findall(r"ONEWINDOW_[A-Z_]+", path.read_text("utf-8")))
        assert {name for name in told if not name.startswith(A_BOTS_TOKEN)} <= known, path.name


def test_every_address_of_the_api_that_is_told_is_served() -> None:
    served = {re.sub(r"\{\w+\}", "{}", operation.path) for operation in OPERATIONS} | {"/openapi.json"}
    told = set[str]()
    for path in PAPERS:
        addresses = re.findall(r"/api/v1((?:/[\w{}.-]+)+)", path.read_text("utf-8"))
        told |= {re.sub(r"\{\w+\}|(?<=/)\d+(?=/|$)", "{}", address) for address in addresses}
    assert told <= served
    assert {"/contacts", "/cases/{}/answers", "/openapi.json"} <= told


def test_both_readmes_say_the_same() -> None:
    english, russian = (text_of(name) for name in READMES)

    def shape(text: str) -> list[str]:
        """Headings, rows of tables and items of lists, in order, without their words."""
        return re.findall(r"^(#+ |\||- |```)", text, re.MULTILINE)

    assert shape(english) == shape(russian)
    assert blocks(ROOT / READMES[0]) == blocks(ROOT / READMES[1])

    def links(text: str) -> set[str]:
        targets = re.findall(r"\]\(([^)]+)\)", text)
        return {target for target in targets if not re.match(r"README|docs/picture", target)}

    assert links(english) == links(russian)


def test_every_paper_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        targets = re.findall(r"\]\(([^)#\s]+\.md)\)", path.read_text("utf-8"))
        waiting += [(path.parent / target).resolve() for target in targets]
    assert set(PAPERS) - reached == set()


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.name)
def test_examples_in_toml_can_be_read(path: Path) -> None:
    for block in blocks(path, "toml"):
        assert tomllib.loads(block)


def test_the_example_of_rules_is_a_rule_book_and_every_condition_is_told() -> None:
    (book,) = (block for block in blocks(ROOT / "docs" / "running.md", "toml") if "[[rule]]" in block)
    assert read_rules(book).rule
    sentence = re.search(r"Every condition of `when`.*?\n\n", text_of("docs/running.md"), re.DOTALL)
    assert sentence
    told = set(re.findall(r"`(\w+)`", sentence[0]))
    assert set(When.__struct_fields__) <= told


def test_every_dependency_is_told_with_its_version_and_licence() -> None:
    asked = tomllib.loads(text_of("pyproject.toml"))
    groups = [asked["build-system"]["requires"], asked["project"]["dependencies"]]
    groups += asked["project"]["optional-dependencies"].values()
    names = {re.split(r"[^\w-]", asks)[0] for group in groups for asks in group}
    told = re.findall(
        r"^\| ([\w-]+) \|.*\| (\d[\d.]+) \| [^|]+ \|", text_of("docs/dependencies.md"), re.MULTILINE
    )
    assert sorted(name for name, _ in told) == sorted(names)


def test_a_word_stands_once_in_the_glossary_and_in_both_languages() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text_of("docs/glossary.md"), re.MULTILINE)[1:]
    words = [english for english, _, _ in rows]
    assert len(words) == len(set(words))
    assert len(words) > 30
    assert all(re.search("[а-яё]", russian) for _, russian, _ in rows)

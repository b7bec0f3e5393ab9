"""Settings are read once, and whatever is wrong with them is named with what was expected."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onewindow.settings import ENVIRONMENT, BadSetting, Settings, load_settings, read_settings

WHOLE = """
data = "here"
secret = "a secret of sixteen"
log_level = "warning"
[http]
port = 8081
[ui]
product = "Связь"
[router]
region = "KZ"
[email]
addresses = ["help@example.com"]
port = 2526
[relay]
mailbox = "help@example.com"
[[telegram]]
token = "1:aa"
[phone]
manager_host = "127.0.0.1"
manager_user = "onewindow"
manager_secret = "the manager's secret"
[chat]
title = { en = "Chat", ru = "Чат" }
"""


def test_an_empty_file_is_an_installation_without_channels() -> None:
    settings = read_settings("", {})
    assert (settings.email, settings.relay, settings.chat) == (None, None, None)
    assert (settings.http.host, settings.http.port, settings.data) == ("127.0.0.1", 8080, "var")


def test_every_table_is_read() -> None:
    settings = read_settings(WHOLE, {})
    assert settings.email is not None
    assert settings.relay is not None
    assert settings.chat is not None
    assert (settings.data, settings.http.port, settings.email.port) == ("here", 8081, 2526)
    assert (settings.ui.product, settings.router.region) == ("Связь", "KZ")
    assert (settings.relay.mailbox, settings.chat.title["ru"]) == ("help@example.com", "Чат")


VALUES = {
    "ONEWINDOW_DATA": "there",
    "ONEWINDOW_SECRET": "another secret of ours",
    "ONEWINDOW_HTTP_HOST": "::1",
    "ONEWINDOW_HTTP_PORT": "8099",
    "ONEWINDOW_SMTP_HOST": "0.0.0.0",
    "ONEWINDOW_SMTP_PORT": "2599",
    "ONEWINDOW_RELAY_PASSWORD": "pass word",
    "ONEWINDOW_TELEGRAM_TOKEN": "2:bb",
    "ONEWINDOW_PHONE_MANAGER_SECRET": "another manager's secret",
}


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_the_environment_overrules_the_file(variable: str) -> None:
    settings: Any = read_settings(WHOLE, {variable: VALUES[variable]})
    for name in ENVIRONMENT[variable]:
        settings = getattr(settings[0] if isinstance(settings, tuple) else settings, name)
    assert str(settings) == VALUES[variable]


BOTS = """
[[telegram]]
name = "shop"
[[telegram]]
name = "help-desk"
token = "2:bb"
"""


def test_each_bot_has_the_token_of_its_name() -> None:
    given = {"ONEWINDOW_TELEGRAM_TOKEN_SHOP": "1:aa", "ONEWINDOW_TELEGRAM_TOKEN_HELP_DESK": "3:cc"}
    bots = read_settings(BOTS, given).telegram
    assert [(bot.name, bot.token) for bot in bots] == [("shop", "1:aa"), ("help-desk", "3:cc")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOTS, "telegram[0].token: expected what BotFather gave"),
        (BOTS.replace("help-desk", "shop"), "telegram.name: expected another for each bot."),
        (BOTS.replace('"shop"', '"shop"\ntoken = "2:bb"'), "telegram.token: expected another for each bot."),
        (
            '[[telegram]]\ntoken = "1:aa"\nreceive = "webhook"',
            "ui.public_url: expected an address with https://",
        ),
        ('[[telegram]]\ntoken = "no token"', "telegram[0].token: expected"),
        ('[[telegram]]\nreceive = "pigeon"', "telegram[0].receive: "),
        ("[telegram]\nname = 'x'", "telegram: expected"),
    ],
)
def test_bots_that_cannot_be_are_named(text: str, says: str) -> None:
    with pytest.raises(BadSetting) as caught:
        read_settings(text, {})
    assert says in str(caught.value)


def test_the_environment_sets_the_web_though_the_file_does_not() -> None:
    assert read_settings("", VALUES).http.port == 8099


def test_the_environment_turns_no_channel_on() -> None:
    settings = read_settings("", VALUES)
    assert (settings.email, settings.relay) == (None, None)


def test_an_empty_variable_is_none() -> None:
    assert read_settings(WHOLE, dict.fromkeys(VALUES, "")) == read_settings(WHOLE, {})


@pytest.mark.parametrize("value", ["x", "-1", "65536", "8080.5", "٣", "99999999"])
def test_a_port_that_is_none_is_named_by_its_variable_or_setting(value: str) -> None:
    with pytest.raises(BadSetting, match=r"^(ONEWINDOW_HTTP_PORT|http\.port)") as caught:
        read_settings("", {"ONEWINDOW_HTTP_PORT": value})
    assert "65535" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("colour = 1", "colour", "nothing of this name"),
        ("[http]\nprot = 1", "http.prot", "nothing of this name"),
        ("[ui]\nprodukt = 'x'", "ui.produkt", "nothing of this name"),
        ("[email]\ndomain = 'x'", "email.domain", "nothing of this name"),
        ("[http]\nport = 'x'", "http.port", "`int`.*`str`"),
        ("[http]\nport = 70000", "http.port", "65535"),
        ("[http]\nport = true", "http.port", "`int`.*`bool`"),
        ("[http]\nhost = ''", "http.host", "length >= 1"),
        ("http = 5", "http", "`object`.*`int`"),
        ("[relay]", "relay.mailbox", "expected, but missing"),
        ("log_level = 'loud'", "log_level", "debug|info|warning|error"),
        ("[router]\nregion = 'ru'", "router.region", "ISO 3166"),
        ("[router]\nregion = 'ZZ'", "router.region", "ISO 3166"),
        ("[ui]\nregion = 'ZZ'", "ui.region", "ISO 3166"),
        ("[ui]\nsession_hours = 0", "ui.session_hours", ">= 1"),
        ("[ui]\npublic_url = 'help.example.com'", "ui.public_url", "https://help"),
        ("[ui]\npublic_url = 'https://example.com/help'", "ui.public_url", "without a path"),
        ("[router]\nqueue = 0", "router.queue", ">= 1"),
        ("[email]\naddresses = ['a', 5]", "email.addresses[1]", "`str`.*`int`"),
        ("[email]\naddresses = 'a'", "email.addresses", "`array`.*`str`"),
        ("[ui]\ntrusted_proxies = ['10.0.0.0/99']", "ui.trusted_proxies[0]", "10.0.0.0/99"),
        ("[chat]\ntrusted_proxies = ['::1', 'zz']", "chat.trusted_proxies[1]", "network.*'zz'"),
        ("[chat]\nallowed_origins = ['x y']", "chat.allowed_origins[0]", "a site.*'x y'"),
        ("[chat]\nallowed_origins = ['https://a.b/']", "chat.allowed_origins[0]", "without a path"),
        ("[chat]\nallowed_origins = ['https://a.b:443']", "chat.allowed_origins[0]", "a site"),
        ("[chat]\nlanguages = ['en', 'zz']", "chat.languages[1]", "en, ru.*'zz'"),
        ("[chat]\nlanguages = []", "chat.languages", "en, ru"),
        ("[chat]\ntitle = { zz = 'x' }", "chat.title", "en, ru.*'zz'"),
        ("[chat]\nfile_types = ['.pdf']", "chat.file_types[0]", "such as pdf"),
        ("[chat]\nframe_limit = 5000", "chat.frame_limit", "expected at least 41024"),
        ("[chat]\nclosed_after = 1", "chat.closed_after", "more than ping_after"),
        ("[email]", "email.addresses", "at least one"),
        ("[email]\naddresses = ['nope']", "email.addresses[0]", "help@example.com, got 'nope'"),
        ("[email]\naddresses = ['a@b', 'a b@c']", "email.addresses[1]", "a mail address"),
        ("[email]\ndomains = ['@example.com']", "email.domains[0]", "name of a domain"),
        ("[email]\ndomains = ['a.b']\ntls_key = 'k'", "email.tls_certificate", "since tls_key"),
        ("[email]\ndomains = ['a.b']\nhost = ''", "email.host", "length >= 1"),
        ("[email]\ndomains = ['a.b']\nhostname = 'x y'", "email.hostname", "name of a domain"),
        ("[email]\ndomains = ['a.b']\nmemory_limit = 9", "email.memory_limit", "data_size_limit"),
        ("[relay]\nmailbox = 'x'", "relay.mailbox", "a mail address.*'x'"),
        ("[relay]\nmailbox = 'a@b'\nuser = 'u'", "relay.password", "since user is set"),
        ("[relay]\nmailbox = 'a@b'\ntls = true\nstarttls = true", "relay.starttls", "since tls"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(text: str, field: str, says: str) -> None:
    with pytest.raises(BadSetting, match=says) as caught:
        read_settings(text, {"ONEWINDOW_HTTP_PORT": "8099"} if "http =" in text else {})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = """
    colour = 1
    [email]
    addresses = ["nope", 5, "help@example.com"]
    port = 70000
    [relay]
    [chat]
    languages = ["zz"]
    frame_limit = "x"
    trusted_proxies = ["zz"]
    [router]
    region = "ZZ"
    """
    with pytest.raises(BadSetting) as caught:
        read_settings(text, {})
    named = [line.partition(": ")[0] for line in str(caught.value).splitlines()]
    assert named == [
        "colour",
        "email.addresses[1]",
        "email.port",
        "relay.mailbox",
        "chat.frame_limit",
        "chat.languages[0]",
        "chat.trusted_proxies[0]",
        "router.region",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[ui]\npublic_url = 'https://help.example.com/'",
        "[ui]\npublic_url = 'http://[::1]:8080'",
        "[chat]\nallowed_origins = ['http://localhost:3000', 'https://xn--e1afmkfd.xn--p1ai', '*']",
        "[email]\naddresses = ['помощь@пример.рф', 'a.b+c@localhost']\ndomains = ['пример.рф', 'mx_1.a']",
        '[relay]\nmailbox = "o\'neill@example.com"\nstarttls = true',
    ],
)
def test_what_is_unusual_and_right_is_taken(text: str) -> None:
    read_settings(text, {})


@pytest.mark.parametrize("text", ["a = ", "[http\nport = 1", "a = 1\na = 2", "\0", "x = " + "[" * 5000])
def test_what_is_not_toml_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadSetting, match="not TOML"):
        read_settings(text, {})


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("[phone]\noutgoing = 'some'", "phone.outgoing", "expected one of none, known, all, got 'some'"),
        (
            "[automatic]\nchannels = ['fax']",
            "automatic.channels[0]",
            "expected one of email, telegram, got 'fax'",
        ),
        ("[automatic]\nreceived = { fr = '' }", "automatic.received", "expected one of en, ru, got 'fr'"),
    ],
)
def test_a_word_that_is_no_choice_is_told_the_choices(text: str, field: str, said: str) -> None:
    with pytest.raises(BadSetting) as caught:
        read_settings(text, {})
    assert caught.value.field == field
    assert said in str(caught.value)


def leaves(struct: type[msgspec.Struct], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every setting with its type."""
    for field in msgspec.structs.fields(struct):
        kinds = [kind for kind in get_args(field.type) if kind is not NoneType]
        kind = kinds[0] if get_origin(field.type) is UnionType and len(kinds) == 1 else field.type
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from leaves(kind, (*path, field.name))
        else:
            yield (*path, field.name), field.type


SETTINGS = dict(leaves(Settings))
REQUIRED = {"relay": {"mailbox": "help@example.com"}}
SAYABLE = st.recursive(
    st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="ascii", min_codepoint=32)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


@given(st.sampled_from(sorted(SETTINGS)), SAYABLE)
def test_whatever_is_said_of_a_setting_it_is_taken_or_named(path: tuple[str, ...], value: object) -> None:
    *tables, name = path
    given = {**REQUIRED.get(tables[0] if tables else "", {}), name: value}
    lines = [f"{key} = {json.dumps(said)}" for key, said in given.items()]
    text = "\n".join([*(f"[{table}]" for table in tables), *lines])
    if fits(value, SETTINGS[path]):
        with suppress(BadSetting):  # a table whose parts do not go together
            read_settings(text, {})
        return
    with pytest.raises(BadSetting) as caught:
        read_settings(text, {})
    assert caught.value.field.startswith(".".join(path))
    assert "expected" in str(caught.value)


@given(st.text())
def test_reading_raises_nothing_but_a_bad_setting(text: str) -> None:
    with suppress(BadSetting):
        read_settings(text, {})


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "onewindow.toml").write_text("data = 'd'", encoding="utf-8")
    assert load_settings(tmp_path / "onewindow.toml", {}).home == str(tmp_path.resolve())


def test_a_file_with_a_mark_before_its_first_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "onewindow.toml"
    path.write_text("data = 'd'", encoding="utf-8-sig")
    assert load_settings(path, {}).data == "d"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing, folder, koi8 = tmp_path / "missing.toml", tmp_path, tmp_path / "koi8.toml"
    koi8.write_bytes("data = 'данные'".encode("koi8-r"))
    for path in (missing, folder, koi8):
        with pytest.raises(BadSetting, match="cannot be read") as caught:
            load_settings(path, os.environ)
        assert str(path) in str(caught.value)

"""What an installation sets: one frozen structure, read once from a TOML file and the environment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from agent_ui.rooms import UiSettings
from channels.chat.settings import ChatSettings
from channels.email.settings import EmailSettings, MailboxSettings, RelaySettings
from channels.fax.settings import FaxSettings
from channels.phone.settings import PhoneSettings
from channels.telegram.settings import TelegramSettings
from channels.webhook import WebhookSettings
from crm.errors import BadInput
from crm.wrong import Wrong
from onewindow.faults import find_wrong
from router.automatic import AutomaticSettings
from router.identity import is_region

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Table = TypeVar("Table", bound=msgspec.Struct)
Count = Annotated[int, msgspec.Meta(ge=1)]

ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "ONEWINDOW_DATA": ("data",),
    "ONEWINDOW_SECRET": ("secret",),
    "ONEWINDOW_HTTP_HOST": ("http", "host"),
    "ONEWINDOW_HTTP_PORT": ("http", "port"),
    "ONEWINDOW_SMTP_HOST": ("email", "host"),
    "ONEWINDOW_SMTP_PORT": ("email", "port"),
    "ONEWINDOW_RELAY_PASSWORD": ("relay", "password"),
    "ONEWINDOW_TELEGRAM_TOKEN": ("telegram", "token"),
    "ONEWINDOW_PHONE_MANAGER_SECRET": ("phone", "manager_secret"),
}
"""Variables that overrule the file, and the setting each of them is."""


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where pages, API and chat are served. Port 0 takes any free one."""

    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    port: Port = 8080


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How contacts are routed. A relative path of `rules` begins at the settings file."""

    rules: str = "rules.toml"
    region: str = "RU"
    accept_seconds: Count = 45
    absent_minutes: Count = 240
    queue: Count = 2000
    batch: Count = 256  # contacts routed together at most
    spacing_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 10  # between the beginnings of two batches

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        if not is_region(self.region):
            yield Wrong("region", "expected the two letters of a country (ISO 3166), such as RU")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole installation. A channel without its table is off."""

    data: str = "var"
    secret: str = ""  # signs reply addresses; empty: made once and kept in the data directory
    log_level: Annotated[str, msgspec.Meta(pattern="^(debug|info|warning|error)$")] = "info"
    http: HttpSettings = HttpSettings()
    ui: UiSettings = UiSettings()
    router: RouterSettings = RouterSettings()
    automatic: AutomaticSettings | None = None  # none: nobody is answered by a program
    email: EmailSettings | None = None
    relay: RelaySettings | None = None
    mailbox: tuple[MailboxSettings, ...] = ()
    chat: ChatSettings | None = None
    fax: FaxSettings | None = None
    telegram: tuple[TelegramSettings, ...] = ()  # one table a bot
    phone: PhoneSettings | None = None
    webhook: tuple[WebhookSettings, ...] = ()  # one table a system
    home: str = "."  # the directory that relative paths begin at: the settings file's own


class BadSetting(BadInput):
    """Settings are wrong, one a line. `field` is the first one's name, such as `http.port`."""


def read_settings(text: str, environ: Mapping[str, str], *, home: Path = Path()) -> Settings:
    """Settings from TOML text, overruled by the environment. Raises `BadSetting`."""
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadSetting(f"The settings are not TOML: {error}.") from error
    for variable, path in ENVIRONMENT.items():
        if value := environ.get(variable, ""):
            _overrule(raw, path, _number(variable, value) if path[-1] == "port" else value)
    _give_tokens(raw.get("telegram"), environ)
    raw.setdefault("home", str(home))
    for number, mailbox in enumerate(_tables(raw, "mailbox")):
        _find_password(mailbox, environ, home, f"mailbox[{number}]")
    if found := list(find_wrong(raw, Settings)):
        lines = [f"{wrong.field or 'settings'}: {wrong.said}." for wrong in found]
        raise BadSetting("\n".join(lines), field=found[0].field)
    return _checked(_rooted(msgspec.convert(raw, Settings)))


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Settings of that file. Raises `BadSetting`, also when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a mark before the first line
    except (OSError, UnicodeError) as error:
        raise BadSetting(f"The settings file {path} cannot be read: {error}.") from error
    return read_settings(text, environ, home=path.resolve().parent)


def _rooted(settings: Settings) -> Settings:
    """The settings with their files where they are, wherever the program is started."""
    home = Path(settings.home)
    return msgspec.structs.replace(
        settings,
        email=settings.email and _files_in(settings.email, home, "tls_certificate", "tls_key"),
        mailbox=tuple(_files_in(mailbox, home, "ca_file") for mailbox in settings.mailbox),
    )


def _files_in(table: Table, home: Path, *names: str) -> Table:
    files = {name: str(home / path) for name in names if (path := getattr(table, name))}
    return msgspec.structs.replace(table, **files)


def _tables(raw: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The tables of an array of tables; what is none will be told when it is read."""
    given = raw.get(name)
    return [table for table in given if isinstance(table, dict)] if isinstance(given, list) else []


def _find_password(table: dict[str, Any], environ: Mapping[str, str], home: Path, where: str) -> None:
    """Put the password where the settings want it, from the variable or the file that they name."""
    variable, file = table.get("password_variable"), table.get("password_file")
    if isinstance(variable, str) and variable in environ:
        table["password"] = environ[variable]
    if isinstance(file, str) and file:
        try:
            table["password"] = (home / file).read_text("utf-8").partition("\n")[0].strip("\r")
        except (OSError, UnicodeError) as error:
            said = f"{where}.password_file: {file} cannot be read: expected a file with the password."
            raise BadSetting(said, field=f"{where}.password_file") from error


def _give_tokens(bots: object, environ: Mapping[str, str]) -> None:
    """The token of each bot by its name: `ONEWINDOW_TELEGRAM_TOKEN_SHOP` is that of the bot `shop`."""
    for bot in bots if isinstance(bots, list) else []:
        if isinstance(bot, dict) and isinstance(bot.get("name"), str):
            variable = f"ONEWINDOW_TELEGRAM_TOKEN_{bot['name'].upper().replace('-', '_')}"
            if token := environ.get(variable, ""):
                bot["token"] = token


def _checked(settings: Settings) -> Settings:
    """What no setting can say of itself alone. Raises `BadSetting`."""
    if found := [*_wrong_bots(settings), *_same_names(settings)]:
        raise BadSetting("\n".join(found), field=found[0].partition(":")[0])
    return settings


def _wrong_bots(settings: Settings) -> Iterator[str]:
    bots = settings.telegram
    for place, bot in enumerate(bots):
        if not bot.token:
            yield f"telegram[{place}].token: expected what BotFather gave, here or in the environment."
        if bot.receive == "webhook" and not settings.ui.public_url.startswith("https://"):
            yield "ui.public_url: expected an address with https://, which Telegram is to call."
    for field, values in (("name", [bot.name for bot in bots]), ("token", [bot.token for bot in bots])):
        if len(set(values)) < len(values):
            yield f"telegram.{field}: expected another for each bot."


def _same_names(settings: Settings) -> Iterator[str]:
    names = [system.name for system in settings.webhook]
    if len(set(names)) < len(names):
        yield "webhook.name: expected another for each system."


def _overrule(raw: dict[str, Any], path: Sequence[str], value: str | int) -> None:
    """Put the value where the path leads. A channel that the file does not turn on stays off."""
    *tables, name = path
    inner: object = raw
    for table in tables:
        if table != "http" and table not in raw:
            return
        inner = raw.setdefault(table, {})
    if isinstance(inner, list) and len(inner) == 1:  # one of several would not know that it is meant
        inner = inner[0]
    if isinstance(inner, dict):  # reading will say that it should be a table
        inner[name] = value


def _number(variable: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value):
        raise BadSetting(f"{variable} is {value!r}: expected a port number, 0 to 65535.", field=variable)
    return int(value)

"""What an installation sets: one frozen structure, read once from a TOML file and the environment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent_ui.rooms import UiSettings
from channels.chat.settings import ChatSettings
from channels.email.settings import EmailSettings, RelaySettings
from crm.errors import BadInput

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]

ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "ONEWINDOW_DATA": ("data",),
    "ONEWINDOW_SECRET": ("secret",),
    "ONEWINDOW_HTTP_HOST": ("http", "host"),
    "ONEWINDOW_HTTP_PORT": ("http", "port"),
    "ONEWINDOW_SMTP_HOST": ("email", "host"),
    "ONEWINDOW_SMTP_PORT": ("email", "port"),
    "ONEWINDOW_RELAY_PASSWORD": ("relay", "password"),
}
"""Variables that overrule the file, and the setting each of them is."""


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where pages, API and chat are served. Port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Port = 8080


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How contacts are routed. A relative path of `rules` begins at the settings file."""

    rules: str = "rules.toml"
    region: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] = "RU"
    accept_seconds: Count = 45
    absent_minutes: Count = 240
    queue: Count = 2000
    batch: Count = 64


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole installation. A channel without its table is off."""

    data: str = "var"
    secret: str = ""  # signs reply addresses; empty: made once and kept in the data directory
    log_level: Annotated[str, msgspec.Meta(pattern="^(debug|info|warning|error)$")] = "info"
    http: HttpSettings = HttpSettings()
    ui: UiSettings = UiSettings()
    router: RouterSettings = RouterSettings()
    email: EmailSettings | None = None
    relay: RelaySettings | None = None
    chat: ChatSettings | None = None
    home: str = "."  # the directory that relative paths begin at: the settings file's own


class BadSetting(BadInput):
    """A setting is wrong. `field` is its name, such as `http.port`; the message says what it should be."""


def read_settings(text: str, environ: Mapping[str, str], *, home: Path = Path()) -> Settings:
    """Settings from TOML text, overruled by the environment. Raises `BadSetting`."""
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"The settings are not TOML: {error}.") from error
    for variable, path in ENVIRONMENT.items():
        value = environ.get(variable, "")
        if value and (len(path) == 1 or path[0] in raw or path[0] == "http"):
            table = raw
            for name in path[:-1]:
                table = table.setdefault(name, {})
            table[path[-1]] = _number(variable, value) if path[-1] == "port" else value
    raw.setdefault("home", str(home))
    try:
        return msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise _named(error) from error
    except BadInput as error:
        raise BadSetting(str(error), field=error.field) from error


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Settings of that file. Raises `BadSetting`, also when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise BadSetting(f"The settings file {path} cannot be read: {error}.") from error
    return read_settings(text, environ, home=path.resolve().parent)


def _number(variable: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,5}", value):
        raise BadSetting(f"{variable} is {value!r}: expected a port number, 0 to 65535.", field=variable)
    return int(value)


def _named(error: msgspec.ValidationError) -> BadSetting:
    """A message such as `Expected `int`, got `str` - at `$.http.port`` with the name put first."""
    said, _, path = str(error).partition(" - at `$")
    name = path.rstrip("`").lstrip(".")
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", said)
    if unknown:
        full = f"{name}.{unknown[1]}".lstrip(".")
        return BadSetting(f"{full}: there is no setting of this name.", field=full)
    return BadSetting(f"{name or 'settings'}: {said[:1].lower()}{said[1:]}.", field=name)

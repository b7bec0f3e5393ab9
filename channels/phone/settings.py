"""What the operator sets for his exchange: which logs it writes, how they are laid out, how it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from crm.wrong import Wrong

Count = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]

SHORTEST_SECRET = 16

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class PhoneSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exchange. Each of its logs that is named is read; `manager_host` turns the live interface on.

    `cdr_uniqueid`, `cdr_userfield` and `cdr_new_columns` are as in the exchange's own cdr.conf and
    cdr_csv: the log has no heading, and its number of columns alone does not tell which they are.
    """

    exchange: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,30}$")] = "pbx"
    time_zone: str = "Europe/Moscow"  # of the exchange's clock
    language: Literal["en", "ru"] = "ru"  # of what is written on the contact of a call
    internal: str = "[0-9]{2,5}"  # our own extensions, as a regular expression
    trunks: tuple[str, ...] = ()  # beginnings of names of channels that lead outside
    outgoing: Literal["none", "known", "all"] = "known"  # which calls that we made become contacts

    cdr: tuple[str, ...] = ()  # files; names may have * in them
    cdr_uniqueid: bool = True  # loguniqueid
    cdr_userfield: bool = True  # loguserfield
    cdr_new_columns: bool = True  # newcdrcolumns
    cdr_gmt: bool = False  # usegmtime
    queue_log: str = ""

    manager_host: str = ""
    manager_port: Port = 5038
    manager_user: str = ""
    manager_secret: str = ""
    manager_tls: bool = False
    manager_login: Literal["md5", "plain"] = "md5"

    webhooks: dict[str, str] = {}  # other exchanges by name, and the secret that each signs with
    webhook_window: Seconds = 300  # how old a signature may be

    recordings: str = ""  # the directory that names of recordings are looked up in
    recording_size_limit: Count = 50 * 1024 * 1024
    recording_wait: Seconds = 3600  # how long a recording may take to appear

    poll_interval: Seconds = 0.5  # how often the files are looked at
    settle: Seconds = 2  # of silence after which the last line of a call was its last
    callback_days: Annotated[int, msgspec.Meta(ge=1)] = 3  # an older call in a log is only kept as history
    line_limit: Count = 64 * 1024  # bytes of one line

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        if not _compiles(self.internal):
            yield Wrong(
                "internal", f"expected a regular expression such as [0-9]{{2,5}}, got {self.internal!r}"
            )
        if not _is_zone(self.time_zone):
            yield Wrong("time_zone", f"expected a time zone such as Europe/Moscow, got {self.time_zone!r}")
        for name, secret in self.webhooks.items():
            if not _NAME.fullmatch(name):
                yield Wrong("webhooks", f"expected names written with a-z, 0-9 and -, got {name!r}")
            if len(secret) < SHORTEST_SECRET:
                yield Wrong(f"webhooks.{name}", f"expected a secret of at least {SHORTEST_SECRET} characters")
        if self.manager_host and not self.manager_user:
            yield Wrong("manager_user", "expected, since manager_host is set")
        if self.manager_host and not self.manager_secret:
            yield Wrong("manager_secret", "expected, since manager_host is set")
        if not (self.cdr or self.queue_log or self.manager_host or self.webhooks):
            yield Wrong("cdr", "expected at least one of cdr, queue_log, manager_host and webhooks")


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True

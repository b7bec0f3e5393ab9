"""What the pages are given to work with, by name, and how this installation wants them to behave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from aiohttp import web

from crm.contact import Receipt
from crm.desk import DeskForm
from crm.employee import Employee
from crm.record import Clock, NewId
from crm.store import Store
from crm.wrong import Wrong
from router.audit import Audit
from router.casework import Casework
from router.health import Doors
from router.identity import is_region
from router.intake import Intake
from router.live import Live
from router.networks import is_origin, wrong_networks
from router.rules import RuleBook

Count = Annotated[int, msgspec.Meta(ge=1)]


class UiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the pages behave here.

    `public_url` is what browsers call us (`https://help.example.com`); empty means the Host header says it.
    `trusted_proxies` are networks (`10.0.0.0/8`) whose word about the caller is believed.
    """

    product: str = "onewindow"
    public_url: str = ""
    secure_cookies: bool = True
    session_hours: Count = 12
    idle_minutes: Count = 120
    trusted_proxies: tuple[str, ...] = ()
    upload_bytes: Count = 25 * 1024 * 1024
    region: str = "RU"  # how telephone numbers without a country are read

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        if self.public_url and not is_origin(self.public_url.removesuffix("/")):
            expected = "expected an address such as https://help.example.com, without a path"
            yield Wrong("public_url", f"{expected}, got {self.public_url!r}")
        if not is_region(self.region):
            yield Wrong("region", "expected the two letters of a country (ISO 3166), such as RU")
        yield from wrong_networks(self.trusted_proxies, "trusted_proxies")


class Desk(Protocol):
    """Makes a contact of what an employee filled in; when it returns, the contact is durable."""

    async def register(self, form: DeskForm, *, employee: Employee, received_at: datetime) -> Receipt: ...


class Invited(Protocol):
    """A link, and until when it is good."""

    @property
    def url(self) -> str: ...

    @property
    def until(self) -> datetime: ...


class Inviting(Protocol):
    """Makes a link by which a customer we know begins a talk with a bot of ours, known from the start."""

    async def invite(self, customer_id: str, bot: str = "") -> Invited: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Rooms:
    """The rest of the house as the pages see it."""

    store: Store
    live: Live
    clock: Clock
    new_id: NewId
    settings: UiSettings
    casework: Casework
    intake: Intake
    audit: Audit
    doors: Doors
    rules: RuleBook
    desk: Desk
    inviting: Inviting | None = None  # where a messenger is set up


ROOMS = web.AppKey("ROOMS", Rooms)

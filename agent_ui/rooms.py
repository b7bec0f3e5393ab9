"""What the pages are given to work with, by name, and how this installation wants them to behave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Protocol

import msgspec
from aiohttp import web

from crm.contact import Receipt
from crm.desk import DeskForm
from crm.employee import Employee
from crm.record import Clock, NewId
from crm.store import Store
from router.audit import Audit
from router.casework import Casework
from router.health import Doors
from router.intake import Intake
from router.live import Live
from router.rules import RuleBook


class UiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the pages behave here.

    `public_url` is what browsers call us (`https://help.example.com`); empty means the Host header says it.
    `trusted_proxies` are networks (`10.0.0.0/8`) whose word about the caller is believed.
    """

    product: str = "onewindow"
    public_url: str = ""
    secure_cookies: bool = True
    session_hours: int = 12
    idle_minutes: int = 120
    trusted_proxies: tuple[str, ...] = ()
    upload_bytes: int = 25 * 1024 * 1024
    region: str = "RU"  # how telephone numbers without a country are read

    def __post_init__(self) -> None:
        for network in self.trusted_proxies:
            ip_network(network)  # raises ValueError that names the network


class Desk(Protocol):
    """Makes a contact of what an employee filled in; when it returns, the contact is durable."""

    async def register(self, form: DeskForm, *, employee: Employee, received_at: datetime) -> Receipt: ...


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


ROOMS = web.AppKey("ROOMS", Rooms)

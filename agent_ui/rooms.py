"""What the pages are given to work with, by name, and how this installation wants them to behave."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

import msgspec
from aiohttp import web

from crm.record import Clock, NewId
from crm.store import Store
from router.audit import Audit
from router.casework import Casework
from router.health import Doors
from router.intake import Intake
from router.live import Live
from router.rules import RuleBook

Network = IPv4Network | IPv6Network


class UiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the pages behave here.

    `public_url` is what browsers call us (`https://help.example.com`); empty means the Host header says it.
    """

    product: str = "onewindow"
    public_url: str = ""
    secure_cookies: bool = True
    session_hours: int = 12
    idle_minutes: int = 120
    trusted_proxies: tuple[Network, ...] = ()
    upload_bytes: int = 25 * 1024 * 1024
    region: str = "RU"  # how telephone numbers without a country are read


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


ROOMS = web.AppKey("ROOMS", Rooms)

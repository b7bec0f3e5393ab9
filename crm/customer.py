"""A person or a company we serve, and the addresses by which channels know him."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from crm.contact import AddressKind
from crm.record import Record

Segment = Literal["resident", "business", "corporate", "vip"]


class ContactPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Somebody at a company. `addresses` are normalised ids such as `phone:+74951234567`."""

    name: str
    post: str = ""
    addresses: tuple[str, ...] = ()


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How the customer wishes to be met. Quiet hours are local, `22:00`; topics are his interests."""

    channel: str = ""
    language: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    topics: tuple[str, ...] = ()


class Customer(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A person or a company. `name` may be empty: somebody wrote and has not said who he is."""

    kind: Literal["person", "company"] = "person"
    name: str = ""
    region: str = ""
    segment: Segment = "resident"
    contracts: tuple[str, ...] = ()  # contract numbers with us
    preferences: Preferences = Preferences()
    contact_persons: tuple[ContactPerson, ...] = ()
    owner_id: str = ""  # the employee who answers for the account
    characteristics: dict[str, str] = {}
    became: str = ""  # id of the customer he proved to be: whatever was his is there now
    created_at: datetime
    updated_at: datetime


class CustomerAddress(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Whose an address is. Its id is `kind:value` normalised, so an address has one customer at most."""

    kind: AddressKind
    value: str
    customer_id: str
    name: str = ""
    created_at: datetime


class Offering(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A service in the catalogue. `names` by language code; `price` a month in kopecks."""

    names: dict[str, str]
    price: int = 0
    department_id: str = ""  # the technical department that serves it


class Subscription(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A service that a customer holds."""

    customer_id: str
    offering_id: str
    status: Literal["pending", "active", "suspended", "terminated"] = "active"
    since: datetime
    place: str = ""
    number: str = ""  # the line, login or SIM it is known by

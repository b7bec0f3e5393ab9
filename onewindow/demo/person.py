"""Who somebody in the demo is: a person who writes, and a customer with all that the store keeps of him."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal, NamedTuple

from crm.contact import Address, AddressKind
from crm.customer import Customer, CustomerAddress, Subscription

Gender = Literal["m", "f"]


class Person(NamedTuple):
    """Somebody who writes: a customer, or a contact person of a company. `ways` are normalised."""

    first: str
    full: str
    gender: Gender
    ways: dict[AddressKind, str]
    language: str = "ru"
    post: str = ""
    careless: bool = False  # types in haste

    def address(self, kind: AddressKind) -> Address:
        name = "" if kind in ("phone", "fax", "postal") else self.full
        return Address(kind=kind, value=self.ways[kind], name=name)


class Known(NamedTuple):
    """A customer with everything the store keeps of him."""

    customer: Customer
    people: tuple[Person, ...]
    addresses: tuple[CustomerAddress, ...]
    subscriptions: tuple[Subscription, ...]
    home: str  # street and house of the line

    @property
    def person(self) -> Person:
        return self.people[0]

    def holds(self, *beginnings: str) -> str:
        """The first service held whose id begins so; empty if none."""
        ids = (held.offering_id for held in self.subscriptions if held.status == "active")
        return next((id_ for id_ in ids if id_.startswith(beginnings)), "")


def visitor_token(customer_id: str) -> str:
    """The secret that this customer's browser keeps for the chat."""
    digest = hashlib.sha256(b"onewindow demo visitor " + customer_id.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

"""By which channels and addresses a customer can be answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from crm.contact import Address, AddressKind, Contact
from crm.customer import CustomerAddress

REACHES: dict[str, AddressKind] = {
    "email": "email",
    "chat": "visitor",
    "telegram": "telegram",
    "fax": "fax",
    "webhook": "webhook",
}
"""The kind of address that each channel sends to."""


class Way(NamedTuple):
    """One way to answer. An unproven address was only typed by the sender about himself."""

    channel: str
    to: Address
    preferred: bool = False
    unproven: bool = False


def ways_to_answer(
    latest: Sequence[Contact], addresses: Sequence[CustomerAddress], channels: frozenset[str]
) -> list[Way]:
    """Ways in the order of how likely the customer reads them: as he wrote last, then all else of his.

    `latest` are contacts of the case, newest first.
    """
    inbound = [contact for contact in latest if contact.direction == "inbound" and not contact.automatic]
    proven = [Way(contact.channel, contact.sender) for contact in inbound]
    for found in addresses:
        proven += _ways_to(Address(kind=found.kind, value=found.value, name=found.name))
    typed = [way for contact in inbound for claim in contact.claims for way in _ways_to(claim)]
    ways: dict[tuple[str, str], Way] = {}
    for way in (*proven, *(way._replace(unproven=True) for way in typed)):
        if way.channel in channels and way.to.value.strip() and REACHES.get(way.channel) == way.to.kind:
            ways.setdefault((way.channel, way.to.value.casefold()), way._replace(preferred=not ways))
    return list(ways.values())


def _ways_to(to: Address) -> list[Way]:
    return [Way(channel, to) for channel, kind in REACHES.items() if kind == to.kind]

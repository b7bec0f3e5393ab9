"""Whose a contact is: one customer for each address, however it was spelled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress

import phonenumbers

from crm.collections import ADDRESSES, CUSTOMERS
from crm.contact import Address
from crm.customer import Customer
from crm.store import Store

MAX_VALUE = 400
"""Characters of an address that count; a mail address has at most 254 (RFC 5321)."""


def normalise(address: Address, *, region: str = "RU") -> str:
    """The id of an address, such as `phone:+74951234567`; empty where it names nobody.

    `region` is the country whose numbers come without a country code (ISO 3166).
    """
    value = " ".join(address.value.split())[:MAX_VALUE]
    if not value or address.kind == "unknown":
        return ""
    if address.kind in ("phone", "fax"):
        number = normalise_number(value, region=region)
        return f"{address.kind}:{number}" if number else ""
    if address.kind == "email":
        return f"email:{_normalise_mail(value)}"
    if address.kind == "postal":
        return f"postal:{_folded(value)}"
    return f"{address.kind}:{value}"


def normalise_number(value: str, *, region: str = "RU") -> str:
    """E.164 of a number however it was written; short numbers of an exchange stay as their digits."""
    digits = "".join(str(int(digit)) for digit in re.findall(r"\d", value))
    for spelled in (value, digits):
        try:
            number = phonenumbers.parse(spelled, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return digits if len(digits) > 1 else ""


def is_region(region: str) -> bool:
    """Whether it is a country whose numbers are known, by its ISO 3166 letters."""
    return region in phonenumbers.SUPPORTED_REGIONS


def _normalise_mail(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not domain.isascii():
        with suppress(UnicodeError):  # not a name that DNS knows: it still tells one sender from another
            domain = domain.encode("idna").decode()
    return _folded(f"{local}{at}{domain}")


def _folded(value: str) -> str:
    """Without what a reader does not see: the case, and of how many marks a letter is put together."""
    if not value.isascii():
        value = unicodedata.normalize("NFC", value)
    folded = unicodedata.normalize("NFC", value.casefold())
    return " ".join(folded[:MAX_VALUE].split())


async def possible_customers(
    store: Store, claims: Iterable[Address], *, region: str = "RU"
) -> list[Customer]:
    """Who the sender may be by what he typed about himself. For the agent's eye: it proves nothing."""
    ids = filter(None, [normalise(claim, region=region) for claim in claims])
    addresses = await store.get_many(ADDRESSES, ids)
    customers = await store.get_many(CUSTOMERS, {found.customer_id for found in addresses.values()})
    return list(customers.values())

"""The customer's card: what employees may change of it, and the addresses he is known by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from crm.collections import ADDRESSES, CUSTOMERS, EMPLOYEES
from crm.contact import Address
from crm.customer import Customer, CustomerAddress
from crm.employee import Employee
from crm.errors import BadInput, Conflict, NotFound
from crm.record import Clock
from crm.store import Insert, Replace, Store
from router.identity import normalise
from router.live import Event, Live

ATTEMPTS = 8

CHANGEABLE = (
    "kind",
    "name",
    "region",
    "segment",
    "contracts",
    "preferences",
    "contact_persons",
    "owner_id",
    "characteristics",
)
"""Fields of a customer that an employee may change; the rest is the program's own."""

LONGEST = 300
MOST = 100

_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_PATH = re.compile(r" - at `\$\.?([\w.]*)")


class AddressTaken(BadInput):
    """The address is another customer's already: `customer` is the one."""

    def __init__(self, customer: Customer) -> None:
        who = f"«{customer.name}»" if customer.name else f"customer {customer.id}"
        super().__init__(f"This address belongs to {who} already.", field="value")
        self.customer = customer


async def update_customer(
    store: Store,
    live: Live,
    customer_id: str,
    *,
    by: Employee,
    clock: Clock,
    changes: Mapping[str, Any],
    version: int | None = None,
) -> Customer:
    """Change fields of the card, given as JSON values by name (see `CHANGEABLE`).

    With the `version` the employee saw, a card that somebody changed meanwhile is a `Conflict`. Raises
    `NotFound`, or `BadInput` naming the field.
    """
    for name in changes:
        if name not in CHANGEABLE:
            raise BadInput("This field cannot be changed.", field=name)
    for _ in range(ATTEMPTS):
        customer = await _read(store, customer_id)
        if version not in (None, customer.version):
            raise Conflict(CUSTOMERS.name, customer_id)
        changed = _changed(customer, changes)
        if changed == customer:
            return customer
        if changed.owner_id and changed.owner_id != customer.owner_id:
            await _must_work_here(store, changed.owner_id)
        changed = msgspec.structs.replace(changed, updated_at=clock())
        try:
            await store.commit([Replace(CUSTOMERS, changed)])
        except Conflict:
            continue  # a contact or a colleague was faster: the named fields are put onto what is there now
        await live.publish([_event(customer_id, by, clock)])
        return msgspec.structs.replace(changed, version=customer.version + 1)
    raise Conflict(CUSTOMERS.name, customer_id)


async def add_address(
    store: Store,
    live: Live,
    customer_id: str,
    address: Address,
    *,
    by: Employee,
    clock: Clock,
    region: str = "RU",
) -> CustomerAddress:
    """Let the customer be known by one more address. Adding what is his already changes nothing.

    Raises `NotFound`, `BadInput` for what is no address, or `AddressTaken`.
    """
    await _read(store, customer_id)
    id_ = normalise(address, region=region)
    _must_be_address(address, id_)
    known = await store.get(ADDRESSES, id_)
    if known and known.customer_id == customer_id:
        return known
    if known and known.customer_id:
        raise AddressTaken(await _read(store, known.customer_id))
    added = CustomerAddress(
        id=id_,
        version=known.version if known else 1,
        kind=address.kind,
        value=id_.partition(":")[2] if address.kind != "postal" else " ".join(address.value.split()),
        customer_id=customer_id,
        name=address.name[:LONGEST],
        created_at=clock(),
    )
    try:
        await store.commit([Replace(ADDRESSES, added) if known else Insert(ADDRESSES, added)])
    except Conflict as conflict:
        now = await store.get(ADDRESSES, id_)
        if now is None or not now.customer_id or now.customer_id == customer_id:
            raise
        raise AddressTaken(await _read(store, now.customer_id)) from conflict
    await live.publish([_event(customer_id, by, clock)])
    return added


async def remove_address(
    store: Store, live: Live, customer_id: str, address_id: str, *, by: Employee, clock: Clock
) -> None:
    """The address no longer names the customer. Its record stays, as nobody's."""
    known = await store.get(ADDRESSES, address_id)
    if known is None or known.customer_id != customer_id:
        raise NotFound("The customer has no such address.", field="address_id")
    await store.commit([Replace(ADDRESSES, msgspec.structs.replace(known, customer_id=""))])
    await live.publish([_event(customer_id, by, clock)])


def _changed(customer: Customer, changes: Mapping[str, Any]) -> Customer:
    """The card with these fields, each checked. Raises `BadInput` naming the field."""
    try:
        changed = msgspec.convert({**msgspec.to_builtins(customer), **changes}, Customer)
    except msgspec.ValidationError as error:
        path = _PATH.search(str(error))
        raise BadInput("This value is not possible here.", field=path[1] if path else "") from error
    preferences = changed.preferences
    texts = {
        "name": (changed.name,),
        "region": (changed.region,),
        "contracts": changed.contracts,
        "preferences.topics": preferences.topics,
        "contact_persons": [person.name + person.post for person in changed.contact_persons],
        "characteristics": [name + value for name, value in changed.characteristics.items()],
    }
    for name, values in texts.items():
        if len(values) > MOST or any(len(value) > LONGEST for value in values):
            raise BadInput("This is longer than anybody could read.", field=name)
    for name in ("quiet_from", "quiet_until"):
        if (clock := getattr(preferences, name)) and not _CLOCK.fullmatch(clock):
            raise BadInput("A time is written like 22:00.", field=f"preferences.{name}")
    if bool(preferences.quiet_from) != bool(preferences.quiet_until):
        raise BadInput("Quiet hours have a beginning and an end.", field="preferences.quiet_until")
    if any(not person.name.strip() for person in changed.contact_persons):
        raise BadInput("A contact person has a name.", field="contact_persons")
    return changed


def _must_be_address(address: Address, id_: str) -> None:
    """Raise `BadInput` unless a channel could reach somebody there."""
    if not id_:
        raise BadInput("This is no address that could be used.", field="value")
    if address.kind == "email" and not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", id_.partition(":")[2]):
        raise BadInput("A mail address is written like name@example.com.", field="value")
    if address.kind in ("phone", "fax") and not id_.partition(":")[2].lstrip("+").isdigit():
        raise BadInput("A number is written like +7 495 123-45-67.", field="value")


async def _must_work_here(store: Store, employee_id: str) -> None:
    owner = await store.get(EMPLOYEES, employee_id)
    if owner is None or not owner.active:
        raise BadInput("This employee no longer works here.", field="owner_id")


async def _read(store: Store, customer_id: str) -> Customer:
    customer = await store.get(CUSTOMERS, customer_id)
    if customer is None:
        raise NotFound("There is no customer of that id.", field="customer_id")
    return customer


def _event(customer_id: str, by: Employee, clock: Clock) -> Event:
    return Event(kind="customer", at=clock(), customer_id=customer_id, employee_id=by.id)

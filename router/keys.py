"""Which contact is which: a channel's key names it, and a reused key with other words names another."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from crm.collections import CONTACTS
from crm.contact import Contact, contact_id


def possible_ids(contact: Contact) -> tuple[str, ...]:
    """Every id that the contact may be kept under."""
    if not contact.fingerprint:
        return (contact.id,)
    return (contact.id, contact_id(contact.channel, _second_key(contact)))


def named(contact: Contact, holders: Iterable[Contact | None]) -> Contact:
    """The contact under an id of its own. `holders` are what is kept, buried or planned under its id."""
    for holder in holders:
        if holder and _says_other(contact, holder):
            key = _second_key(contact)
            return msgspec.structs.replace(contact, key=key, id=contact_id(contact.channel, key))
    return contact


def encodable(contact: Contact) -> Contact:
    """The contact as near as it can be kept: what no encoding takes (half a surrogate pair) becomes `?`."""
    body = json.dumps(msgspec.to_builtins(contact), ensure_ascii=False).encode(errors="replace")
    return CONTACTS.decode(body)


def _says_other(contact: Contact, holder: Contact) -> bool:
    """Both have fingerprints, and none in common."""
    ours, his = contact.fingerprint.split(), holder.fingerprint.split()
    return bool(ours and his) and not set(ours) & set(his)


def _second_key(contact: Contact) -> str:
    return f"{contact.key}~{contact.fingerprint[:12]}"

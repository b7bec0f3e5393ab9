"""What of a contact a visitor sees, and what a contact keeps of what he typed."""

from __future__ import annotations

import re

from channels.chat.protocol import File, Message, Place, Profile, seq_of
from crm.contact import Address, Contact

PROFILE_LIMIT = 200
"""Characters of a name or an address that a visitor types about himself."""

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def is_client_id(id: str) -> bool:
    """Whether a page may name what it says like that."""
    return _CLIENT_ID.fullmatch(id) is not None


def clean(text: str) -> str:
    """The text without control characters and halves of characters, in the newlines of the house."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def concerns(contact: Contact, visitor: str) -> bool:
    """Whether the visitor said it or it was said to him, here in the chat: nothing else is his to see."""
    return contact.channel == "chat" and any(
        address.kind == "visitor" and address.value == visitor
        for address in (contact.sender, *contact.recipients)
    )


def written(contact: Contact, place: Place) -> Message:
    """The contact as its visitor sees it."""
    own = contact.direction == "inbound"
    return Message(
        seq=seq_of(place),
        id=client_id(contact) if own else contact.key,
        own=own,
        name="" if own else contact.sender.name,
        text=contact.text,
        files=tuple(
            File(name=file.name, mime=file.mime, size=file.size, path=f"files/{contact.key}/{place}")
            for place, file in enumerate(contact.attachments)
        ),
        at=contact.received_at,
    )


def tidy(profile: Profile) -> Profile:
    """The profile as one short line each."""
    name, email, phone = (
        " ".join(clean(value).split())[:PROFILE_LIMIT]
        for value in (profile.name, profile.email, profile.phone)
    )
    return Profile(name=name, email=email, phone=phone)


def key_of(visitor: str, client_id: str) -> str:
    """The key of what a visitor says: a resend has the same."""
    return f"{visitor}-{client_id}"


def visitor_of_key(key: str) -> str:
    """Who said what has this key."""
    return key.partition("-")[0]


def client_id(contact: Contact) -> str:
    """The id that the page gave it."""
    return contact.key.partition("-")[2]


def claims_of(profile: Profile) -> tuple[Address, ...]:
    """What he typed about himself, as addresses nobody has proven."""
    email = (Address(kind="email", value=profile.email, name=profile.name),) if profile.email else ()
    phone = (Address(kind="phone", value=profile.phone, name=profile.name),) if profile.phone else ()
    return email + phone

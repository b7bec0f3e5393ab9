"""What comes later to a contact that is stored: other words instead of the first ones, or more of them.

Whatever the order in which the contact, its amendments and their retries come, it ends with the words of the
highest revision and with everything that was added; no words that somebody sent are lost.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

import msgspec

from crm.contact import Addition, Amendments, Attachment, Contact, contact_id

KEPT_DIGESTS = 200
"""Latest amendments of a contact that are known again; of a place that is sent while somebody walks there
are more, but none of them is sent again so late."""


class Earlier(NamedTuple):
    """Words that gave way, or came after the words that replaced them."""

    revision: int
    subject: str
    text: str
    attachments: tuple[Attachment, ...]


class Changed(NamedTuple):
    """The contact as it is now, and the words that are kept beside it, if there are any.

    `anew` tells that it says something else than an agent may have read.
    """

    contact: Contact
    earlier: Earlier | None = None
    anew: bool = False


def on_its_own(change: Contact) -> Contact:
    """An amendment under a key of its own, never that of the contact it changes: it may have to be buried."""
    if not change.amends or change.id != amended_id(change):
        return change
    key = f"{change.key}~{digest(change)}"
    return msgspec.structs.replace(change, key=key, id=contact_id(change.channel, key))


def amended_id(change: Contact) -> str:
    """The id of the contact that this one changes."""
    return contact_id(change.channel, change.amends)


def lacks_original(stored: Contact) -> bool:
    """Whether only amendments of it came so far: the contact itself is no repeat."""
    return stored.amendments is not None and not stored.amendments.original


def as_contact(change: Contact) -> Contact:
    """An amendment that came before what it changes: it stands there as that contact until it comes."""
    adds = change.amending == "add"
    return msgspec.structs.replace(
        change,
        id=amended_id(change),
        key=change.amends,
        amends="",
        amending="",
        revision=0 if adds else _revision(change),
        attachments=_as_added(change) if adds else change.attachments,
        fingerprint="",
        amendments=Amendments(
            seen=(digest(change),),
            original=False,
            added=_more((), change) if adds else (),
            fields=_revision(change) if adds else 0,
        ),
    )


def alone(change: Contact) -> Contact:
    """An amendment of what it may not change, as a contact in its own right."""
    return msgspec.structs.replace(change, amends="", amending="", revision=0)


def amend(stored: Contact, change: Contact) -> Changed | None:
    """What the change makes of the contact; None when it holds it already."""
    known = stored.amendments or Amendments()
    if not change.amends:
        return None if known.original else _with_original(stored, known, change)
    mark = digest(change)
    if mark in known.seen:
        return None
    known = msgspec.structs.replace(known, seen=(*known.seen, mark)[-KEPT_DIGESTS:])
    if change.amending == "add":
        return Changed(_with_more(stored, known, change))
    return _with_other_words(stored, known, change)


def digest(change: Contact) -> str:
    """A name of what the amendment says: the same one again has the same."""
    said = (
        change.amending,
        change.revision,
        change.subject,
        change.text,
        change.quoted,
        change.signature,
        [(file.name, file.blob) for file in change.attachments],
        sorted(change.fields.items()),
        change.duration,
        change.employee_id,
        change.proofs,
    )
    return sha256(msgspec.json.encode(said)).hexdigest()[:16]


def _with_other_words(stored: Contact, known: Amendments, change: Contact) -> Changed:
    """The words of a higher revision take the place of those it has; late ones only stand beside it."""
    revision, brought = _revision(change), _base(change.attachments)
    if _has_words(stored) and revision < stored.revision:
        late = Earlier(revision, change.subject, change.text, brought)
        return Changed(msgspec.structs.replace(stored, amendments=known), late)
    had = Earlier(stored.revision, stored.subject, _first_words(stored), _base(stored.attachments))
    other = _has_words(stored) and had[1:] != (change.subject, change.text, brought)
    changed = msgspec.structs.replace(
        stored,
        subject=change.subject,
        text=_joined(change.text, known.added),
        duration=change.duration or stored.duration,
        quoted=change.quoted,
        signature=change.signature,
        html=change.html,
        raw=change.raw or stored.raw,
        attachments=_united(brought, _added(stored.attachments)),
        fields=stored.fields | change.fields,
        trust=change.trust or stored.trust,
        revision=revision,
        amendments=known,
    )
    return Changed(changed, had if other else None, anew=other)


def _with_more(stored: Contact, known: Amendments, change: Contact) -> Contact:
    """Files united, words set behind those there are, fields merged, and what was not known filled in."""
    latest = _revision(change) >= known.fields
    added = _more(known.added, change)
    return msgspec.structs.replace(
        stored,
        subject=stored.subject or change.subject,
        text=_joined(_first_words(stored), added),
        attachments=_united(stored.attachments, _as_added(change)),
        fields=stored.fields | change.fields if latest else change.fields | stored.fields,
        duration=max(stored.duration, change.duration),
        employee_id=(change.employee_id if latest else "") or stored.employee_id or change.employee_id,
        trust=stored.trust or change.trust,
        amendments=msgspec.structs.replace(known, added=added, fields=max(known.fields, _revision(change))),
    )


def _with_original(stored: Contact, known: Amendments, original: Contact) -> Changed:
    """The contact itself, at last: its words stand first, or beside the words that replaced them."""
    complete = msgspec.structs.replace(known, original=True)
    filled = msgspec.structs.replace(
        stored,
        received_at=min(stored.received_at, original.received_at),
        sent_at=original.sent_at or stored.sent_at,
        raw=stored.raw or original.raw,
        claims=stored.claims or original.claims,
        fields=original.fields | stored.fields,
        duration=max(stored.duration, original.duration),
        employee_id=stored.employee_id or original.employee_id,
        fingerprint=original.fingerprint,
        trust=original.trust or stored.trust,
        amendments=complete,
    )
    brought = _base(original.attachments)
    if _has_words(stored):
        words = (original.subject, original.text, brought)
        has = (stored.subject, _first_words(stored), _base(stored.attachments))
        return Changed(filled, Earlier(0, *words) if words != has else None)
    first = msgspec.structs.replace(
        filled,
        subject=original.subject or stored.subject,
        text=_joined(original.text, known.added),
        quoted=original.quoted,
        signature=original.signature,
        html=original.html,
        attachments=_united(brought, stored.attachments),
    )
    return Changed(first)


def _revision(change: Contact) -> int:
    """A change comes after the contact, whatever its channel counts by."""
    return max(change.revision, 1)


def _has_words(stored: Contact) -> bool:
    """Whether there are words that another revision would take the place of."""
    return not lacks_original(stored) or stored.revision > 0


def _as_added(change: Contact) -> tuple[Attachment, ...]:
    added = _revision(change)
    return tuple(msgspec.structs.replace(file, added=added) for file in change.attachments)


def _base(files: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    return tuple(file for file in files if not file.added)


def _added(files: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    return tuple(file for file in files if file.added)


def _united(first: tuple[Attachment, ...], more: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """Each file once, in the order of the revisions that brought them, whatever the order they came in."""
    each: dict[tuple[str, str], Attachment] = {}
    for file in (*first, *more):
        had = each.get((file.name, file.blob))
        if had is None or file.added < had.added:
            each[file.name, file.blob] = file
    return tuple(sorted(each.values(), key=_place))


def _place(file: Attachment) -> tuple[int, str, str]:
    return (file.added, file.name, file.blob) if file.added else (0, "", "")  # as the contact gave them


def _more(added: tuple[Addition, ...], change: Contact) -> tuple[Addition, ...]:
    """The words that were added, each once, in the order of their revisions."""
    first: dict[str, int] = {}
    for one in (*added, Addition(revision=_revision(change), text=change.text)):
        if one.text:
            first[one.text] = min(one.revision, first.get(one.text, one.revision))
    ordered = sorted((revision, text) for text, revision in first.items())
    return tuple(Addition(revision=revision, text=text) for revision, text in ordered)


def _joined(text: str, added: tuple[Addition, ...]) -> str:
    return "\n".join(filter(None, (text, *(one.text for one in added))))


def _first_words(stored: Contact) -> str:
    """The text without what was added to it."""
    added = _joined("", stored.amendments.added if stored.amendments else ())
    return stored.text.removesuffix(added).removesuffix("\n") if added else stored.text

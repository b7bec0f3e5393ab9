"""Reads a letter: bytes off the wire become a contact, whatever shape they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256

from channels.email.addresses import read_addresses
from channels.email.automatic import Letter, read_report, tell_automatic
from channels.email.body import FILES_LIMIT, TEXT_LIMIT, Body, read_body, read_files
from channels.email.headers import Headers, read_date, read_key, read_keys
from channels.email.parts import Part, read_parts
from channels.email.quoting import part_words
from crm.contact import Address, Arrival, Attachment, Contact, blob_id, contact_id

_REFERENCES_LIMIT = 50
_SUBJECT_LIMIT = 2000


def _proves_nothing(address: str) -> str:  # noqa: ARG001
    return ""


def read_email(
    raw: bytes,
    *,
    received_at: datetime,
    envelope_to: tuple[str, ...] = (),
    envelope_from: str | None = None,
    thread_of: Callable[[str], str] = _proves_nothing,
    answer_of: Callable[[str], str] = _proves_nothing,
) -> Arrival:
    """The contact that these bytes are. Never fails: what cannot be read is still kept in `raw`.

    `envelope_from` is empty for the null sender and None where no envelope is known. `thread_of` gives
    the case that an address of ours proves, `answer_of` the key of the answer whose bounces it takes.
    """
    root = read_parts(raw)
    headers = root.headers
    key = read_key(headers.first(b"message-id")) or "sha256-" + blob_id(raw)
    senders = _senders(headers, envelope_from)
    recipients = _recipients(headers, envelope_to)
    subject = headers.text(b"subject")
    body = read_body(root)
    letter = Letter(root, senders[0].value, subject, envelope_from)
    automatic = tell_automatic(letter)
    text = body.text[:TEXT_LIMIT]
    spoken = part_words(text, subject)
    attachments, blobs = read_files(body.files)
    if len(body.text) > TEXT_LIMIT:
        attachments = (*attachments, _as_file(body.text, blobs))
    contact = Contact(
        id=contact_id("email", key),
        channel="email",
        key=key,
        received_at=received_at,
        sender=senders[0],
        recipients=recipients,
        subject=subject[:_SUBJECT_LIMIT],
        text=spoken.text,
        quoted=spoken.quoted or body.forwarded[:TEXT_LIMIT],
        signature=spoken.signature,
        html=_keep(body.html.encode(), blobs) if body.html else "",
        raw=_keep(raw, blobs),
        attachments=attachments,
        sent_at=read_date(headers.first(b"date")),
        automatic=automatic,
        thread=_first(thread_of, recipients),
        references=_references(headers),
        report=read_report(letter, body.text, _first(answer_of, recipients)) if automatic else None,
        fingerprint=f"{_said(senders[0], subject, body, attachments)} {_fingerprint(headers, root)}",
        fields=_fields(headers, senders, len(body.files)),
    )
    return Arrival(contact, blobs)


def unreadable_email(
    raw: bytes, *, received_at: datetime, envelope_to: tuple[str, ...], envelope_from: str
) -> Arrival:
    """The contact that stands for a letter our reader failed on: all of it as a file."""
    key = "sha256-" + blob_id(raw)
    file = Attachment(name="message.eml", mime="message/rfc822", size=len(raw), blob=blob_id(raw))
    contact = Contact(
        id=contact_id("email", key),
        channel="email",
        key=key,
        received_at=received_at,
        sender=Address(kind="email", value=envelope_from),
        recipients=tuple(Address(kind="email", value=mailbox) for mailbox in envelope_to),
        raw=file.blob,
        attachments=(file,),
        fingerprint=file.blob,
        fields={"unreadable": "yes"},
    )
    return Arrival(contact, {file.blob: raw})


def _senders(headers: Headers, envelope_from: str | None) -> list[Address]:
    """Who wrote; never empty, though the address may be."""
    for name in (b"from", b"sender", b"reply-to", b"return-path"):
        found = [address for value in headers.all(name) for address in read_addresses(value)]
        if found:
            return found
    return [Address(kind="email", value=envelope_from or "", name=headers.text(b"from"))]


def _recipients(headers: Headers, envelope_to: Iterable[str]) -> tuple[Address, ...]:
    found: dict[str, Address] = {}
    for name in (b"to", b"cc"):
        for value in headers.all(name):
            for address in read_addresses(value):
                found.setdefault(address.value.lower(), address)
    for mailbox in envelope_to:
        if mailbox.lower() not in found:
            found[mailbox.lower()] = Address(kind="email", value=mailbox)
    return tuple(found.values())


def _references(headers: Headers) -> tuple[str, ...]:
    keys = read_keys(headers.first(b"references")) + read_keys(headers.first(b"in-reply-to"))
    # The nearest stands last: of a key named twice the later place counts.
    return tuple(reversed(dict.fromkeys(reversed(keys))))[-_REFERENCES_LIMIT:]


def _first(prove: Callable[[str], str], recipients: Iterable[Address]) -> str:
    return next(filter(None, (prove(address.value) for address in recipients)), "")


def _fields(headers: Headers, senders: list[Address], files: int) -> dict[str, str]:
    fields = {}
    if len(senders) > 1:
        fields["also_from"] = ", ".join(address.value for address in senders[1:20])
    answer_to = read_addresses(headers.first(b"reply-to")) if b"reply-to" in headers else []
    if answer_to and answer_to[0].value.lower() != senders[0].value.lower():
        fields["reply_to"] = answer_to[0].value
    if headers.first(b"x-priority")[:1] in (b"1", b"2") or headers.word(b"importance") == "high":
        fields["importance"] = "high"
    if files > FILES_LIMIT:
        fields["files_left_out"] = str(files - FILES_LIMIT)  # they are in the raw message
    return fields


def _said(sender: Address, subject: str, body: Body, attachments: Iterable[Attachment]) -> str:
    """Of what the letter says, however it was encoded: servers on two ways encode one letter differently."""
    said = [sender.value.lower(), subject, body.text, body.html]
    said += [part for file in attachments for part in (file.name, file.blob)]
    return sha256("\n".join(" ".join(part.split()) for part in said).encode(errors="replace")).hexdigest()


def _fingerprint(headers: Headers, root: Part) -> str:
    said = sha256(headers.first(b"from") + b"\n" + headers.first(b"subject") + b"\n")
    said.update(root.body)
    return said.hexdigest()


def _keep(content: bytes, blobs: dict[str, bytes]) -> str:
    blob = blob_id(content)
    blobs[blob] = content
    return blob


def _as_file(text: str, blobs: dict[str, bytes]) -> Attachment:
    content = text.encode()
    return Attachment(name="message.txt", mime="text/plain", size=len(content), blob=_keep(content, blobs))

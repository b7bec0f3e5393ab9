"""What was received becomes a contact: who called, by which line, how it ended, and the pages."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from channels.fax.frames import Trouble
from channels.fax.hylafax import Handed, LogLine, clean, file_key
from channels.fax.press import Developed
from channels.fax.tiff import read_tiff
from crm.contact import Address, Arrival, Attachment, Contact, blob_id, contact_id

PAGE = "page-"
"""How the `cid` of an attachment begins that shows one page of a fax; its number follows."""

_MOST_TROUBLES = 20


class Reception(NamedTuple):
    """One reception as HylaFAX tells of it; what it does not tell is empty."""

    key: str
    commid: str = ""
    modem: str = ""
    reason: str = ""  # of what went wrong
    number: str = ""  # of the caller, from the exchange
    name: str = ""
    line: str = ""  # of ours, that he called
    station: str = ""  # how his machine calls itself
    pages: int = 0
    seconds: int = 0


def of_line(line: LogLine) -> Reception:
    """What a RECV line of the log tells."""
    return Reception(
        file_key(line.job) or f"c{line.commid}",
        line.commid,
        line.modem,
        line.reason,
        line.cid_number,
        line.cid_name,
        line.number,
        line.station,
        line.pages,
        line.seconds or 0,
    )


def of_hook(handed: Handed) -> Reception:
    """What faxrcvd is told."""
    number, name, line = (*handed.callers, "", "", "")[:3]
    return Reception(file_key(handed.qfile), handed.commid, handed.device, handed.reason, number, name, line)


def read_fax(reception: Reception, content: bytes | None, *, received_at: datetime) -> Arrival:
    """The contact of a reception; `content` is its file, None where there is none."""
    tiff = read_tiff(content) if content else None
    station = reception.station or (clean(tiff.station) if tiff else "")
    seconds = reception.seconds or (tiff.seconds if tiff else 0)
    pages = len(tiff.pages) if tiff else 0
    reason = reception.reason or ("" if content else "file_missing" if reception.pages else "no_pages")
    facts = {
        "outcome": "failed" if not content else "partial" if reception.reason else "received",
        "reason": reason,
        "pages": str(pages) if pages else "",
        "modem": reception.modem,
        "commid": reception.commid,
        "station": station,
    }
    contact = Contact(
        id=contact_id("fax", reception.key),
        channel="fax",
        key=reception.key,
        received_at=received_at,
        sender=Address(kind="fax", value=reception.number, name=reception.name),
        recipients=(Address(kind="fax", value=reception.line),) if reception.line else (),
        # The other machine may call itself what it likes.
        claims=(Address(kind="fax", value=station),) if any(map(str.isdigit, station)) else (),
        attachments=(_file(f"{reception.key}.tif", "image/tiff", content),) if content else (),
        duration=seconds,
        fingerprint=blob_id(content) if content else _of_failure(reception),
        fields={name: value for name, value in facts.items() if value},
    )
    return Arrival(contact, {blob_id(content): content} if content else {})


def show_pages(arrival: Arrival, developed: Developed) -> Arrival:
    """The same fax with its pages as pictures, all of them in one PDF, and what is wrong with them."""
    contact = arrival.contact
    blobs = dict(arrival.blobs)
    files = []
    if developed.pdf and not _is_one_pdf(contact):
        files.append(_file(f"{_stem(contact)}.pdf", "application/pdf", developed.pdf))
        blobs[blob_id(developed.pdf)] = developed.pdf
    for number, sheet in enumerate(developed.sheets, 1):
        picture = _file(f"{_stem(contact)}-{number:03}.png", "image/png", sheet.png)
        files.append(msgspec.structs.replace(picture, cid=f"{PAGE}{number}"))
        blobs[picture.blob] = sheet.png
    fields = dict(contact.fields)
    if developed.sheets:
        fields["pages"] = str(len(developed.sheets))
    if developed.troubles:
        fields["troubles"] = _told(developed.troubles)
        # Of an internet fax all parts are shown, or it counts as not received (RFC 3965, 2.2.4).
        whole = fields.get("whole") == "yes" or not developed.sheets
        fields["outcome"] = "failed" if whole else "partial"
    known = {file.blob for file in contact.attachments}
    attachments = (*contact.attachments, *(file for file in files if file.blob not in known))
    return Arrival(msgspec.structs.replace(contact, attachments=attachments, fields=fields), blobs)


def with_words(contact: Contact, words: str) -> Contact:
    """The fax with the words that a machine read on its pages."""
    if not words:
        return contact
    text = f"{contact.text}\n\n{words}" if contact.text else words
    return msgspec.structs.replace(contact, text=text, fields={**contact.fields, "words": "read"})


def more_words(contact: Contact, key: str, words: str) -> Contact:
    """What is added to a fax that was routed before all of its words were read.

    `key` is the one it was stored under: HylaFAX counts its files anew one day.
    """
    original, key = key, f"{key}-words"
    return Contact(
        id=contact_id("fax", key),
        channel="fax",
        key=key,
        received_at=contact.received_at,
        sender=contact.sender,
        text=words,
        amends=original,
        amending="add",
        revision=1,
        fields={"words": "read"},
    )


def _is_one_pdf(contact: Contact) -> bool:
    """Whether all of it came as one PDF: that is the one to keep."""
    return [file.mime for file in contact.attachments] == ["application/pdf"]


def _told(troubles: tuple[Trouble, ...]) -> str:
    """Codes for the pages to show, each with the page it is about."""
    codes = [f"{trouble.code}:{trouble.page}" if trouble.page else trouble.code for trouble in troubles]
    return " ".join(list(dict.fromkeys(codes))[:_MOST_TROUBLES])


def _file(name: str, mime: str, content: bytes) -> Attachment:
    return Attachment(name=name, mime=mime, size=len(content), blob=blob_id(content))


def _stem(contact: Contact) -> str:
    return contact.key if contact.key.startswith("fax") else "fax"


def _of_failure(reception: Reception) -> str:
    """Tells a failure from another under the same file's name; hook and log tell both of these alike."""
    return sha256(f"{reception.commid}\n{reception.reason}\n{reception.number}".encode()).hexdigest()

"""Tells letters that are faxes: internet fax, notices of fax providers, and what HylaFAX mails itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from channels.fax.hylafax import clean
from channels.fax.settings import FaxSettings
from channels.fax.tiff import is_tiff
from crm.contact import Address, Arrival, Attachment, Contact, contact_id

_MIN_DIGITS = 5
_TEXT_LIMIT = 50_000
_PAIRS_LIMIT = 200

_FAX_ADDRESS = re.compile(r"/?fax=([+0-9][0-9. ()-]{1,40})((?:/[a-z0-9-]+=[^/@]{0,60})*)/?\Z", re.IGNORECASE)
_SUBADDRESS = re.compile(r"/t33s=([0-9#*]{1,30})", re.IGNORECASE)
_PAIR = re.compile(r"[ \t]*([^:\n]{1,60}?)[ \t]*:(?:[ \t]+(.*)|[ \t]*)\Z")
_QFILE = re.compile(r"(?m)^\W*recvq/(fax\d{1,12})\.tif\b")
_RECEIVED = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d\Z")
_SESSION = re.compile(r"SESSION BEGIN (\d{1,12})\b")
_INDENTED = re.compile(r"(?m)^[ \t]+(\S.*)$")
_NUMBER = re.compile(r"(?<![\w.:/+-])\+?\d[\d ()./-]{3,24}\d(?![\w:/])")
_DATE_LIKE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}")


class FaxAddress(NamedTuple):
    """A fax number that is written as a mail address (RFC 3191, RFC 3192)."""

    number: str
    subaddress: str = ""


class _Notice(NamedTuple):
    """What a notice tells of the fax it brings."""

    number: str = ""
    name: str = ""
    line: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    outcome: str = "received"


def read_fax_letter(arrival: Arrival, settings: FaxSettings) -> Arrival | None:
    """The fax that this letter is; None for a letter that is a letter.

    A letter that the mail door knows as forged stays one, whatever it says.
    """
    contact = arrival.contact
    if contact.channel != "email" or contact.report or contact.trust == "forged":
        return None
    pages = [file for file in contact.attachments if _has_pages(arrival.blobs.get(file.blob, b""))]
    if _is_of(contact.sender.value, settings.mail_senders):
        pages = _once(pages, arrival.blobs)
        notice = _read_notice(contact, pages, settings.numbers)
        return _as_fax(arrival, pages, notice) if notice else None
    if pages and (to := _own_fax_address(contact.recipients, settings.mail_recipients)):
        return _as_fax(arrival, pages, _internet_fax(contact, to))
    return None


def read_fax_address(mailbox: str) -> FaxAddress | None:
    """The number in the local part of a mail address, such as `FAX=+7.495.1234567/T33S=12@example.com`."""
    found = _FAX_ADDRESS.match(mailbox.rpartition("@")[0].strip("\"' "))
    if not found or sum(map(str.isdigit, found[1])) < 2:
        return None
    subaddress = _SUBADDRESS.search(found[2])
    number = ("+" if found[1].startswith("+") else "") + re.sub(r"\D", "", found[1])
    return FaxAddress(number, subaddress[1] if subaddress else "")


def read_pairs(text: str) -> list[tuple[str, str]]:
    """The `key: value` lines of a notice in their order, whatever language the keys are in."""
    found = (_PAIR.match(line) for line in text[:_TEXT_LIMIT].splitlines())
    return [(pair[1], clean(pair[2] or "")) for pair in found if pair][:_PAIRS_LIMIT]


def _read_notice(contact: Contact, pages: list[Attachment], ours: tuple[str, ...]) -> _Notice | None:
    text = "\n".join(filter(None, (contact.text, contact.quoted, contact.signature)))[:_TEXT_LIMIT]
    if _QFILE.search(text):
        return _of_hylafax(text)
    session = _SESSION.search(text)
    if session and not pages and "SEND FAX" not in text:
        return _of_failure(text[: session.start()], session[1])
    return _of_provider(contact.subject, text, ours) if pages else None


def _of_hylafax(text: str) -> _Notice:
    """HylaFAX's own notice. Its keys are in nine languages, in one order: the date tells where we are."""
    pairs = read_pairs(text)
    values = [value for _, value in pairs]
    at = next((index for index, value in enumerate(values) if _RECEIVED.match(value)), -1)
    if at < 4:
        return _Notice()
    after = [*values[at + 1 :], *[""] * 8]
    number, name, modem, commid = after[4], after[5], after[6], after[7].partition(" ")[0]
    facts = (("station", values[at - 4]), ("modem", modem), ("commid", commid))
    return _Notice(number, name, facts=facts)


def _of_failure(before: str, commid: str) -> _Notice:
    """HylaFAX tells that it received nothing: the reason is set in, or the second paragraph."""
    indented = _INDENTED.search(before)
    paragraphs = [paragraph for paragraph in re.split(r"\n\s*\n", before) if paragraph.strip()]
    reason = indented[1] if indented else paragraphs[1] if len(paragraphs) > 1 else "no_pages"
    facts = (("commid", commid), ("reason", clean(reason)))
    return _Notice(facts=facts, outcome="failed")


def _of_provider(subject: str, text: str, ours: tuple[str, ...]) -> _Notice:
    """A provider's notice: of the numbers it names the first that is not ours is who called."""
    own = {_digits(number)[-10:] for number in ours}
    stated = [value for _, value in read_pairs(text)]
    numbers = [number for words in (subject, *stated, text) for number in _numbers(words)]
    callers = [number for number in numbers if _digits(number)[-10:] not in own]
    lines = [number for number in numbers if _digits(number)[-10:] in own]
    return _Notice(callers[0] if callers else "", line=lines[0] if lines else "")


def _numbers(text: str) -> list[str]:
    found = [match[0].strip() for match in _NUMBER.finditer(text[:_TEXT_LIMIT])]
    return [
        number
        for number in found
        if _MIN_DIGITS <= len(_digits(number)) <= 15 and not _DATE_LIKE.fullmatch(number.strip())
    ]


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)


def _internet_fax(contact: Contact, to: FaxAddress) -> _Notice:
    machine = read_fax_address(contact.sender.value)
    facts = [("whole", "yes")]
    if to.subaddress:
        facts.append(("subaddress", to.subaddress))
    return _Notice(machine.number if machine else "", contact.sender.name, to.number, facts=tuple(facts))


def _own_fax_address(recipients: Iterable[Address], mailboxes: tuple[str, ...]) -> FaxAddress | None:
    """By which of our fax addresses it came."""
    for recipient in recipients:
        if address := read_fax_address(recipient.value):
            return address
        if _is_of(recipient.value, mailboxes):
            return FaxAddress("")
    return None


def _as_fax(arrival: Arrival, pages: list[Attachment], notice: _Notice) -> Arrival:
    letter = arrival.contact
    fields = {"outcome": notice.outcome, "mail": letter.sender.value, **dict(notice.facts)}
    by_number = Address(kind="fax", value=notice.number, name=notice.name)
    internet = "whole" in fields
    fax = Contact(
        id=contact_id("fax", letter.key),
        channel="fax",
        key=letter.key,
        received_at=letter.received_at,
        # An internet fax from a mailbox is answered there; a notice's sender is the provider, not the caller.
        sender=letter.sender if internet and not notice.number else by_number,
        recipients=(Address(kind="fax", value=notice.line),) if notice.line else (),
        claims=_claimed(fields.get("station", "")),
        subject=letter.subject if internet else "",
        text=letter.text if internet else "",
        quoted="" if internet else "\n".join(filter(None, (letter.subject, letter.text, letter.quoted))),
        raw=letter.raw,
        attachments=letter.attachments if internet else tuple(pages) or letter.attachments,
        sent_at=letter.sent_at,
        trust=letter.trust,
        fingerprint=letter.fingerprint,
        fields={name: value for name, value in fields.items() if value},
    )
    kept = {fax.raw, *(file.blob for file in fax.attachments)}
    return Arrival(fax, {blob: content for blob, content in arrival.blobs.items() if blob in kept})


def _claimed(station: str) -> tuple[Address, ...]:
    return (Address(kind="fax", value=station),) if any(map(str.isdigit, station)) else ()


def _has_pages(content: bytes) -> bool:
    return is_tiff(content) or content.lstrip()[:5] == b"%PDF-"


def _once(pages: list[Attachment], blobs: Mapping[str, bytes]) -> list[Attachment]:
    """A notice may bring the same pages as TIFF and as PDF: as they were received is the TIFF."""
    received = [file for file in pages if is_tiff(blobs[file.blob])]
    return received or pages


def _is_of(mailbox: str, listed: tuple[str, ...]) -> bool:
    """Whether the address is one of these, each whole or, from the @ on, a domain."""
    folded = mailbox.strip().lower()
    return any(
        folded == one.lower() or (one.startswith("@") and folded.endswith(one.lower())) for one in listed
    )

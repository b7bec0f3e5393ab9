"""Writes a letter: an outbound contact and its files become the bytes of a MIME message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.charset import BASE64, Charset
from email.encoders import encode_base64
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from typing import NamedTuple

from channels.email.mailboxes import split_address
from crm.contact import Attachment, Contact
from crm.errors import DeliveryFailed

_WIRE = compat32.clone(linesep="\r\n", cte_type="7bit")
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = BASE64
_MAILBOX = re.compile(r"[^\s<>()\[\],;:\\\"@\x00-\x1f\x7f]{1,64}@[^\s<>()\[\],;:\\\"@\x00-\x1f\x7f]{1,255}\Z")
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~ .-]*\Z", re.ASCII)
_LINE_LIMIT = 998  # RFC 5322, 2.1.1


class Envelope(NamedTuple):
    """Whom we write as. The addresses carry our tags already; `sender_name` is what customers see."""

    mailbox: str
    sender_name: str
    reply_to: str


def write_email(contact: Contact, blobs: Mapping[str, bytes], envelope: Envelope) -> bytes:
    """The message as it goes over the wire; the same contact gives the same bytes."""
    message = _body(contact, blobs)
    message["Message-ID"] = f"<{_one_line(contact.key)}>"
    message["Date"] = format_datetime(contact.received_at)
    message["From"] = _shown(envelope.sender_name, envelope.mailbox)
    message["To"] = ",\n ".join(
        _shown(address.name, wire_address(address.value))
        for address in contact.recipients
        if address.kind == "email"
    )
    message["Reply-To"] = envelope.reply_to
    message["Subject"] = _words(_one_line(contact.subject), "Subject")
    keys = [f"<{_one_line(key)}>" for key in contact.references]
    if keys:
        message["In-Reply-To"] = keys[-1]
        message["References"] = "\n ".join(keys)
    if contact.automatic:
        message["Auto-Submitted"] = "auto-replied" if contact.automatic == "reply" else "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
    return message.as_bytes(policy=_WIRE)


def wire_address(address: str) -> str:
    """The address as it may stand in a command or a header. Raises `DeliveryFailed` if it is no mailbox."""
    local, domain = split_address(address)
    mailbox = f"{local}@{domain}"
    if not _MAILBOX.match(mailbox):
        raise DeliveryFailed("the recipient's address is not a mailbox")
    return mailbox


def _body(contact: Contact, blobs: Mapping[str, bytes]) -> Message:
    words = [contact.text, contact.signature and f"-- \n{contact.signature}", contact.quoted]
    text = "\n\n".join(filter(None, words)) + "\n"
    longest = max(map(len, text.split("\n")))
    plain = MIMEText(text, "plain", "us-ascii" if text.isascii() and longest <= _LINE_LIMIT else _UTF8)  # type: ignore[arg-type]
    if not contact.attachments:
        return plain
    whole = MIMEMultipart("mixed", boundary=f"=_{contact.id.encode().hex()[-40:]}")
    whole.attach(plain)
    for attachment in contact.attachments:
        whole.attach(_file(attachment, blobs))
    return whole


def _file(attachment: Attachment, blobs: Mapping[str, bytes]) -> Message:
    content = blobs.get(attachment.blob)
    if content is None:
        raise DeliveryFailed("a file of the answer is missing")
    kind, _, detail = attachment.mime.partition("/")
    if not re.fullmatch(r"[a-z0-9.+-]+", f"{kind}{detail}") or not detail or kind in {"multipart", "message"}:
        kind, detail = "application", "octet-stream"
    part = MIMEBase(kind, detail)
    part.set_payload(content)
    encode_base64(part)
    name = _one_line(attachment.name) or "file"
    part.add_header(
        "Content-Disposition", "attachment", filename=name if name.isascii() else ("utf-8", "", name)
    )
    return part


def _shown(name: str, mailbox: str) -> str:
    """`Name <mailbox>`, the name quoted or encoded where it must be."""
    name = _one_line(name)
    if not name:
        return mailbox
    if not name.isascii():
        return f"{_words(name, '')} <{mailbox}>"
    return (
        f"{name} <{mailbox}>" if _ATOMS.match(name) and "." not in name else f'"{_escaped(name)}" <{mailbox}>'
    )


def _words(text: str, header: str) -> str:
    """Encoded words (RFC 2047) of whole letters, none too long, where the text is not ASCII."""
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name=header or None).encode()


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _one_line(text: str) -> str:
    """No line end survives, so nobody can write headers of his own into ours."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

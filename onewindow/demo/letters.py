"""Letters as mail programs write them: bytes for the mail door, or for its reader alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import NamedTuple

from crm.contact import Address
from onewindow.demo.telecom import MAILBOX, NAME

POLICY = SMTP.clone(max_line_length=120)


class File(NamedTuple):
    """A file of a customer."""

    name: str
    mime: str
    content: bytes


class Letter(NamedTuple):
    """What a customer mails. `key` is the Message-ID without brackets, `answers` the keys it answers."""

    key: str
    sender: Address
    subject: str
    text: str
    at: datetime
    to: str = MAILBOX
    answers: tuple[str, ...] = ()
    files: Sequence[File] = ()
    html: bool = False
    charset: str = "utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def compose(letter: Letter) -> bytes:
    """The message as it travels (RFC 5322)."""
    message = EmailMessage(policy=POLICY)
    local, _, domain = letter.sender.value.rpartition("@")
    message["From"] = Mailbox(letter.sender.name, local, domain)
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = letter.at
    message["Message-ID"] = f"<{letter.key}>"
    if letter.answers:
        message["In-Reply-To"] = f"<{letter.answers[-1]}>"
        message["References"] = " ".join(f"<{key}>" for key in letter.answers)
    for name, value in letter.headers:
        message[name] = value
    message.set_content(letter.text, charset=_charset_for(letter), cte="8bit")
    if letter.html:
        message.add_alternative(_page(letter.text), subtype="html", cte="8bit")
    for file in letter.files:
        kind, _, subtype = file.mime.partition("/")
        message.add_attachment(file.content, maintype=kind, subtype=subtype, filename=file.name)
    for place, part in enumerate(message.walk()):
        if part.is_multipart():  # the library's own boundaries are another each time
            part.set_boundary(f"part-{place}-{local_part(letter.key)}")
    return message.as_bytes()


def local_part(address: str) -> str:
    return address.partition("@")[0]


def compose_bounce(letter: Letter, *, failed: str, answer: str) -> bytes:
    """The report of a relay that an answer of ours could not be delivered (RFC 3464)."""
    original = f"Message-ID: <{answer}>\r\nFrom: {MAILBOX}\r\nTo: {failed}\r\n"
    status = (
        f"Reporting-MTA: dns; relay.example\r\n\r\nFinal-Recipient: rfc822; {failed}\r\n"
        "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
    )
    parts = (
        ("text/plain; charset=utf-8", letter.text),
        ("message/delivery-status", status),
        ("text/rfc822-headers", original),
    )
    boundary = f"report-{local_part(letter.key)}"
    body = "".join(f"--{boundary}\r\nContent-Type: {mime}\r\n\r\n{text}\r\n" for mime, text in parts)
    head = (
        f"From: Mail Delivery System <{letter.sender.value}>\r\nTo: {letter.to}\r\n"
        f"Subject: {letter.subject}\r\nMessage-ID: <{letter.key}>\r\n"
        f"Date: {format_datetime(letter.at)}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"\r\n\r\n'
    )
    return f"{head}{body}--{boundary}--\r\n".encode()


def quote(text: str, author: str, at: datetime, language: str) -> str:
    """An earlier letter below a new one, as mail programs put it."""
    lines = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
    if language == "en":
        return f"\n\nOn {at:%d %b %Y at %H:%M}, {author} <{MAILBOX}> wrote:\n\n{lines}\n"
    return f"\n\n{at:%d.%m.%Y %H:%M}, {author or NAME} пишет:\n{lines}\n"


def _charset_for(letter: Letter) -> str:
    """The charset asked for, if it has all the letters."""
    try:
        letter.text.encode(letter.charset)
    except UnicodeEncodeError:
        return "utf-8"
    return letter.charset


def _page(text: str) -> str:
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
    body = paragraphs.replace("\n", "<br>\n")
    return f'<html><body style="font-family: Arial, sans-serif">{body}</body></html>'

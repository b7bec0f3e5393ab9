"""How what somebody says comes in: the same arrivals that the doors of the product make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple, TypedDict

from channels.chat.contacts import key_of
from channels.desk import read_desk_form
from channels.email.reading import read_email
from crm.contact import Address, Arrival, Attachment, Contact, blob_id, contact_id
from crm.desk import DeskFile, DeskForm
from crm.employee import Employee
from crm.record import Clock, NewId
from onewindow.demo.letters import File, Letter, compose, quote
from onewindow.demo.person import Person
from onewindow.demo.pictures import VARIANTS, draw
from onewindow.demo.telecom import MAILBOX
from onewindow.demo.wording import KINDS, SPOKEN, Channel


class Matter(NamedTuple):
    """What an employee writes above what he heard: by which channel, about what, and whether it goes on."""

    channel: Channel
    subject: str
    case_id: str = ""


class Doors:
    """The doors as one person uses them."""

    def __init__(self, person: Person, random: Random, *, clock: Clock, new_id: NewId) -> None:
        self._person = person
        self._random = random
        self._clock = clock
        self._new_id = new_id

    def mail(self, subject: str, text: str, files: Sequence[File], answered: Contact | None) -> Arrival:
        """A letter; below an answer of ours it mostly quotes it."""
        answers: tuple[str, ...] = ()
        if answered:
            answers = (answered.key,)
            subject = subject if subject.startswith("Re:") else f"Re: {subject}"
            if self._random.random() < 0.8:
                author, language = answered.sender.name, self._person.language
                text += quote(answered.text, author, answered.received_at, language)
        letter = Letter(
            key=f"{self._new_id()[:20]}@{self._person.ways['email'].partition('@')[2]}",
            sender=self._person.address("email"),
            subject=subject,
            text=text,
            at=self._clock() - timedelta(seconds=self._random.randint(1, 9)),
            answers=answers,
            files=files,
            html=self._random.random() < 0.3,
        )
        return self.letter(compose(letter))

    def letter(self, raw: bytes) -> Arrival:
        """Whatever bytes come in by SMTP."""
        return read_email(raw, received_at=self._clock(), envelope_to=(MAILBOX,))

    def message(self, channel: Channel, text: str, files: Sequence[File]) -> Arrival:
        """One message of a chat or a messenger."""
        if channel != "chat":
            user, number = self._person.ways["telegram"], self._random.randint(1000, 99999)
            return self._arrival(Matter(channel, ""), f"{user}-{number}-{self._new_id()[:4]}", text, files)
        visitor = self._person.ways["visitor"]
        contact = Contact(
            **_common(channel, key_of(visitor, self._new_id()[:16]), self._clock(), files),
            sender=Address(kind="visitor", value=visitor, name=self._person.first),
            text=text,
            fields={"language": self._person.language, "page": "https://www.example.com/support"},
        )
        return Arrival(contact, _blobs(files))

    def form(self, matter: Matter, text: str, files: Sequence[File], clerk: Employee) -> Arrival:
        """What an employee registers at the desk: a call, a visit or a letter; a fax comes by itself."""
        kind = KINDS[matter.channel]
        if matter.channel not in ("phone", "visit", "letter"):
            return self._arrival(matter, self._new_id(), text, files)
        form = DeskForm(
            id=self._new_id(),
            channel=matter.channel,
            sender=Address(kind=kind, value=self._person.ways[kind], name=self._person.full),
            subject=matter.subject,
            text=text,
            duration=self._random.randint(70, 600) if matter.channel in SPOKEN else 0,
            files=tuple(DeskFile(name=file.name, mime=file.mime, content=file.content) for file in files),
            case_id=matter.case_id,
        )
        return read_desk_form(form, employee=clerk, received_at=self._clock())

    def file(self, what: str) -> File:
        """A picture or a paper, under a name that such files have."""
        content, mime = draw(what, self._random.randrange(VARIANTS))
        now = self._clock()
        names = {
            "scan": ("Скан.pdf", f"scan_{now:%d%m%Y}.pdf", "Документ (1).pdf"),
            "router": (f"IMG_{now:%Y%m%d_%H%M%S}.png",),
            "speed": ("speedtest.png", f"Screenshot_{now:%Y-%m-%d-%H-%M}.png"),
            "receipt": ("чек.png", f"receipt-{now:%d%m}.png", "оплата.png"),
        }
        return File(self._random.choice(names[what]), mime, content)

    def _arrival(self, matter: Matter, key: str, text: str, files: Sequence[File]) -> Arrival:
        kind = KINDS[matter.channel]
        contact = Contact(
            **_common(matter.channel, key, self._clock(), files),
            sender=Address(kind=kind, value=self._person.ways[kind], name=self._person.full),
            subject=matter.subject,
            text=text,
        )
        return Arrival(contact, _blobs(files))


class _Common(TypedDict):
    """What every contact has."""

    id: str
    channel: str
    key: str
    received_at: datetime
    attachments: tuple[Attachment, ...]


def _common(channel: Channel, key: str, at: datetime, files: Sequence[File]) -> _Common:
    return {
        "id": contact_id(channel, key),
        "channel": channel,
        "key": key,
        "received_at": at,
        "attachments": tuple(map(_attachment, files)),
    }


def _attachment(file: File) -> Attachment:
    return Attachment(name=file.name, mime=file.mime, size=len(file.content), blob=blob_id(file.content))


def _blobs(files: Sequence[File]) -> dict[str, bytes]:
    return {blob_id(file.content): file.content for file in files}

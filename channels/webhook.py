"""The webhook: another system hands us contacts by signed HTTP, and takes our answers the same way."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from aiohttp import ClientSession, web

from channels.base import Accept, Reply, unreadable
from channels.signed import SHORTEST_SECRET, answer_errors, post_signed, read_object, read_signed
from crm.contact import Address, AddressKind, Arrival, Attachment, Contact, Receipt, blob_id, contact_id
from crm.errors import AgainLater, BadInput, DeliveryFailed
from crm.record import Clock, now
from crm.wrong import Wrong

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Line = Annotated[str, msgspec.Meta(max_length=300)]
Key = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,200}$")]
OF_OURS = "answer:"  # how keys of answers begin: the name of a system has no colon
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One system. `proves` says which addresses of its customers it has checked itself."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,30}$")]
    secrets: tuple[str, ...]  # it may sign with any of them; we sign with the first
    answers_to: str = ""  # where our answers are posted; empty: it takes none
    proves: tuple[Literal["email", "phone"], ...] = ()
    window: Seconds = 300  # how old a signature may be
    body_limit: Count = 32 * 1024 * 1024  # bytes of a contact with its files
    timeout: Seconds = 30  # for an answer to be taken

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        if not self.secrets or min(map(len, self.secrets)) < SHORTEST_SECRET:
            yield Wrong("secrets", f"expected one or more, each of at least {SHORTEST_SECRET} characters")
        if self.answers_to and not re.match(r"https?://[^/\s]", self.answers_to):
            yield Wrong("answers_to", "expected an address that begins with https:// or http://")


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file; `content` is base64 (RFC 4648) on the wire."""

    name: Line
    content: bytes
    mime: Line = "application/octet-stream"


class Handed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A contact as a system hands it over. `key` and `sender` are its own ids of message and customer."""

    key: Key
    sender: Key
    name: Line = ""
    email: Line = ""
    phone: Line = ""
    subject: Line = ""
    text: str = ""
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    answers: tuple[Key, ...] = ()  # keys of earlier messages, its own or ours, nearest last
    files: tuple[File, ...] = ()


def read_handed(body: bytes, system: WebhookSettings, *, received_at: datetime) -> Arrival:
    """The contact in a body. Raises `BadInput` naming the field."""
    handed = read_object(body, Handed)
    if not (handed.text.strip() or handed.subject.strip() or handed.files):
        raise BadInput("text: expected words, a subject or a file.", field="text")
    given: dict[AddressKind, str] = {"email": handed.email, "phone": handed.phone}
    addresses = [Address(kind=kind, value=value, name=handed.name) for kind, value in given.items() if value]
    key = f"{system.name}:{handed.key}"
    contact = Contact(
        id=contact_id(WebhookSource.channel, key),
        channel=WebhookSource.channel,
        key=key,
        received_at=received_at,
        sender=Address(kind="webhook", value=f"{system.name}:{handed.sender}", name=handed.name),
        proofs=tuple(address for address in addresses if address.kind in system.proves),
        claims=tuple(address for address in addresses if address.kind not in system.proves),
        subject=_CONTROLS.sub("", handed.subject),
        text=_CONTROLS.sub("", handed.text),
        attachments=tuple(
            Attachment(name=file.name, mime=file.mime, size=len(file.content), blob=blob_id(file.content))
            for file in handed.files
        ),
        sent_at=handed.at,
        references=tuple(k if k.startswith(OF_OURS) else f"{system.name}:{k}" for k in handed.answers),
        fingerprint=sha256(msgspec.json.encode(handed)).hexdigest(),
    )
    return Arrival(contact, {blob_id(file.content): file.content for file in handed.files})


class WebhookSource:
    """Serves systems while it listens; at other times they are asked to come again."""

    channel = "webhook"

    def __init__(self, systems: Sequence[WebhookSettings], *, clock: Clock = now) -> None:
        self._systems = {system.name: system for system in systems}
        self._clock = clock
        self._accept: Accept | None = None

    def add_to(self, app: web.Application) -> None:
        """Put it under /webhook/ of this application, with borders of its own."""
        inner = web.Application(middlewares=[answer_errors])
        inner.router.add_post("/{system}", self._take)
        app.add_subapp("/webhook/", inner)

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        self._accept = accept
        try:
            yield
        finally:
            self._accept = None

    async def read_again(self, contact: Contact, raw: bytes) -> Receipt:
        """A dead letter of ours once more. Raises `BadInput` saying what is still wrong, or `AgainLater`."""
        system = self._systems.get(contact.key.partition(":")[0])
        if self._accept is None or system is None:
            raise BadInput("webhook: this system is no longer set up.")
        return await self._accept(read_handed(raw, system, received_at=contact.received_at))

    async def _take(self, request: web.Request) -> web.Response:
        accept, system = self._accept, self._systems.get(request.match_info["system"], _NOBODY)
        if accept is None:
            raise AgainLater("the door is closed")
        at, limit = self._clock(), system.body_limit
        body = await read_signed(request, system.secrets, limit=limit, at=at, window=system.window)
        try:
            receipt = await accept(read_handed(body, system, received_at=at))
        except BadInput as bad:
            # It is signed: somebody meant something. Nothing of it is lost, and no retry can help.
            await accept(unreadable(self.channel, f"{system.name}:unread", body, why=str(bad), at=at))
            raise
        return web.json_response({"case": receipt.case_id, "repeated": receipt.repeated})


_NOBODY = WebhookSettings(name="nobody", secrets=(), body_limit=64 * 1024)


class WebhookOutlet:
    """Posts answers, signed, to the system whose customer is answered."""

    channel = "webhook"

    def __init__(
        self, systems: Sequence[WebhookSettings], client: ClientSession, *, clock: Clock = now
    ) -> None:
        self._systems = {system.name: system for system in systems if system.answers_to}
        self._client = client
        self._clock = clock

    def key_for(self, new_id: str) -> str:
        return f"{OF_OURS}{new_id}"

    async def deliver(self, reply: Reply) -> str:
        contact = reply.contact
        name, _, to = contact.recipients[0].value.partition(":")
        if (system := self._systems.get(name)) is None:
            raise DeliveryFailed("this system takes no answers")
        files = [File(name=f.name, mime=f.mime, content=reply.blobs[f.blob]) for f in contact.attachments]
        words = {"subject": contact.subject, "text": contact.text}
        said = {"key": contact.key, "to": to, **words, "files": files}
        secret, within = system.secrets[0], system.timeout
        await post_signed(
            self._client,
            system.answers_to,
            said,
            secret=secret,
            key=contact.key,
            at=self._clock(),
            within=within,
        )
        return contact.key

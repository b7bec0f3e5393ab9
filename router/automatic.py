"""Automatic answers: it came in, we are closed, your place. Once per sender and week, never to a machine.

A program that answers by itself must neither talk to another one for ever nor answer whom nobody knows to
have written (RFC 3834). That an answer went out is the answer itself: its key is made of its sender and the
week, so that neither a retry, nor a kill, nor a second process can store it twice.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from string import Formatter
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from crm.case import Case
from crm.collections import CASES, CONTACTS, CUSTOMERS, DEPARTMENTS
from crm.contact import Address, Contact, contact_id
from crm.employee import Department
from crm.errors import AgainLater, Conflict
from crm.record import Clock
from crm.store import Insert, Order, Replace, Store, Write, at_least
from crm.wrong import Wrong
from router.hours import is_open, opens_next
from router.identity import normalise
from router.intake import fault
from router.live import Event, Live
from router.plan import contact_event
from router.queues import place_in_queue

log = logging.getLogger("onewindow.automatic")

PERIOD = timedelta(days=7)
LATE = timedelta(hours=1)
"""After so long "it came in" only puzzles whoever has been waiting."""

MACHINES = re.compile(
    r"(?:no|do-?not|don-?t)[-_.]?reply.*|mailer-daemon|postmaster|bounces?|daemon|root|owner-.*|.*-(?:owner|request)"
)
"""Local parts of addresses behind which nobody reads (RFC 3834, 2; RFC 2142)."""

ATTEMPTS = 8
PAUSE = 5.0
LOOKED_AT = 500
Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = ("en", "ru")

RECEIVED: dict[Language, str] = {
    "en": "We have received your message; its number is {case}. An agent will answer you.",
    "ru": "Мы получили ваше обращение, его номер — {case}. Вам ответит наш сотрудник.",
}
CLOSED: dict[Language, str] = {
    "en": "We have received your message; its number is {case}. We are closed now and answer from {opens}.",
    "ru": "Мы получили ваше обращение, его номер — {case}. Сейчас мы не работаем и ответим после {opens}.",
}
POSITION: dict[Language, str] = {
    "en": "Requests ahead of yours: {ahead}.",
    "ru": "Обращений в очереди перед вашим: {ahead}.",
}


class AutomaticSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which channels are answered, and in which words, by language. Empty words: that is not said."""

    channels: tuple[Literal["email", "telegram"], ...] = ("email",)
    received: dict[Language, str] = msgspec.field(default_factory=RECEIVED.copy)
    closed: dict[Language, str] = msgspec.field(default_factory=CLOSED.copy)
    position: dict[Language, str] = msgspec.field(default_factory=POSITION.copy)

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work."""
        for name, words, places in (
            ("received", self.received, {"case"}),
            ("closed", self.closed, {"case", "opens"}),
            ("position", self.position, {"ahead"}),
        ):
            for language in LANGUAGES:
                if language not in words:
                    yield Wrong(f"{name}.{language}", "expected the words, or empty ones")
                elif unknown := _places(words[language]) - places:
                    allowed = ", ".join(f"{{{place}}}" for place in sorted(places))
                    yield Wrong(
                        f"{name}.{language}", f"expected no other place than {allowed}, got {min(unknown)!r}"
                    )


def why_not(contact: Contact, case: Case, at: datetime) -> str:
    """Why this contact gets no automatic answer, as a code; empty: it may get one."""
    if contact.direction != "inbound" or contact.report or contact.amends:
        return "no_question"
    if contact.automatic:
        return "automatic"
    if contact.channel == "email" and contact.trust != "proven":
        return "unproven"
    sender = contact.sender.value.strip().lower()
    if not sender or MACHINES.fullmatch(sender.rpartition("@")[0] if "@" in sender else ""):
        return "nobody_reads"
    if any(one.value.strip().lower() == sender for one in contact.recipients):
        return "own"
    if not case.open or case.last_direction == "outbound":
        return "answered"
    return "late" if at - contact.received_at > LATE else ""


class AutomaticAnswers:
    """Follows what comes in, after it is stored: nothing waits for it, and nothing is lost by it."""

    def __init__(
        self,
        store: Store,
        live: Live,
        settings: AutomaticSettings,
        *,
        keys: Mapping[str, Callable[[str], str]],
        clock: Clock,
        region: str = "RU",
    ) -> None:
        self._store = store
        self._live = live
        self._settings = settings
        self._keys: dict[str, Callable[[str], str]] = {
            channel: keys[channel] for channel in settings.channels if channel in keys
        }
        self._clock = clock
        self._region = region

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Contacts are answered while the context is open; those that came before it, within `LATE`."""
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow(), name="automatic answers")
            yield
            following.cancel()

    async def _follow(self) -> None:
        while True:
            try:
                async with self._live.subscribe(wants=self._wants) as events:
                    await self._catch_up()
                    async for event in events:
                        await self.look(event.contact_id)
            except AgainLater as error:
                log.warning("automatic answers wait: %s", type(error).__name__)
                await asyncio.sleep(PAUSE)

    def _wants(self, event: Event) -> bool:
        return (
            event.kind == "contact"
            and event.channel in self._keys
            and event.data.get("direction") == "inbound"
            and "amended" not in event.data
        )

    async def _catch_up(self) -> None:
        """What came while nobody followed."""
        recent = await self._store.find(
            CONTACTS,
            at_least("received_at", self._clock() - LATE),
            order=Order("received_at", descending=True),
            limit=LOOKED_AT,
        )
        for contact in recent:
            if contact.channel in self._keys and contact.direction == "inbound":
                await self.look(contact.id)

    async def look(self, id: str) -> None:
        """Answer this contact if it may be. Raises `AgainLater`."""
        try:
            contact = await self._store.get(CONTACTS, id)
            case = await self._store.get(CASES, contact.case_id) if contact else None
            if contact is None or case is None:
                return
            if reason := why_not(contact, case, self._clock()):
                log.debug("automatic: contact=%s gets none: %s", id, reason)
            elif not await self._had_one(contact):
                await self._answer(contact, case)
        except AgainLater:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the answers to everybody else
            log.error("automatic answer to %s failed: %s", id, fault(error))

    def _key(self, contact: Contact, weeks_ago: int = 0) -> str:
        week = int(self._clock().timestamp() // PERIOD.total_seconds()) - weeks_ago
        sender = normalise(contact.sender, region=self._region)
        id_ = sha256(f"automatic {contact.channel} {sender} {week}".encode()).hexdigest()[:32]
        return self._keys[contact.channel](id_)

    async def _had_one(self, contact: Contact) -> bool:
        ids = [contact_id(contact.channel, self._key(contact, ago)) for ago in (0, 1)]
        had = await self._store.get_many(CONTACTS, ids)
        return any(self._clock() - one.received_at < PERIOD for one in had.values())

    async def _answer(self, contact: Contact, case: Case) -> None:
        language = await self._language(contact)
        department = await self._store.get(DEPARTMENTS, case.department_id)
        at = max(self._clock(), contact.received_at)  # whatever a mail server's clock says
        text = await self._text(case, department, language)
        if not text:
            return
        key = self._key(contact)
        answer = Contact(
            id=contact_id(contact.channel, key),
            channel=contact.channel,
            key=key,
            direction="outbound",
            received_at=at,
            sender=Address(kind=contact.sender.kind, value="", name=_name(department, language)),
            recipients=(contact.sender,),
            subject=f"Auto: {contact.subject or case.subject}"[:300],
            text=text,
            automatic="reply",
            references=(contact.key,),
            customer_id=case.customer_id,
            case_id=case.id,
            delivery="queued",
            next_try_at=at,
        )
        await self._store_it(answer)

    async def _store_it(self, answer: Contact) -> None:
        """The case goes on waiting as it did: this is no answer to what was asked."""
        for _ in range(ATTEMPTS):
            case = await self._store.get(CASES, answer.case_id)
            if case is None:
                return
            number = case.contacts + 1
            writes: list[Write] = [
                Replace(CASES, msgspec.structs.replace(case, contacts=number)),
                Insert(
                    CONTACTS, msgspec.structs.replace(answer, number=number, customer_id=case.customer_id)
                ),
            ]
            try:
                await self._store.commit(writes)
            except Conflict as conflict:
                if conflict.collection == CONTACTS.name:
                    return  # another process was faster
                continue
            await self._live.publish([contact_event(answer, case.department_id, answer.received_at)])
            return
        log.warning("automatic: case=%s changed too often to be told of", answer.case_id)

    async def _language(self, contact: Contact) -> Language:
        """What he asked to be written in, else what he writes in."""
        customer = await self._store.get(CUSTOMERS, contact.customer_id)
        wanted = customer.preferences.language if customer else ""
        for language in LANGUAGES:
            if wanted == language:
                return language
        return "ru" if re.search("[а-яё]", f"{contact.subject} {contact.text}", re.IGNORECASE) else "en"

    async def _text(self, case: Case, department: Department | None, language: Language) -> str:
        settings, at = self._settings, self._clock()
        opens = opens_next(department, at) if department and not is_open(department, at) else None
        if department and opens:
            local = opens.astimezone(ZoneInfo(department.timezone)).strftime("%d.%m %H:%M")
            return settings.closed[language].format(case=case.id, opens=local)
        said = [settings.received[language].format(case=case.id)]
        place = await place_in_queue(self._store, case, clock=self._clock)
        if place and place.position > 1:
            said.append(settings.position[language].format(ahead=place.position - 1))
        return "\n\n".join(filter(None, said)) if said[0] else ""


def _name(department: Department | None, language: Language) -> str:
    return department.names.get(language, "") if department else ""


def _places(words: str) -> set[str]:
    """Names in braces; what cannot be read as such is a place that nobody fills."""
    try:
        return {name for _, name, _, _ in Formatter().parse(words) if name is not None}
    except ValueError as error:
        return {str(error)}

"""What employees do with a case: take it, answer, note, transfer, decide, close, reopen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from crm.case import Case, Decision, Entry, Note
from crm.collections import ADDRESSES, CASES, CONTACTS, DEPARTMENTS, ENTRIES
from crm.contact import Address, Attachment, Contact, blob_id, contact_id
from crm.employee import Employee
from crm.errors import BadInput, Conflict, NotFound
from crm.record import Clock, NewId
from crm.store import After, Insert, Order, Replace, Store, Write, equals
from router import acts
from router.acts import Act, Change
from router.joining import bare_subject
from router.live import Event, Live
from router.plan import case_event, contact_event
from router.ways import REACHES, Way, ways_to_answer

ATTEMPTS = 40
"""How often an act is made anew when a contact came into the case meanwhile."""

KEPT_REFERENCES = 20

LOOKED_AT = 100
"""Entries of a case that are read at once to find its latest decision."""


class NewFile(NamedTuple):
    """A file that goes with an answer."""

    name: str
    mime: str
    content: bytes


class Casework:
    """Every act is one commit, recorded as entries of the timeline and told to the open pages.

    Methods raise `NotFound`, `NotAllowed`, `BadInput` naming the field, or `Conflict`.
    `keys` gives, for each channel that can send, the key of an answer made with a new id.
    """

    def __init__(
        self,
        store: Store,
        live: Live,
        *,
        clock: Clock,
        new_id: NewId,
        keys: Mapping[str, Callable[[str], str]],
    ) -> None:
        self._store = store
        self._live = live
        self._clock = clock
        self._new_id = new_id
        self._keys = keys

    async def take(self, case_id: str, by: Employee) -> Case:
        """Take a case out of the queue, or over from a colleague of the same department."""
        return await self._act(case_id, by, acts.take)

    async def accept(self, case_id: str, by: Employee) -> Case:
        """Accept the case that is reserved for him."""
        return await self._act(case_id, by, acts.accept)

    async def release(self, case_id: str, by: Employee, reason: str = "") -> Case:
        """Give the case back to the queue, for somebody else (`router.dispatch.ASKED_AGAIN`)."""
        acts.must_fit(reason, "reason")
        return await self._act(case_id, by, partial(acts.release, reason=reason))

    async def give(self, case_id: str, by: Employee, to: Employee) -> Case:
        """A supervisor puts the case into an agent's hands."""
        return await self._act(case_id, by, partial(acts.give, to=to))

    async def transfer(self, case_id: str, by: Employee, to_department_id: str, reason: str) -> Case:
        """Ask another department to take the case over. It waits there until accepted or returned."""
        if not reason.strip():
            raise BadInput("A transfer needs a reason: the colleagues will read it.", field="reason")
        acts.must_fit(reason, "reason")
        department = await self._store.get(DEPARTMENTS, to_department_id)
        if department is None or not department.active:
            raise NotFound("There is no such department.", field="to_department_id")
        return await self._act(
            case_id, by, partial(acts.transfer, to_department_id=to_department_id, reason=reason)
        )

    async def accept_transfer(self, case_id: str, by: Employee) -> Case:
        """The other department takes the case over; it comes into the hands of the one who accepts."""
        return await self._act(case_id, by, acts.accept_transfer)

    async def return_transfer(self, case_id: str, by: Employee, reason: str) -> Case:
        """The other department returns the case to where it came from, with its reason."""
        if not reason.strip():
            raise BadInput("Returning a case needs a reason.", field="reason")
        acts.must_fit(reason, "reason")
        return await self._act(case_id, by, partial(acts.return_transfer, reason=reason))

    async def decide(
        self, case_id: str, by: Employee, *, code: str, text: str = "", close: bool = True
    ) -> Case:
        """Record what was decided and, unless told otherwise, close the case on the strength of it."""
        acts.must_fit(text, "text")
        return await self._act(case_id, by, partial(acts.decide, code=code, text=text, close=close))

    async def close(self, case_id: str, by: Employee) -> Case:
        """Close a case in which something was decided since it was opened or reopened."""
        decided = await self._latest_decision(case_id)
        return await self._act(case_id, by, partial(acts.close, decided=decided))

    async def reopen(self, case_id: str, by: Employee, reason: str) -> Case:
        """Bring a closed case back to life, into the hands of the one who asks."""
        acts.must_fit(reason, "reason")
        return await self._act(case_id, by, partial(acts.reopen, reason=reason))

    async def set_priority(self, case_id: str, by: Employee, priority: int) -> Case:
        """Let the case have its turn sooner or later."""
        return await self._act(case_id, by, partial(acts.prioritise, priority=priority))

    async def note(self, case_id: str, by: Employee, text: str, *, new_id: str = "") -> Note:
        """Words for colleagues. `new_id` makes a repeated call harmless."""
        if not text.strip():
            raise BadInput("A note needs words.", field="text")
        acts.must_fit(text, "text")
        entry_id = f"{case_id}-{new_id or self._new_id()}"
        stored = await self._store.get(ENTRIES, entry_id)
        if isinstance(stored, Note):
            return stored
        case = await self._read(case_id)
        note = acts.note(case, Act(by, self._clock(), lambda: entry_id), text)
        try:
            await self._store.commit([Insert(ENTRIES, note)])
        except Conflict:
            stored = await self._store.get(ENTRIES, entry_id)
            if isinstance(stored, Note):
                return stored  # the same note came twice at once: the other one is this one
            raise
        await self._live.publish([_entry_event(note, case)])
        return note

    async def answer(  # noqa: PLR0913 - an answer has that many parts, and each is named where it is given
        self,
        case_id: str,
        by: Employee,
        *,
        channel: str,
        to: Address,
        text: str,
        subject: str = "",
        files: Sequence[NewFile] = (),
        new_id: str = "",
        take: bool = True,
    ) -> Contact:
        """Answer the customer. It is stored as queued; the channel's outlet sends it.

        `new_id` makes a repeated call harmless: the same id is the same answer. A case that waits in the
        queue is taken by whoever answers, unless `take` is false: another system holds no cases.
        """
        if channel not in self._keys:
            expected = ", ".join(sorted(self._keys)) or "none is set up"
            raise BadInput(f"Nothing can be sent on «{channel[:40]}». Channels: {expected}.", field="channel")
        if not text.strip() and not files:
            raise BadInput("An answer needs words or a file.", field="text")
        if not to.value.strip():
            raise BadInput("An answer needs an address to go to.", field="to")
        if to.kind != REACHES.get(channel, to.kind):
            raise BadInput(f"On «{channel}» an answer goes to: {REACHES[channel]}.", field="to")
        acts.must_fit(text, "text")
        acts.must_fit(subject, "subject")
        key = self._keys[channel](new_id or self._new_id())
        sent = contact_id(channel, key)
        if stored := await self._store.get(CONTACTS, sent):
            return stored
        case = await self._read(case_id)
        at = self._clock()
        contact = Contact(
            id=sent,
            channel=channel,
            key=key,
            direction="outbound",
            received_at=at,
            sender=Address(kind=to.kind, value="", name=by.name),
            recipients=(to,),
            subject=subject or _answer_subject(case.subject),
            text=text,
            attachments=tuple(_attachment(file) for file in files),
            references=await self._references(case_id, channel),
            employee_id=by.id,
            delivery="queued",
            next_try_at=at,
        )
        blobs = {blob_id(file.content): file.content for file in files}
        try:
            await self._act(case_id, by, partial(acts.answer, contact=contact, blobs=blobs, take=take))
        except Conflict as conflict:
            # The same answer came twice at once: the other one is this one.
            if conflict.collection != CONTACTS.name:
                raise
        stored = await self._store.get(CONTACTS, sent)
        if stored is None:
            raise Conflict(CONTACTS.name, sent)
        return stored

    async def ways_to_answer(self, case: Case) -> list[Way]:
        """Every channel and address by which the customer can be answered, the best first."""
        order = Order("number", descending=True)
        latest = await self._store.find(CONTACTS, equals("case_id", case.id), order=order, limit=50)
        addresses = await self._store.find(ADDRESSES, equals("customer_id", case.customer_id))
        return ways_to_answer(latest, addresses, frozenset(self._keys))

    async def _act(self, case_id: str, by: Employee, act: Callable[[Case, Act], Change]) -> Case:
        """Read, change, commit; anew when a contact came meanwhile, since that must not spoil the act."""
        for attempt in range(ATTEMPTS):
            if attempt:  # contacts that pour into the case are committed together, some milliseconds apart
                await asyncio.sleep(min(attempt, 10) * 0.002)
            case = await self._read(case_id)
            change = act(case, Act(by, self._clock(), self._new_id))
            if change.case is case and not change.entries:
                return case
            writes: list[Write] = [Replace(CASES, change.case)]
            writes += [Insert(ENTRIES, entry) for entry in change.entries]
            writes += [Insert(CONTACTS, contact) for contact in change.contacts]
            try:
                await self._store.commit(writes, change.blobs)
            except Conflict as conflict:
                if conflict.collection != CASES.name:
                    raise
                continue
            await self._live.publish(_events(case, change))
            return msgspec.structs.replace(change.case, version=case.version + 1)
        raise Conflict(CASES.name, case_id)

    async def _read(self, case_id: str) -> Case:
        case = await self._store.get(CASES, case_id)
        if case is None:
            raise NotFound(f"There is no case «{case_id[:40]}».", field="case_id")
        return case

    async def _latest_decision(self, case_id: str) -> Decision | None:
        after = None
        while True:
            latest, mine = Order("at", descending=True), equals("case_id", case_id)
            entries = await self._store.find(ENTRIES, mine, order=latest, limit=LOOKED_AT, after=after)
            for entry in entries:
                if isinstance(entry, Decision):
                    return entry
            if len(entries) < LOOKED_AT:
                return None
            after = After(entries[-1].at, entries[-1].id)

    async def _references(self, case_id: str, channel: str) -> tuple[str, ...]:
        """Keys that an answer on this channel refers to: those of the case on it, the latest last."""
        order = Order("number", descending=True)
        latest = await self._store.find(CONTACTS, equals("case_id", case_id), order=order, limit=50)
        keys = [contact.key for contact in reversed(latest) if contact.channel == channel]
        return tuple(keys[-KEPT_REFERENCES:])


def _events(before: Case, change: Change) -> list[Event]:
    case = change.case
    at = case.updated_at
    events = [contact_event(contact, case.department_id, at) for contact in change.contacts]
    events += [_entry_event(entry, case) for entry in change.entries]
    if case.department_id != before.department_id:
        # Those who see only the department it left must learn that it is gone.
        gone = case_event(case, at, change.why)
        events.append(msgspec.structs.replace(gone, department_id=before.department_id))
    events.append(case_event(case, at, change.why))
    return events


def _entry_event(entry: Entry, case: Case) -> Event:
    return Event(
        kind="entry",
        at=entry.at,
        case_id=case.id,
        customer_id=case.customer_id,
        department_id=case.department_id,
        employee_id=entry.employee_id,
        data={"entry_id": entry.id, "entry": type(entry).__name__.lower()},
    )


def _attachment(file: NewFile) -> Attachment:
    return Attachment(name=file.name, mime=file.mime, size=len(file.content), blob=blob_id(file.content))


def _answer_subject(subject: str) -> str:
    if not subject:
        return ""
    return subject if bare_subject(subject) != " ".join(subject.split()).casefold() else f"Re: {subject}"

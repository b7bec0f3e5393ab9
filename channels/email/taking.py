"""Takes letters out of a folder: each is stored before anything is done to it, and none stops the next."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from channels.base import Accept, Door
from channels.email.addresses import read_addresses
from channels.email.bookmark import FolderBookmark, Place
from channels.email.headers import split_head
from channels.email.imap import WINDOW, Folder, Lost, MailboxLine, Refused, Waiting
from channels.email.letters import Envelope, LetterReader, tell_fault
from channels.email.settings import MailboxSettings
from crm.contact import Arrival, Contact, Receipt
from crm.errors import AgainLater
from crm.record import Clock

T = TypeVar("T")

TOGETHER = 50
"""Letters that are asked for, and offered to intake, at once."""

TOGETHER_BYTES = 8 * 1024 * 1024

TRIES = 3
"""How often a letter that the server does not give is asked for before an agent is told of it."""

_MISSING_LIMIT = 100
_HEAD = 64 * 1024
_RECIPIENTS = 20
_DELIVERED = (b"delivered-to", b"x-original-to", b"envelope-to", b"x-envelope-to")


class Hands(NamedTuple):
    """What taking works with, on whatever connection. `tries` counts by number: a letter may break lines.

    `undone` are letters that are stored while the server refused what is to be done with them, by the
    UIDVALIDITY and number they have.
    """

    settings: MailboxSettings
    accept: Accept
    letters: LetterReader
    bookmark: FolderBookmark
    door: Door
    clock: Clock
    tries: Counter[int]
    undone: set[tuple[int, int]]


class Taking:
    """One folder on one connection."""

    def __init__(self, line: MailboxLine, folder: Folder, hands: Hands) -> None:
        self._line = line
        self._folder = folder
        self._hands = hands
        self._limit = hands.settings.size_limit
        self._tries = hands.tries
        self._refusal = ""

    async def catch_up(self) -> None:
        """Take all that is there and was not taken. Raises `AgainLater` when what was read is not stored."""
        place = await self._hands.bookmark.read(self._folder.validity)
        self._refusal = ""
        await self._see_to_the_undone()
        if place.missing:
            place = await self._take(place, place.missing)
        while numbers := await self._find(place.next):
            for start in range(0, len(numbers), TOGETHER):
                place = await self._take(place, numbers[start : start + TOGETHER])
        self._hands.door.lag(0.0)
        if self._refusal:
            self._hands.door.down(self._refusal)
        else:
            self._hands.door.up()

    async def _find(self, first: int) -> list[int]:
        """Letters from this number on; of a huge folder as many as come first."""
        since = self._hands.settings.since
        while first + WINDOW < self._folder.next_number:
            numbers = await self._line.find(first, first + WINDOW - 1, since)
            if numbers:
                return numbers
            first += WINDOW
        return await self._line.find(first, None, since)

    async def _take(self, place: Place, numbers: Sequence[int]) -> Place:
        """Take these, then keep that they are taken."""
        there = await self._look(numbers)
        self._tell_lag(there)
        left = {one.number for one in there}
        for group in _groups(there, self._limit):
            left -= await self._take_group(group)
        missing = sorted({*place.missing} - {*numbers} | left)
        if len(missing) > _MISSING_LIMIT:
            raise Lost("the server does not give its letters")
        taken = Place(place.validity, max(place.next, numbers[-1] + 1), tuple(missing))
        await self._hands.bookmark.keep(taken)
        return taken

    async def _take_group(self, group: Sequence[Waiting]) -> set[int]:
        """The numbers that need not be looked at again: stored, or gone."""
        contents = await self._contents(group)
        whole = await self._read(group, contents)
        arrivals: dict[int, Arrival] = {}
        for one in group:
            if one.number in whole:
                arrivals[one.number] = whole[one.number]
            elif one.size > self._limit or self._tries[one.number] >= TRIES:
                arrivals[one.number] = await self._stand_in(one)
        stored = await self._store(arrivals)
        await self._see_to([number for number in stored if number in contents])
        for number in stored:
            self._tries.pop(number, None)
        return stored | await self._gone({one.number for one in group} - arrivals.keys())

    async def _read(self, group: Sequence[Waiting], contents: Mapping[int, bytes]) -> dict[int, Arrival]:
        """The letters as contacts. Name servers that are slow over one letter hold up no other."""

        async def read(one: Waiting) -> Arrival:
            raw = contents[one.number]
            return await self._hands.letters.read(raw, left_envelope(raw), self._came(one))

        there = [one for one in group if one.number in contents]
        arrivals = await asyncio.gather(*(read(one) for one in there))
        return {one.number: arrival for one, arrival in zip(there, arrivals, strict=True)}

    async def _look(self, numbers: Iterable[int]) -> list[Waiting]:
        """Those that are there. Some servers must read a letter to tell its size, and break over it."""

        async def look(chosen: Collection[int]) -> dict[int, Waiting]:
            return {one.number: one for one in await self._line.look(chosen)}

        found = await self._carefully(numbers, look)
        given_up = (number for number in numbers if self._tries[number] >= TRIES)
        return [*found.values(), *(Waiting(number, 0, None) for number in given_up)]

    async def _contents(self, group: Sequence[Waiting]) -> dict[int, bytes]:
        """The letters whole, as far as they are neither too large nor beyond the server."""
        return await self._carefully(
            [one.number for one in group if one.size <= self._limit], self._line.read
        )

    async def _carefully(
        self, numbers: Iterable[int], ask: Callable[[Collection[int]], Awaitable[dict[int, T]]]
    ) -> dict[int, T]:
        """Ask for all at once, but for one that was asked for in vain alone: it must not keep others."""

        async def counted(chosen: Collection[int]) -> dict[int, T]:
            self._tries.update(chosen)  # beforehand: the letter may end the connection
            found = await ask(chosen)
            self._tries.subtract(found.keys())
            return found

        wanted = [number for number in numbers if self._tries[number] < TRIES]
        together = [number for number in wanted if not self._tries[number]]
        alone = [number for number in wanted if self._tries[number]]
        answers: dict[int, T] = {}
        if together:
            try:
                answers = await counted(together)
            except Refused:
                alone = wanted
        for number in alone:
            with suppress(Refused):
                answers |= await counted([number])
        return dict(sorted(answers.items()))

    async def _stand_in(self, one: Waiting) -> Arrival:
        """A contact for a letter that cannot be taken: what is known of it, and why it is not all."""
        headers, too_large = b"", one.size > self._limit
        if self._tries[one.number] <= TRIES:
            self._tries[one.number] += 1
            with suppress(Refused):
                headers = await self._line.read_headers(one.number)
        name = f"{self._folder.validity} {one.number} {self._hands.settings.user}"
        raw = headers or f"X-Onewindow-Left-Out: {name}\r\n\r\n".encode()
        arrival = await self._hands.letters.read(raw, left_envelope(raw), self._came(one))
        fields = {"left_out": "too_large" if too_large else "unreadable", "size": str(one.size)}
        # No fingerprint: the whole letter, come another way, is the same contact.
        contact = msgspec.structs.replace(
            arrival.contact, fingerprint="", fields={**arrival.contact.fields, **fields}
        )
        return Arrival(_without_signature(contact), arrival.blobs)

    async def _store(self, arrivals: Mapping[int, Arrival]) -> set[int]:
        """The numbers of those that are stored. Raises `AgainLater` where intake asks for patience."""
        outcomes = await asyncio.gather(
            *(self._hands.accept(arrival) for arrival in arrivals.values()), return_exceptions=True
        )
        stored = set[int]()
        later: AgainLater | None = None
        for number, outcome in zip(arrivals, outcomes, strict=True):
            if isinstance(outcome, Receipt):
                stored.add(number)
                self._hands.door.saw_contact()
            elif isinstance(outcome, AgainLater):
                later = outcome
            elif isinstance(outcome, Exception):
                tell_fault(outcome)
            else:
                raise outcome
        if later:
            raise later
        return stored

    async def _see_to_the_undone(self) -> None:
        """Try again what the server refused, until it refuses again."""
        validity = self._folder.validity
        undone = sorted(number for life, number in self._hands.undone if life == validity)
        for start in range(0, len(undone), TOGETHER):
            await self._see_to(undone[start : start + TOGETHER])
            if self._refusal:
                return

    async def _see_to(self, numbers: Sequence[int]) -> None:
        """What the operator wants done with letters that are stored. One that is refused is no hindrance."""
        if not numbers:
            return
        places = {(self._folder.validity, number) for number in numbers}
        try:
            match self._hands.settings.afterwards:
                case "seen":
                    await self._line.mark_seen(numbers)
                case "move":
                    await self._line.move(numbers, self._hands.settings.move_to)
                case "delete":
                    await self._line.delete(numbers)
                case "leave":
                    return
            self._hands.undone.difference_update(places)
        except Refused:
            self._hands.undone.update(places)
            self._refusal = (
                "letters are taken, but the server refuses what is to be done with them afterwards"
            )

    async def _gone(self, numbers: Iterable[int]) -> set[int]:
        """Which of these somebody else removed meanwhile."""
        gone = set[int]()
        for number in numbers:
            await self._line.settle()
            if number not in await self._line.find(number, number, None):
                gone.add(number)
                self._tries.pop(number, None)
        return gone

    def _came(self, one: Waiting) -> datetime:
        """When the letter came to the mailbox: since then its sender waits."""
        now = self._hands.clock()
        return min(one.arrived or now, now)

    def _tell_lag(self, there: Iterable[Waiting]) -> None:
        now = self._hands.clock()
        self._hands.door.lag(max(((now - self._came(one)).total_seconds() for one in there), default=0.0))


def _without_signature(contact: Contact) -> Contact:
    """Of headers alone a signature cannot hold, which says nothing of the letter: nobody looked at it."""
    if contact.fields.get("trust_because") != "signature_broken":
        return contact
    fields = {name: value for name, value in contact.fields.items() if name != "trust_because"}
    return msgspec.structs.replace(contact, trust="", fields=fields)


def left_envelope(raw: bytes) -> Envelope:
    """The envelope as far as the last delivery left it in the headers (RFC 5321, 4.4)."""
    headers, _ = split_head(raw[:_HEAD])
    sender = None
    if returned := headers.first(b"return-path").strip():
        addresses = read_addresses(returned)
        sender = "" if returned == b"<>" else addresses[0].value if addresses else None
    delivered = (value for name in _DELIVERED for value in headers.all(name))
    recipients = dict.fromkeys(address.value for value in delivered for address in read_addresses(value))
    return Envelope(sender, tuple(recipients)[:_RECIPIENTS])


def _groups(letters: Iterable[Waiting], limit: int) -> Iterator[list[Waiting]]:
    """As many together as memory should hold; one that is too large takes none."""
    group: list[Waiting] = []
    size = 0
    for one in letters:
        more = one.size if one.size <= limit else 0
        if group and size + more > TOGETHER_BYTES:
            yield group
            group, size = [], 0
        group.append(one)
        size += more
    if group:
        yield group

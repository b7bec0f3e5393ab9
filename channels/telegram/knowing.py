"""What a message needs from the store: whose invitation it redeems, what it answers or changes."""

from __future__ import annotations

import msgspec

from channels.telegram.greeting import Greeter
from channels.telegram.invitation import Invitations
from channels.telegram.keys import CHANNEL, invitation_key, message_of, place_of
from channels.telegram.reading import Draft, Ignored
from crm.collections import ADDRESSES, CONTACTS, CUSTOMERS
from crm.contact import Address, Contact, contact_id
from crm.record import Clock
from crm.store import Order, Store, equals
from router.amending import lacks_original

LOOKED_AT = 100
"""The latest contacts of a customer among which the answer of ours is looked for that he replies to."""


class Knowing:
    """Completes drafts. It asks the store only where the message itself does not say it all."""

    def __init__(
        self, store: Store, clock: Clock, invitations: Invitations, greeter: Greeter, *, bot: int
    ) -> None:
        self._store = store
        self._clock = clock
        self._invitations = invitations
        self._greeter = greeter
        self._bot = bot

    async def complete(self, draft: Draft) -> Draft | Ignored:
        """The draft as it is to be stored. Raises `AgainLater`."""
        if draft.start:
            return await self._start(draft)
        contact = draft.contact
        if not draft.addressed and not await self._stored(draft.album):
            return Ignored("group_talk")
        if draft.album and contact.amending == "replace":
            draft = await self._changed_album(draft)
        elif draft.beside and not contact.amending:
            draft = await self._another_caption(draft, draft.beside)
        if contact.references and draft.answers_us:
            draft = await self._answering(draft)
        return draft

    async def _start(self, draft: Draft) -> Draft | Ignored:
        """Somebody pressed Start: with an invitation of ours he is known from here on."""
        place = place_of(draft.contact.key)
        if place:
            self._greeter.greet(place.chat)
        invitation = self._invitations.open(self._bot, draft.start)
        if invitation is None:
            return Ignored("start")
        if invitation.until < self._clock():
            return Ignored("expired_invitation")
        key = invitation_key(self._bot, invitation.mark)
        redeemed = await self._stored(key)
        if redeemed and redeemed.sender.value != draft.contact.sender.value:
            return Ignored("used_invitation")
        if await self._store.get(CUSTOMERS, invitation.customer_id) is None:
            return Ignored("invitation_of_nobody")
        his = await self._store.find(ADDRESSES, equals("customer_id", invitation.customer_id), limit=20)
        proofs = tuple(Address(kind=one.kind, value=one.value) for one in his if one.kind != "visitor")
        contact = msgspec.structs.replace(
            draft.contact,
            id=contact_id(CHANNEL, key),
            key=key,
            proofs=proofs[:1],
            customer_id="" if proofs else invitation.customer_id,
            automatic="notice",
        )
        return draft._replace(contact=contact)

    async def _changed_album(self, draft: Draft) -> Draft:
        """A part of an album was changed: the other parts stay as they are."""
        stored = await self._stored(draft.contact.amends)
        if stored is None:
            return draft
        kept = [file for file in stored.attachments if file.name not in {new.name for new in draft.files}]
        contact = msgspec.structs.replace(
            draft.contact, text=draft.contact.text or stored.text, fields=stored.fields | draft.contact.fields
        )
        return draft._replace(contact=contact, kept=tuple(kept))

    async def _another_caption(self, draft: Draft, beside: Contact) -> Draft:
        """Two parts of an album have words: the first that came is the contact, the other adds its own."""
        stored = await self._stored(draft.album)
        if stored is None or lacks_original(stored) or stored.fingerprint == draft.contact.fingerprint:
            return draft
        return draft._replace(contact=beside)

    async def _answering(self, draft: Draft) -> Draft:
        """He replies to what we wrote: Telegram names its own number, and our answer has a key of ours."""
        (reference,) = draft.contact.references
        place, number = place_of(reference), message_of(reference)
        address = await self._store.get(ADDRESSES, f"telegram:{draft.contact.sender.value}")
        if address is None or place is None:
            return draft
        latest = await self._store.find(
            CONTACTS,
            equals("customer_id", address.customer_id),
            order=Order("received_at", descending=True),
            limit=LOOKED_AT,
        )
        for contact in latest:
            if (
                contact.channel == CHANNEL
                and contact.direction == "outbound"
                and number in sent_numbers(contact)
            ):
                changed = msgspec.structs.replace(draft.contact, references=(contact.key,))
                return draft._replace(contact=changed)
        return draft

    async def _stored(self, key: str) -> Contact | None:
        return await self._store.get(CONTACTS, contact_id(CHANNEL, key))


def sent_numbers(contact: Contact) -> set[int]:
    """The numbers in the chat of the messages that an answer of ours became."""
    steps = contact.fields.get("sent", "").replace(",", " ").split()
    return {int(number) for number in steps if number.isdecimal()}

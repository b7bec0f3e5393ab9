"""Sends answers by the bot that the customer wrote to, and remembers which parts of them are sent."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from channels.base import Reply
from channels.telegram.keys import CHANNEL, Place, bot_of, message_of, place_of
from channels.telegram.line import Line
from channels.telegram.sending import send
from channels.telegram.steps import UPLOAD_LIMIT, Step, steps_of
from crm.collections import CONTACTS
from crm.contact import Contact
from crm.errors import Conflict, DeliveryDelayed, DeliveryFailed, StoreDown
from crm.store import Order, Replace, Store, equals

log = logging.getLogger("onewindow.telegram")

BLOCKED = "the customer has blocked our bot"
NEVER_BEGAN = "the customer never wrote to our bot: a bot may not begin a talk"
NO_SUCH_CHAT = "there is no such chat any more"
TOO_LARGE = "a file is larger than Telegram takes (50 MB)"

REMEMBERED = 2000
LOOKED_AT = 100
ATTEMPTS = 20


class TelegramOutlet:
    """Each answer is one or more messages. The Bot API knows no key of a message, so we keep account here."""

    channel = CHANNEL

    def __init__(self, lines: Mapping[int, Line], store: Store) -> None:
        self._lines = lines
        self._store = store
        self._sent: OrderedDict[str, list[str]] = OrderedDict()  # what a store that is down could not keep

    def key_for(self, new_id: str) -> str:
        return new_id

    async def deliver(self, reply: Reply) -> str:
        contact = await self._store.get(CONTACTS, reply.contact.id) or reply.contact
        if any(file.size > UPLOAD_LIMIT for file in contact.attachments):
            raise DeliveryFailed(TOO_LARGE)
        place, answered = await self._place(contact)
        line = self._lines[place.bot]
        kept = contact.fields.get("sent", "").split()
        sent = max(kept, self._sent.get(contact.id, []), key=len)
        steps = steps_of(contact.text, contact.attachments)
        for step in steps[len(sent) :]:
            numbers = await self._send(line, place.chat, step, reply.blobs, answered if not sent else 0)
            sent = [*sent, ",".join(map(str, numbers))]
            await self._keep(contact, place, sent)
        return sent[-1] if sent else contact.key

    async def _send(  # noqa: PLR0917 - one call with all that it takes
        self, line: Line, chat: int, step: Step, blobs: Mapping[str, bytes], answered: int
    ) -> list[int]:
        chat = line.moved.get(chat, chat)
        await line.pace.turn(chat)
        try:
            async with _refusals(line, chat):
                return await send(line.bot, chat, step, blobs, answered=answered)
        except ChatMigrated as moved:
            line.moved[chat] = moved.new_chat_id
            async with _refusals(line, moved.new_chat_id):
                return await send(line.bot, moved.new_chat_id, step, blobs, answered=0)

    async def _place(self, contact: Contact) -> tuple[Place, int]:
        """Where he wrote last, in this case or ever; and the message that a group sees answered."""
        to = next((one.value for one in contact.recipients if one.kind == "telegram"), "")
        if not to.lstrip("-").isdecimal():
            raise DeliveryFailed("the answer has no address on Telegram")
        for key in reversed(contact.references):
            if found := self._place_in(key, int(to)):
                return found
        if contact.customer_id:
            latest = Order("received_at", descending=True)
            his = equals("customer_id", contact.customer_id)
            for other in await self._store.find(CONTACTS, his, order=latest, limit=LOOKED_AT):
                wrote = other.channel == CHANNEL and other.sender.value == to
                if wrote and (found := self._place_in(other.key, int(to))):
                    return found
        if len(self._lines) == 1:
            return Place(next(iter(self._lines)), int(to)), 0
        raise DeliveryFailed(NEVER_BEGAN)

    def _place_in(self, key: str, to: int) -> tuple[Place, int] | None:
        bot = bot_of(key)
        if bot not in self._lines:
            return None
        place = place_of(key)
        if place and place.chat < 0:
            return place, message_of(key)
        return Place(bot, to), 0

    async def _keep(self, contact: Contact, place: Place, sent: Sequence[str]) -> None:
        """Record what is sent, whatever else is recorded of the answer meanwhile."""
        self._sent[contact.id] = list(sent)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        for attempt in range(ATTEMPTS):
            fresh = await self._store.get(CONTACTS, contact.id)
            if fresh is None:
                return
            fields = fresh.fields | {"sent": " ".join(sent), "place": f"{place.bot}:{place.chat}"}
            try:
                await self._store.commit([Replace(CONTACTS, msgspec.structs.replace(fresh, fields=fields))])
            except Conflict:
                await asyncio.sleep(0.001 * attempt)
                continue
            except StoreDown:
                log.warning("telegram: what was sent of %s is kept in memory only", contact.id)
            return


@asynccontextmanager
async def _refusals(line: Line, chat: int) -> AsyncIterator[None]:
    """What Telegram says to a message, as what becomes of the answer. No words of anybody are in it."""
    try:
        yield
    except ChatMigrated:
        raise
    except RetryAfter as error:
        after = error.retry_after
        wait = after if isinstance(after, timedelta) else timedelta(seconds=after)
        line.pace.hold(chat, wait.total_seconds())
        raise DeliveryDelayed("Telegram asks to wait", after=wait) from error
    except InvalidToken as error:
        raise DeliveryDelayed("Telegram does not know our bot's token") from error
    except Forbidden as error:
        raise DeliveryFailed(_forbidden(error.message)) from error
    except BadRequest as error:
        gone = "not found" in error.message.lower()
        raise DeliveryFailed(NO_SUCH_CHAT if gone else f"Telegram refuses: {error.message[:200]}") from error
    except NetworkError as error:
        raise DeliveryDelayed("Telegram cannot be reached") from error
    except TelegramError as error:
        raise DeliveryDelayed(f"Telegram answers {type(error).__name__}") from error


def _forbidden(message: str) -> str:
    said = message.lower()
    if "blocked" in said:
        return BLOCKED
    if "initiate" in said:
        return NEVER_BEGAN
    if "deactivated" in said or "kicked" in said or "not a member" in said:
        return NO_SUCH_CHAT
    return f"Telegram refuses: {message[:200]}"

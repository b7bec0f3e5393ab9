"""The way answers leave by the chat: they are stored, so every open page of the visitor is told at once."""

from __future__ import annotations

from channels.base import Reply
from channels.chat.source import ChatSource
from crm.errors import DeliveryDelayed, DeliveryFailed


class ChatOutlet:
    """Hands answers to the pages of the visitor that are open in this process.

    Who is not here is told when he comes again: the answer waits for him in the store.
    """

    channel = "chat"

    def __init__(self, source: ChatSource) -> None:
        self._source = source

    def key_for(self, new_id: str) -> str:
        return new_id

    async def deliver(self, reply: Reply) -> str:
        visitors = [address for address in reply.contact.recipients if address.kind == "visitor"]
        if not visitors:
            raise DeliveryFailed("the answer is addressed to no visitor")
        if not self._source.has_news(reply.contact):
            raise DeliveryDelayed("the chat is closed just now")
        return reply.contact.key

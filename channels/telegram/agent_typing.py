"""Telegram shows the customer that somebody types, while the agent who has his case does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from telegram.constants import ChatAction
from telegram.error import TelegramError

from channels.telegram.burial import fault
from channels.telegram.keys import CHANNEL, Place, bot_of
from channels.telegram.line import Line
from crm.collections import CASES, CONTACTS
from crm.errors import AgainLater
from crm.store import Order, Store, equals
from router.live import Event, Live

log = logging.getLogger("onewindow.telegram")

SHOWN_FOR = 4.5
"""Seconds until it must be said again: Telegram shows it for five."""

LONGEST = 60
"""How often it is said for one event at most."""

LOOKED_AT = 20


class AgentTyping:
    """Listens to who types where; a colleague who looks on is no news to the customer."""

    def __init__(self, lines: Mapping[int, Line], store: Store, live: Live) -> None:
        self._lines = lines
        self._store = store
        self._live = live
        self._under_way: set[str] = set()

    async def keep(self) -> None:
        """Keep watch for ever. What is being shown ends with it."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                async with self._live.subscribe(wants=_is_typing) as events:
                    async for event in events:
                        if event.case_id not in self._under_way:
                            self._under_way.add(event.case_id)
                            telling = self._tell(event.case_id, event.employee_id)
                            tasks.create_task(telling, name="telegram: typing")

    async def _tell(self, case_id: str, employee_id: str) -> None:
        try:
            case = await self._store.get(CASES, case_id)
            place = await self._talk(case_id) if case and case.assignee_id == employee_id else None
            line = self._lines.get(place.bot) if place else None
            if line and place:
                await self._keep_telling(line, place.chat, case_id, employee_id)
        except (TelegramError, AgainLater) as error:
            log.debug("telegram: typing was not shown: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a courtesy must not close the door
            log.error("telegram: typing broke: %s", fault(error))
        finally:
            self._under_way.discard(case_id)

    async def _keep_telling(self, line: Line, chat: int, case_id: str, employee_id: str) -> None:
        for _ in range(LONGEST):
            await line.bot.send_chat_action(chat, ChatAction.TYPING)
            await asyncio.sleep(SHOWN_FOR)
            viewers = await self._live.viewers(case_id)
            if not any(viewer.employee_id == employee_id and viewer.typing for viewer in viewers):
                return

    async def _talk(self, case_id: str) -> Place | None:
        """Where the customer talks with us, if he wrote last on Telegram and not in a group."""
        latest = await self._store.find(
            CONTACTS,
            equals("case_id", case_id),
            order=Order("number", descending=True),
            limit=LOOKED_AT,
        )
        his = next((contact for contact in latest if contact.direction == "inbound"), None)
        if his is None or his.channel != CHANNEL or "group" in his.fields:
            return None
        return Place(bot_of(his.key), int(his.sender.value)) if his.sender.value.isdecimal() else None


def _is_typing(event: Event) -> bool:
    return event.kind == "viewing" and event.data.get("doing") == "typing"

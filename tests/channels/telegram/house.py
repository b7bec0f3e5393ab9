"""A Telegram door on a real store, with a small Bot API behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from channels.base import Accept
from channels.delivery import Delivery
from channels.telegram.invitation import Invitations, webhook_secret
from channels.telegram.line import Line, open_lines
from channels.telegram.outlet import TelegramOutlet
from channels.telegram.settings import TelegramSettings
from channels.telegram.source import TelegramSource
from crm.case import Case
from crm.collections import CASES, CONTACTS, DEAD_LETTERS, DEPARTMENTS
from crm.contact import Contact
from crm.dead_letter import DeadLetter
from crm.employee import Department
from crm.record import new_id, now
from crm.store import Insert, Order, Store
from router.casework import Casework
from router.intake import Intake
from router.live import Live
from router.rules import read_rules
from router.walk import Walk
from storage.live import open_live
from storage.sqlite import open_sqlite
from tests.channels.telegram.bot_api import HELP, SHOP, BotApi, a_bot_api

SECRET = b"a secret of at least sixteen bytes"


@dataclass
class RecordingDoor:
    """What a door told the board."""

    told: list[str] = field(default_factory=list)
    contacts: int = 0
    behind: float = 0.0

    @property
    def state(self) -> str:
        return self.told[-1] if self.told else ""

    def up(self) -> None:
        self._tell("up")

    def down(self, problem: str) -> None:
        self._tell(problem)

    def saw_contact(self) -> None:
        self.contacts += 1

    def lag(self, seconds: float) -> None:
        self.behind = seconds

    def _tell(self, state: str) -> None:
        if self.state != state:
            self.told.append(state)


def bot_settings(api: BotApi, token: str = SHOP, **given: object) -> TelegramSettings:
    """A bot that is at home at this Bot API."""
    settings: dict[str, object] = {
        "name": "shop" if token == SHOP else "help",
        "api_url": api.url,
        "timeout": 5,
    }
    return TelegramSettings(token=token, **settings | given)  # type: ignore[arg-type]  # tests name what differs


@dataclass
class House:
    """Everything between a message and the store."""

    api: BotApi
    store: Store
    live: Live
    intake: Intake
    casework: Casework
    lines: dict[int, Line]
    source: TelegramSource
    outlet: TelegramOutlet
    doors: dict[str, RecordingDoor]
    invitations: Invitations
    url: str = ""

    async def contacts(self) -> list[Contact]:
        return await self.store.find(CONTACTS, order=Order("received_at"), limit=1000)

    async def contact(self) -> Contact:
        """The only one there is."""
        (contact,) = await self.contacts()
        return contact

    async def cases(self) -> list[Case]:
        return await self.store.find(CASES, limit=1000)

    async def dead_letters(self) -> list[DeadLetter]:
        return await self.store.find(DEAD_LETTERS, limit=1000)


@asynccontextmanager
async def a_house(
    directory: Path, *bots: dict[str, object], accept: Accept | None = None, listens: bool = True
) -> AsyncIterator[House]:
    """The whole walk of a message; `bots` say what differs in the settings of each."""
    async with (
        a_bot_api() as api,
        open_sqlite(directory / "house.sqlite") as store,
        open_live() as live,
        open_intake(store, live) as intake,
    ):
        settings = [bot_settings(api, (SHOP, HELP)[place], **bot) for place, bot in enumerate(bots or ({},))]
        async with open_lines(settings) as lines:
            doors = {one.name: RecordingDoor() for one in settings}
            source = a_source(lines, store, live, doors)
            outlet = TelegramOutlet(lines, store)
            casework = Casework(store, live, clock=now, new_id=new_id, keys={"telegram": outlet.key_for})
            house = House(
                api, store, live, intake, casework, lines, source, outlet, doors, Invitations(SECRET)
            )
            delivery = Delivery(store, live, {"telegram": outlet}, clock=now)
            async with serving(source) as house.url, delivery.running():
                if not listens:
                    yield house
                    return
                async with source.listening(accept or intake.accept):
                    yield house


def a_source(
    lines: dict[int, Line], store: Store, live: Live, doors: dict[str, RecordingDoor]
) -> TelegramSource:
    return TelegramSource(
        lines,
        store=store,
        live=live,
        secret=SECRET,
        door=lambda name: doors[name],
        public_url="https://help.example.com",
    )


@asynccontextmanager
async def open_intake(store: Store, live: Live) -> AsyncIterator[Intake]:
    """Routing that gives every case to one department."""
    book = read_rules('default_department = "front-desk"')
    if await store.get(DEPARTMENTS, "front-desk") is None:
        names = {"en": "Front desk", "ru": "Приёмная"}
        await store.commit([Insert(DEPARTMENTS, Department(id="front-desk", names=names))])
    walk = Walk(store, book, lambda: frozenset({"front-desk"}), clock=now, new_id=new_id)
    intake = Intake(store, walk, live)
    async with intake.running():
        yield intake


@asynccontextmanager
async def serving(source: TelegramSource) -> AsyncIterator[str]:
    """The webhook on a free port."""
    app = web.Application()
    source.add_to(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def secret_of(token: str = SHOP) -> str:
    """What Telegram says with each call of this bot's webhook."""
    return webhook_secret(SECRET, int(token.partition(":")[0]))

"""The doors: every source and outlet that the settings turn on, made, opened and seen to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from aiohttp import ClientSession, web

from channels.base import Accept, Door, Outlet, Source
from channels.chat.outlet import ChatOutlet
from channels.chat.source import ChatSource
from channels.email.authentication import Edge
from channels.email.door import EmailSource
from channels.email.letters import LetterReader
from channels.email.mailbox import MailboxSource, mailbox_name
from channels.email.outlet import EmailOutlet
from channels.email.settings import EmailSettings, MailboxSettings
from channels.email.signatures import open_dns
from channels.email.token import AddressToken
from channels.email.trust import SenderTrust
from channels.fax.outlet import FaxOutlet
from channels.fax.source import FaxSource
from channels.phone.source import PhoneSource
from channels.telegram.inviting import Inviting
from channels.telegram.line import open_lines
from channels.telegram.outlet import TelegramOutlet
from channels.telegram.source import TelegramSource
from channels.webhook import WebhookOutlet, WebhookSource
from crm.contact import Arrival, DeliveryReport, Receipt
from crm.record import now
from onewindow.core import Core
from onewindow.fax import fax_directory, read_zone
from onewindow.settings import BadSetting, Settings
from router.extensions import Extensions
from router.health import Doors


class HttpDoor(Protocol):
    """A door that is reached by HTTP: it lies beside the pages, under a path of its own."""

    def add_to(self, app: web.Application) -> None: ...


class TellsOfDelivery(Protocol):
    """A door whose peer says by itself that an answer was seen."""

    def on_delivered(self, delivered: Callable[[str], Awaitable[None]]) -> None: ...


class TellsOfFate(Protocol):
    """A door whose peer says later how an answer fared, well or badly."""

    def on_reported(self, tell: Callable[[str, DeliveryReport], Awaitable[bool]]) -> None: ...


class Given(NamedTuple):
    """What a door may be made of."""

    settings: Settings
    core: Core
    doors: Doors
    token: AddressToken
    secret: bytes


class _Listed(NamedTuple):
    source: Source
    door: Door | None  # through which we tell how it is; None: it tells by itself


@dataclass
class Channels:
    """The doors of this process. Outlets are open, sources are not yet."""

    sources: list[_Listed] = field(default_factory=list)
    outlets: dict[str, Outlet] = field(default_factory=dict)
    http: list[HttpDoor] = field(default_factory=list)
    tell_of_delivery: list[TellsOfDelivery] = field(default_factory=list)
    tell_of_fate: list[TellsOfFate] = field(default_factory=list)
    sort_mail: list[Callable[[Accept], Accept]] = field(
        default_factory=list
    )  # what takes its own out of mail
    inviting: Inviting | None = None
    smtp_port: Callable[[], int] = int  # known once the door is open; 0: there is none

    def listen(self, source: Source, door: Door | None = None) -> None:
        """A source to be opened. One that tells how it is by itself comes without a door."""
        self.sources.append(_Listed(source, door))

    def send(self, outlet: Outlet) -> None:
        """An outlet, open already."""
        self.outlets[outlet.channel] = outlet


@asynccontextmanager
async def make_channels(given: Given) -> AsyncIterator[Channels]:
    """Every door of the settings, as long as the context is open. A channel without its table is off."""
    channels = Channels()
    async with AsyncExitStack() as house:
        await _email(given, channels, house)
        _chat(given, channels)
        await _fax(given, channels, house)
        await _telegram(given, channels, house)
        _phone(given, channels)
        await _webhook(given, channels, house)
        yield channels


@asynccontextmanager
async def listening(channels: Channels, accept: Accept) -> AsyncIterator[None]:
    """The sources, open one after another; the last one opened is the first one closed."""
    async with AsyncExitStack() as open_doors:
        for source, door in channels.sources:
            into = accept
            for sort in channels.sort_mail if source.channel == "email" else ():
                into = sort(into)
            await open_doors.enter_async_context(_open(source, door, into))
        yield


async def _email(given: Given, channels: Channels, house: AsyncExitStack) -> None:
    settings = given.settings
    if settings.relay:
        relay = EmailOutlet(settings.relay, token=given.token)
        channels.send(await house.enter_async_context(relay.open()))
    if settings.email:
        source = EmailSource(settings.email, token=given.token, trust=_trust(settings.email))
        channels.listen(source, given.doors.door("email", "email"))
        channels.smtp_port = lambda: source.port
    for mailbox in settings.mailbox:
        for folder in mailbox.folders:
            channels.listen(
                MailboxSource(
                    mailbox,
                    folder,
                    letters=LetterReader(given.token, _trust(mailbox)),
                    store=given.core.store,
                    run_alone=given.core.live.run_alone,
                    door=given.doors.door(mailbox_name(mailbox, folder), "email"),
                )
            )


def _trust(settings: EmailSettings | MailboxSettings) -> SenderTrust:
    edge = Edge(frozenset(settings.authserv_ids), settings.authserv_hops)
    return SenderTrust(edge, open_dns() if settings.verify_dkim else None)


def _chat(given: Given, channels: Channels) -> None:
    if given.settings.chat is None:
        return
    chat = ChatSource(given.settings.chat, store=given.core.store, live=given.core.live)
    channels.listen(chat, given.doors.door("chat", "chat"))
    channels.send(ChatOutlet(chat))
    channels.http.append(chat)
    channels.tell_of_delivery.append(chat)


async def _fax(given: Given, channels: Channels, house: AsyncExitStack) -> None:
    settings = given.settings.fax
    if settings is None:
        return
    zone = read_zone(settings.time_zone)
    door = given.doors.door("fax", "fax")
    fax = FaxSource(
        settings,
        home=fax_directory(given.settings),
        door=door,
        zone=zone,
        run_alone=given.core.live.run_alone,
    )
    channels.listen(fax)
    given.core.intake.reads_again("fax", fax.read_again)
    channels.sort_mail.append(fax.sorting)
    channels.tell_of_fate.append(fax)
    if settings.server:
        channels.send(await house.enter_async_context(FaxOutlet(settings, zone=zone).open()))


async def _telegram(given: Given, channels: Channels, house: AsyncExitStack) -> None:
    settings = given.settings
    if not settings.telegram:
        return
    lines = await house.enter_async_context(open_lines(settings.telegram))
    source = TelegramSource(
        lines,
        store=given.core.store,
        live=given.core.live,
        secret=given.secret,
        door=lambda name: given.doors.door(f"telegram {name}", "telegram"),
        public_url=settings.ui.public_url,
    )
    channels.inviting = Inviting(lines, given.core.store, secret=given.secret, clock=now)
    channels.listen(source)
    channels.send(TelegramOutlet(lines, given.core.store))
    channels.http.append(source)


def _phone(given: Given, channels: Channels) -> None:
    settings, core = given.settings.phone, given.core
    if settings is None:
        return
    phone = PhoneSource(
        settings,
        store=core.store,
        live=core.live,
        staff=Extensions(core.store),
        doors=lambda name: given.doors.door(name, "phone"),
        region=given.settings.router.region,
    )
    channels.listen(phone)
    channels.http.append(phone)
    core.intake.reads_again("phone", phone.read_again)


async def _webhook(given: Given, channels: Channels, house: AsyncExitStack) -> None:
    if not given.settings.webhook:
        return
    webhook = WebhookSource(given.settings.webhook)
    channels.listen(webhook, given.doors.door("webhook", "webhook"))
    channels.http.append(webhook)
    given.core.intake.reads_again("webhook", webhook.read_again)
    client = await house.enter_async_context(ClientSession())
    channels.send(WebhookOutlet(given.settings.webhook, client))


@asynccontextmanager
async def _open(source: Source, door: Door | None, accept: Accept) -> AsyncIterator[None]:
    """A source that listens, and is seen to on the supervisor's page."""
    if door is None:
        async with source.listening(accept):
            yield
        return

    async def accept_and_see(arrival: Arrival) -> Receipt:
        receipt = await accept(arrival)
        door.saw_contact()
        return receipt

    try:
        async with source.listening(accept_and_see):
            door.up()
            yield
    except OSError as error:
        door.down(error.strerror or "cannot listen")
        raise BadSetting(
            f"{source.channel}: cannot listen: {error.strerror}.", field=source.channel
        ) from error

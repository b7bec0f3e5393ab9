"""Traffic: people of the demo who keep writing in, through the real doors of this machine."""

from __future__ import annotations

import asyncio
import logging
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from ipaddress import ip_address
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
import aiosmtplib
import msgspec

from onewindow.demo.letters import Letter, compose
from onewindow.demo.people import make_people
from onewindow.demo.person import Known, visitor_token
from onewindow.demo.props import card_of, chances_of
from onewindow.demo.registry import STRANGERS
from onewindow.demo.seed import SEED
from onewindow.demo.speech import Speech
from onewindow.demo.telecom import MAILBOX
from onewindow.demo.wording import Channel, Wording

log = logging.getLogger("onewindow.demo")

AT_ONCE = 200
"""Conversations that go on at the same time; beyond that nobody new begins one."""

CHARSETS = ("utf-8", "utf-8", "utf-8", "windows-1251", "koi8-r")
UNKNOWN = 0.25
"""The share of contacts from people whom nobody knows yet."""

TRIES = 3
Sleep = Callable[[float], Awaitable[None]]


class Matter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody writes in about. `more` follows of itself, one after another."""

    subject: str
    text: str
    told: str
    language: str = "ru"
    more: tuple[str, ...] = ()


class Means(NamedTuple):
    """Where the doors of this machine are, and what else a conversation needs."""

    smtp: tuple[str, int]
    http: str
    token: str
    web: aiohttp.ClientSession
    random: Random
    sleep: Sleep


async def make_traffic(
    per_minute: float,
    *,
    smtp: tuple[str, int],
    http: str,
    token: str,
    random: Random | None = None,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Keep contacts coming until cancelled. Raises `ValueError` for a door that is not on this machine."""
    for host in (smtp[0], urlsplit(http).hostname or ""):
        if not is_loopback(host):
            raise ValueError(f"traffic goes to this machine only, and {host!r} is not it")
    chance = random or Random()  # noqa: S311 - a demo, not a secret
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as web:
        town = _Town(Means(smtp, http.rstrip("/"), token, web, chance, sleep))
        async with asyncio.TaskGroup() as tasks:
            talking: set[asyncio.Task[None]] = set()
            while True:
                await sleep(chance.expovariate(per_minute / 60))
                if len(talking) < AT_ONCE:
                    task = tasks.create_task(town.somebody_writes(), name="traffic: a conversation")
                    talking.add(task)
                    task.add_done_callback(talking.discard)


def is_loopback(host: str) -> bool:
    """Whether that is this machine and no other."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def read_matters() -> tuple[Matter, ...]:
    """What is written in `traffic.toml`."""
    text = files("onewindow.demo").joinpath("traffic.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text)["matter"], tuple[Matter, ...])


class _Town:
    """Everybody who may write, known and unknown."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._random = means.random
        self._speech = Speech(means.random)
        self._known = make_people(Random(SEED), datetime.now(UTC))  # noqa: S311 - the seed of the demo
        self._strangers = make_people(means.random, datetime.now(UTC), exchange=STRANGERS)

    async def somebody_writes(self) -> None:
        """One conversation, from its first word to its last. Doors that do not answer end it."""
        stranger = self._random.random() < UNKNOWN
        known = self._random.choice(self._strangers if stranger else self._known)
        person = known.person
        matters = [matter for matter in read_matters() if matter.language == person.language]
        matter = self._random.choice(matters)
        values = {**card_of(known, person), **chances_of(known, self._random, datetime.now(UTC))}
        wording = Wording(self._speech, self._random, person, values)
        talk = _Talk(self._means, known)
        ways: dict[Channel, Callable[[], Awaitable[None]]] = {
            "email": lambda: talk.mail(wording.plain(matter.subject), _mails(wording, matter)),
            "phone": lambda: talk.phone(wording.plain(matter.subject), wording.plain(matter.told)),
        }
        if "visitor" in person.ways:
            ways["chat"] = lambda: talk.chat(_messages(wording, matter))
        channel = self._random.choice(list(ways))
        try:
            await ways[channel]()
        except (OSError, TimeoutError, aiohttp.ClientError, aiosmtplib.SMTPException) as error:
            log.info("traffic: the door did not answer, channel=%s: %s", channel, type(error).__name__)


def _mails(wording: Wording, matter: Matter) -> list[str]:
    return [wording.mailed(template) for template in (matter.text, *matter.more)]


def _messages(wording: Wording, matter: Matter) -> list[str]:
    return [text for template in (matter.text, *matter.more) for text in wording.typed(template)]


class _Talk:
    """One person's conversation, on the channel he has chosen."""

    def __init__(self, means: Means, known: Known) -> None:
        self._means = means
        self._random = means.random
        self._sleep = means.sleep
        self._known = known

    async def mail(self, subject: str, texts: Sequence[str]) -> None:
        """A letter, and sometimes others in the same thread."""
        sender, sent = self._known.person.address("email"), list[str]()
        for text in texts:
            key = f"{self._random.getrandbits(80):020x}@{sender.value.partition('@')[2]}"
            letter = Letter(
                key=key,
                sender=sender,
                subject=f"Re: {subject}" if sent else subject,
                text=text,
                at=datetime.now(UTC),
                answers=tuple(sent),
                html=self._random.random() < 0.3,
                charset=self._random.choice(CHARSETS),
            )
            await self._submit(compose(letter), sender.value)
            sent.append(key)
            if self._random.random() < 0.6:
                return
            await self._sleep(self._random.uniform(30, 240))

    async def _submit(self, raw: bytes, sender: str) -> None:
        """Hand the letter over; told "later", a relay tries again with the same letter."""
        for left in reversed(range(TRIES)):
            try:
                await self._hand_over(raw, sender)
            except aiosmtplib.SMTPResponseException as error:
                if error.code >= 500 or not left:
                    raise
                await self._sleep(5)
            else:
                return

    async def _hand_over(self, raw: bytes, sender: str) -> None:
        host, port = self._means.smtp
        client = aiosmtplib.SMTP(hostname=host, port=port, start_tls=False, timeout=30)
        try:
            await client.connect()
            await client.sendmail(sender, [MAILBOX], raw)
            await client.quit()
        finally:
            client.close()  # cancelled halfway, it must not wait to say goodbye

    async def chat(self, texts: Sequence[str]) -> None:
        """A visit to the chat: some messages, then he waits a while for an answer."""
        person = self._known.person
        url = f"{self._means.http.replace('http', 'ws', 1)}/chat/ws"
        async with self._means.web.ws_connect(url, max_msg_size=0) as ws:
            token = visitor_token(self._known.customer.id)
            profile = {"type": "profile", "name": person.first}
            await ws.send_json(
                {"type": "hello", "token": token, "language": person.language, "profile": profile}
            )
            hearing = asyncio.create_task(_hear_out(ws), name="traffic: hearing")
            try:
                for text in texts:
                    await self._sleep(self._random.uniform(2, 14))
                    await ws.send_json(
                        {"type": "say", "id": f"{self._random.getrandbits(96):024x}", "text": text}
                    )
                await self._sleep(self._random.uniform(20, 150))
            finally:
                hearing.cancel()

    async def phone(self, subject: str, told: str) -> None:
        """A call, as the telephone exchange reports it."""
        person = self._known.person
        body = {
            "channel": "phone",
            "key": f"call-{self._random.getrandbits(64):016x}",
            "sender": {"kind": "phone", "value": person.ways["phone"], "name": person.full},
            "subject": subject,
            "text": told,
        }
        headers = {"Authorization": f"Bearer {self._means.token}"}
        url = f"{self._means.http}/api/v1/contacts"
        async with self._means.web.post(url, json=body, headers=headers) as answer:
            answer.raise_for_status()


async def _hear_out(ws: aiohttp.ClientWebSocketResponse) -> None:
    """Read what the door says, so that its frames do not pile up."""
    async for _ in ws:
        pass

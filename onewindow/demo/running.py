"""Runs the demo: an installation made up on the spot, whose answers by mail are kept in a folder."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from pathlib import Path

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session
from rich.console import Console
from rich.progress import Progress

from crm.collections import TOKENS
from crm.record import new_id, now
from crm.store import Insert
from onewindow.core import data_directory, open_core
from onewindow.demo.seed import seed_when_empty
from onewindow.demo.site import serve_site
from onewindow.demo.traffic import make_traffic
from onewindow.demo.welcome import Welcome, language_of, welcome
from onewindow.serve import Addresses, run_until_stopped
from onewindow.settings import Settings, read_settings
from router.tokens import api_token

SENT_MAIL_LIMIT = 1000
"""Letters kept in the folder of sent mail; the demo is no archive."""

DEMO = """
[http]
host = "127.0.0.1"
port = 8080

[ui]
secure_cookies = false  # the demo is served without TLS, to this machine alone

[email]
host = "127.0.0.1"
port = 2525
addresses = ["help@example.com"]
domains = ["example.com"]

[relay]
mailbox = "help@example.com"
sender_name = "Северная линия"
host = "127.0.0.1"

[chat]
department_id = "front-desk"

[router]
absent_minutes = 10080  # what lies in the agents' hands stays there, though nobody signs in as most of them
"""


async def run_demo(environ: Mapping[str, str], *, traffic: float, console: Console) -> None:
    """Serve the demo until told to stop. An empty store is filled first."""
    async with AsyncExitStack() as house:
        settings = read_settings(DEMO, environ)
        data = data_directory(settings)
        relay_port = await house.enter_async_context(_keep_sent_mail(data / "sent-mail"))
        settings = _with_relay_at(settings, relay_port, _rules(data))
        token = environ.get("ONEWINDOW_DEMO_TOKEN") or _token(data)
        await _fill(settings, token, console)
        served: list[str] = []
        site = await house.enter_async_context(serve_site(lambda: served[0]))
        tasks = await house.enter_async_context(asyncio.TaskGroup())
        making: list[asyncio.Task[None]] = []

        def ready(addresses: Addresses) -> None:
            served.append(addresses.http)
            told = Welcome(
                http=addresses.http,
                smtp_port=addresses.smtp_port,
                token=token,
                sent_mail=data / "sent-mail",
                site=site,
                language=language_of(environ),
            )
            console.print(welcome(told), soft_wrap=True)
            if traffic:
                smtp = ("127.0.0.1", addresses.smtp_port)
                talk = make_traffic(traffic, smtp=smtp, http=addresses.http, token=token)
                making.append(tasks.create_task(talk, name="demo: traffic"))

        await run_until_stopped(settings, ready)
        for task in making:
            task.cancel()


def _with_relay_at(settings: Settings, port: int, rules: Path) -> Settings:
    relay = msgspec.structs.replace(settings.relay, port=port) if settings.relay else None
    router = msgspec.structs.replace(settings.router, rules=str(rules))
    return msgspec.structs.replace(settings, relay=relay, router=router)


def _rules(data: Path) -> Path:
    """The demo's rules, copied into its data once so that they can be edited and tried."""
    path = (data / "rules.toml").absolute()
    if not path.exists():
        path.write_text(files("onewindow.demo").joinpath("rules.toml").read_text(encoding="utf-8"), "utf-8")
    return path


def _token(data: Path) -> str:
    """The demo's API token: made once, so that a line copied yesterday still works today."""
    path = data / "demo-token"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"ow_{secrets.token_urlsafe(24)}", "ascii")
    return path.read_text("ascii").strip()


async def _fill(settings: Settings, token: str, console: Console) -> None:
    async with open_core(settings) as core:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("filling in a small telecom operator", total=None)
            await seed_when_empty(
                core.store,
                clock=now,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        record = api_token(token, "demo", writes=True, at=now())
        if await core.store.get(TOKENS, record.id) is None:
            await core.store.commit([Insert(TOKENS, record)])


@asynccontextmanager
async def _keep_sent_mail(folder: Path) -> AsyncIterator[int]:
    """A relay that delivers nowhere: it keeps each letter as a file. Yields its port."""
    loop = asyncio.get_running_loop()
    kept = _Folder(folder)
    server = await loop.create_server(lambda: SMTP(kept, loop=loop), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class _Folder:
    """Keeps what it is handed, the oldest first to go."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        await asyncio.to_thread(self._keep, content)
        return "250 kept"

    def _keep(self, content: bytes) -> None:
        (self._folder / f"{new_id()}.eml").write_bytes(content)
        for old in sorted(self._folder.glob("*.eml"))[:-SENT_MAIL_LIMIT]:
            old.unlink(missing_ok=True)

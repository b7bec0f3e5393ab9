"""The rooms without doors: store, live state, intake and casework, opened in order."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from crm.collections import DEPARTMENTS
from crm.employee import Department
from crm.errors import BadInput, Conflict, StoreDown
from crm.record import new_id, now
from crm.store import Insert, Store
from onewindow.settings import BadSetting, Settings
from router.intake import Intake
from router.live import Live
from router.rules import RuleBook, read_rules
from router.walk import Walk
from storage.live import open_live
from storage.sqlite import open_sqlite

MIN_SECRET = 16

REFRESH = 2.0
"""Seconds after which a new department is known to the rules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Core:
    """What every command works with."""

    settings: Settings
    store: Store
    live: Live
    intake: Intake
    book: RuleBook


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """The store of this installation, with intake running. Raises `StoreUnusable` or `BadSetting`."""
    book = load_rules(settings)
    data = data_directory(settings)
    async with open_sqlite(data / "onewindow.sqlite") as store, open_live() as live:
        await make_department(store, book.default_department)
        known = _Departments(store)
        await known.refresh()
        walk = Walk(store, book, known, clock=now, new_id=new_id, region=settings.router.region)
        intake = Intake(
            store,
            walk,
            live,
            size=settings.router.queue,
            batch=settings.router.batch,
            spacing=settings.router.spacing_ms / 1000,
        )
        async with asyncio.TaskGroup() as tasks:
            refreshing = tasks.create_task(known.refresh_forever(), name="departments: refreshing")
            async with intake.running():
                yield Core(settings=settings, store=store, live=live, intake=intake, book=book)
            refreshing.cancel()


def data_directory(settings: Settings) -> Path:
    """Where everything that must be kept is. It is made when missing."""
    data = Path(settings.home, settings.data)
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSetting(
            f"data: the directory {data} cannot be made: {error.strerror}.", field="data"
        ) from error
    return data


def load_rules(settings: Settings) -> RuleBook:
    """The rule book that the settings name; the one that comes with the program where there is none."""
    path = Path(settings.home, settings.router.rules)
    if not path.exists() and settings.router.rules == "rules.toml":
        return read_rules(files("onewindow").joinpath("rules.toml").read_text(encoding="utf-8"))
    try:
        return read_rules(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeError) as error:
        raise BadSetting(f"router.rules: {path} cannot be read: {error}.", field="router.rules") from error
    except BadInput as error:
        raise BadSetting(f"router.rules: {path}: {error}", field="router.rules") from error


def load_secret(settings: Settings) -> bytes:
    """The secret that signs reply addresses: from the settings, else made once and kept beside the store."""
    if settings.secret:
        if len(settings.secret) < MIN_SECRET:
            raise BadSetting(f"secret: expected at least {MIN_SECRET} characters.", field="secret")
        return settings.secret.encode()
    path = data_directory(settings) / "secret"
    try:
        if not path.exists():
            _keep_new_secret(path)
        kept = path.read_bytes().strip()
    except OSError as error:
        raise BadSetting(f"data: {path} cannot be kept: {error.strerror}.", field="data") from error
    if len(kept) < MIN_SECRET:
        raise BadSetting(
            f"data: {path} is broken: put it back from a backup, or remove it to have a new one made.",
            field="data",
        )
    return kept


def _keep_new_secret(path: Path) -> None:
    """Whole or not at all: half a secret, left by a crash, would sign addresses that anybody can forge."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    with new.open("w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


async def make_department(store: Store, department_id: str) -> None:
    """The department that gets what no rule claims must exist before the first contact comes."""
    if await store.get(DEPARTMENTS, department_id):
        return
    names = {"en": "Front desk", "ru": "Единая приёмная"}
    try:
        await store.commit([Insert(DEPARTMENTS, Department(id=department_id, names=names))])
    except Conflict:
        return  # another process made it


class _Departments:
    """Ids of the departments that take cases, as the rules may name them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: frozenset[str] = frozenset()

    def __call__(self) -> frozenset[str]:
        return self._ids

    async def refresh(self) -> None:
        departments = await self._store.find(DEPARTMENTS, limit=10_000)
        self._ids = frozenset(department.id for department in departments if department.active)

    async def refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH)
            try:
                await self.refresh()
            except StoreDown:
                continue  # what was known a moment ago serves until the store answers again

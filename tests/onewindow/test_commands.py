"""What an administrator does from the command line."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from argon2 import PasswordHasher

from crm.collections import CONTACTS, DEAD_LETTERS, EMPLOYEES, TOKENS
from crm.dead_letter import DeadLetter
from crm.errors import BadInput
from crm.store import Insert
from onewindow.commands import add_token, add_user, list_dead_letters, replay_dead_letter
from onewindow.core import Core, open_core
from onewindow.settings import read_settings
from storage.sqlite import open_sqlite
from tests.onewindow.servers import run, serving
from tests.router.house import an_arrival

ANNA: dict[str, Any] = {"login": "anna", "name": "Анна", "password": "long enough"}


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(read_settings("", {}, home=tmp_path)) as core:
        yield core


def a_dead_letter(key: str = "<m1 [a]@example.com>") -> DeadLetter:
    contact = an_arrival(key).contact
    at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    return DeadLetter(id=contact.id, at=at, channel="email", contact=contact, reason="KeyError at walk.py:1")


async def test_an_employee_may_sign_in_with_his_password(core: Core) -> None:
    await add_user(core, **ANNA, role="supervisor", departments=["front-desk"])
    (anna,) = await core.store.find(EMPLOYEES)
    assert (anna.login, anna.name, anna.role, anna.department_ids) == (
        "anna",
        "Анна",
        "supervisor",
        ("front-desk",),
    )
    assert anna.password_hash.startswith("$argon2id$")
    assert PasswordHasher().verify(anna.password_hash, "long enough")


async def test_an_employee_without_a_department_serves_the_default_one(core: Core) -> None:
    await add_user(core, login="anna", name="", password="long enough")
    (anna,) = await core.store.find(EMPLOYEES)
    assert (anna.name, anna.department_ids) == ("anna", ("front-desk",))


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        ({"login": "A"}, "login", "2 to 64"),
        ({"login": "анна"}, "login", "2 to 64"),
        ({"login": "anna\n"}, "login", "2 to 64"),
        ({"password": "too short"}, "password", "10 to 256"),
        ({"role": "king"}, "role", "agent, supervisor, admin"),
        (
            {"departments": ["front-desk", "nowhere"]},
            "departments",
            "there is no nowhere; there are front-desk",
        ),
    ],
)
async def test_a_wrong_employee_is_refused_by_the_field(
    core: Core, wrong: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        await add_user(core, **{**ANNA, **wrong})
    assert caught.value.field == field
    assert await core.store.find(EMPLOYEES) == []


async def test_a_login_has_one_employee(core: Core) -> None:
    await add_user(core, **ANNA)
    with pytest.raises(BadInput, match="Somebody else has this login"):
        await add_user(core, **ANNA)


async def test_of_two_who_want_one_login_at_once_one_gets_it(core: Core) -> None:
    tries = await asyncio.gather(*(add_user(core, **ANNA) for _ in range(4)), return_exceptions=True)
    refused = [one for one in tries if isinstance(one, BadInput)]
    assert len(refused) == 3
    assert len(await core.store.find(EMPLOYEES)) == 1


async def test_a_token_is_kept_as_its_hash_only(core: Core) -> None:
    token = (await add_token(core, name="billing", writes=False))["token"]
    (kept,) = await core.store.find(TOKENS)
    assert (kept.name, kept.writes) == ("billing", False)
    assert token not in repr(kept)
    with pytest.raises(BadInput, match="Name the system"):
        await add_token(core, name=" ")


async def test_dead_letters_are_listed_without_the_customers_words_and_replayed(core: Core) -> None:
    letter = a_dead_letter()
    await core.store.commit([Insert(DEAD_LETTERS, letter)])
    (row,) = (await list_dead_letters(core))["dead_letters"]
    assert (row["id"], row["at"], row["attempts"]) == (letter.id, "2026-03-02T12:00:00+00:00", "1")
    assert letter.contact.text not in repr(row)
    assert (await replay_dead_letter(core, id=letter.id))["dead"] is False
    assert (await list_dead_letters(core))["dead_letters"] == []
    assert await core.store.get(CONTACTS, letter.id)


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """An installation with a dead letter, where nothing runs."""
    (tmp_path / "onewindow.toml").write_text("[http]\nport = 0\n[chat]\n", encoding="utf-8")
    async with open_core(read_settings("", {}, home=tmp_path)) as core:
        await core.store.commit([Insert(DEAD_LETTERS, a_dead_letter())])
    return tmp_path


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("runs", [True, False], ids=["while the server runs", "while nothing runs"])
async def test_every_command_works(home: Path, runs: bool) -> None:
    if not runs:
        token = check_commands(home)
        with serving(home) as server:
            assert status_of(f"{server.url}/api/v1/contacts", token) == 200
    else:
        with serving(home) as server:
            token = check_commands(home)
            assert status_of(f"{server.url}/api/v1/contacts", token) == 200
    async with open_sqlite(home / "var" / "onewindow.sqlite") as store:
        assert [employee.login for employee in await store.find(EMPLOYEES)] == ["anna"]
        (contact,) = await store.find(CONTACTS)
        assert contact.case_id


def check_commands(home: Path) -> str:
    """Every command once, as an operator types it; the token comes back."""
    assert "anna may sign in now" in said(run(home, "user", "add", "anna", "--password", "long enough"))
    token = said(run(home, "token", "add", "billing")).strip()
    (line,) = said(run(home, "dead-letters", "list")).splitlines()
    letter_id = line.split("\t")[0]
    assert letter_id == a_dead_letter().id
    assert "1 replayed, 0 still dead" in said(run(home, "dead-letters", "replay", letter_id))
    assert "0 replayed" in said(run(home, "dead-letters", "replay", "--all"))
    assert said(run(home, "dead-letters", "list")) == ""
    assert "bytes" in said(run(home, "backup", "copy.sqlite"))
    assert (home / "copy.sqlite").stat().st_size > 0
    assert "all is well" in said(run(home, "check"))
    return token


def status_of(url: str, token: str) -> int:
    request = Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - our own server
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        return int(answer.status)


@pytest.mark.slow
def test_what_was_done_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[email]\naddresses = [5]", encoding="utf-8")
    (tmp_path / "none.toml").write_text("[http]\nport = 0", encoding="utf-8")
    cases = {
        ("serve", "--config", "wrong.toml"): "onewindow: email.addresses[0]: expected `str`, got `int`.",
        ("serve", "--config", "missing.toml"): "onewindow: The settings file missing.toml cannot be read:",
        (
            "check",
            "--config",
            "none.toml",
        ): "wrong: email, chat: no channel is set up: add a table [email] or [chat]",
        (
            "dead-letters",
            "replay",
            "x",
            "--config",
            "none.toml",
        ): "onewindow: There is no dead letter of that id.",
    }
    for arguments, says in cases.items():
        done = run(tmp_path, *arguments)
        assert done.returncode == 1
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith(says)

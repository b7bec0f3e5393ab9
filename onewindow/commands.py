"""What an administrator does from the command line, wherever the store is open: here or in the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent_ui.passwords import hash_in_thread
from channels.telegram.inviting import Inviting
from channels.telegram.line import open_lines
from crm.collections import DEAD_LETTERS, DEPARTMENTS, EMPLOYEES
from crm.dead_letter import DeadLetter
from crm.errors import BadInput
from crm.record import new_id, now
from crm.store import Order, equals
from onewindow.core import Core, load_secret
from router import tokens
from router.dead_letters import replay
from router.staff import add_employee, change_employee

ROLES = ("agent", "supervisor", "admin")


async def add_user(
    core: Core,
    *,
    login: str,
    name: str,
    password: str,
    role: str = "agent",
    departments: list[str] | None = None,
) -> dict[str, Any]:
    """A new employee who may sign in. Raises `BadInput`."""
    if role not in ROLES:
        raise BadInput(f"role: expected one of {', '.join(ROLES)}", field="role")
    wanted = departments or [core.book.default_department]
    known = await core.store.get_many(DEPARTMENTS, wanted)
    if missing := [one for one in wanted if one not in known]:
        everything = await core.store.find(DEPARTMENTS, limit=1000)
        there = ", ".join(department.id for department in everything)
        raise BadInput(f"department: there is no {missing[0]}; there are {there}", field="departments")
    fields = {"login": login, "name": name or login, "role": role, "department_ids": wanted}
    hashed = await hash_in_thread(password)
    employee = await add_employee(core.store, fields, password_hash=hashed, new_id=new_id)
    return {"id": employee.id, "login": login}


async def set_extensions(core: Core, *, login: str, extensions: list[str]) -> dict[str, Any]:
    """The telephones of an employee, as the exchange names them. Raises `BadInput`."""
    found = await core.store.find(EMPLOYEES, equals("login", login), limit=1)
    if not found:
        raise BadInput(f"login: there is no {login}", field="login")
    (employee,) = found
    fields = {"extensions": extensions}
    await change_employee(core.store, employee.id, fields, by=employee, version=employee.version)
    return {"login": login}


async def add_token(core: Core, *, name: str, writes: bool = True) -> dict[str, Any]:
    """A bearer token for another system. It is shown this once: the store keeps only its hash."""
    made = await tokens.add_token(core.store, name=name, writes=writes, clock=now)
    return {"token": made.token}


async def invite(core: Core, *, customer_id: str, bot: str = "") -> dict[str, Any]:
    """A link that makes whoever opens it in Telegram known as this customer."""
    settings = core.settings
    async with open_lines(settings.telegram) as lines:
        inviting = Inviting(lines, core.store, secret=load_secret(settings), clock=now)
        invited = await inviting.invite(customer_id, bot)
    return {"url": invited.url, "until": invited.until.isoformat(timespec="seconds")}


async def list_dead_letters(core: Core) -> dict[str, Any]:
    """Contacts that routing could not handle and nobody replayed yet, oldest first."""
    letters = await core.store.find(DEAD_LETTERS, equals("state", "waiting"), order=Order("at"), limit=10_000)
    return {"dead_letters": [_row(letter) for letter in letters]}


async def replay_dead_letter(core: Core, *, id: str) -> dict[str, Any]:
    """Route one dead letter again."""
    receipt = await replay(core.store, core.intake, id)
    return {"id": id, "case_id": receipt.case_id, "dead": receipt.dead_letter}


def _row(letter: DeadLetter) -> dict[str, str]:
    return {
        "id": letter.id,
        "at": letter.at.isoformat(timespec="seconds"),
        "channel": letter.channel,
        "reason": letter.reason,
        "attempts": str(letter.attempts),
    }


Command = Callable[..., Awaitable[dict[str, Any]]]

COMMANDS: Mapping[str, Command] = {
    "add_user": add_user,
    "set_extensions": set_extensions,
    "add_token": add_token,
    "invite": invite,
    "list_dead_letters": list_dead_letters,
    "replay_dead_letter": replay_dead_letter,
}

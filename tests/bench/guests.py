"""Somebody who signs in at what is measured, as a browser does it."""

from __future__ import annotations

from aiohttp import ClientSession

from agent_ui.passwords import hash_password
from crm.employee import Employee, Role
from crm.errors import OnewindowError

PASSWORD = "a bench has no secrets"


def somebody(*departments: str, role: Role = "agent") -> Employee:
    """An employee who may sign in."""
    return Employee(
        id="bench",
        login="bench",
        name="Анна",
        role=role,
        department_ids=departments,
        password_hash=hash_password(PASSWORD),
    )


async def sign_in(client: ClientSession, base: str) -> None:
    """As the sign-in page does it."""
    async with client.get(f"{base}/login") as page:
        text = await page.text()
    token = text.partition('name="token" value="')[2].partition('"')[0]
    form = {"login": "bench", "password": PASSWORD, "token": token}
    async with client.post(f"{base}/login", data=form, headers={"Origin": base}) as response:
        if response.status >= 400:
            raise OnewindowError(f"signing in answered {response.status}")

"""Employees, departments and saved replies, as an administrator changes them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from crm.collections import CASES, COUNTERS, DEPARTMENTS, EMPLOYEES, SAVED_REPLIES, Counter
from crm.employee import Department, Employee, SavedReply
from crm.errors import BadInput, Conflict, NotAllowed, NotFound
from crm.record import NewId, Record
from crm.store import Collection, Insert, Replace, Store, Write, equals
from router.hours import check_hours

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
DEPARTMENT_ID = re.compile(r"[a-z][a-z0-9-]{1,39}")
EXTENSION = re.compile(r"[\w.@/ -]{1,80}")
MOST_PHONES = 20
LANGUAGES = ("en", "ru")
LARGEST_CAPACITY = 100
LONGEST_NAME = 200
LONGEST_REPLY = 20_000

EMPLOYEE_FIELDS = (
    "login",
    "name",
    "role",
    "department_ids",
    "region",
    "language",
    "capacity",
    "extensions",
    "active",
)

TURN = "staff"
"""The counter that changes of employees take their turns by."""

ATTEMPTS = 40

R = TypeVar("R", bound=Record)


async def add_employee(
    store: Store, fields: Mapping[str, Any], *, password_hash: str, new_id: NewId
) -> Employee:
    """Somebody new, by the fields of `EMPLOYEE_FIELDS`. Raises `BadInput` naming the field."""
    employee = _made({**_only(fields, EMPLOYEE_FIELDS), "id": new_id()})
    employee = msgspec.structs.replace(employee, password_hash=password_hash)
    await _in_turn(store, partial(_check_employee, store, employee), Insert(EMPLOYEES, employee))
    return employee


async def change_employee(
    store: Store, employee_id: str, fields: Mapping[str, Any], *, by: Employee, version: int
) -> Employee:
    """What is known of an employee. Raises `Conflict` when somebody changed him since that version.

    Nobody takes the administration or the work from himself, and one administrator is always left.
    """
    before = await _read(store, EMPLOYEES, employee_id)
    values = msgspec.to_builtins(before)
    changed = _made({**values, **_only(fields, EMPLOYEE_FIELDS), "version": version})

    async def check() -> None:
        await _check_employee(store, changed)
        if before.role == "admin" and before.active and not (changed.role == "admin" and changed.active):
            if by.id == employee_id:
                raise NotAllowed("Somebody else must take the administration from you.")
            await _must_leave_an_administrator(store, employee_id)
        if by.id == employee_id and not changed.active:
            raise NotAllowed("Nobody deactivates himself.")

    await _in_turn(store, check, Replace(EMPLOYEES, changed))
    return msgspec.structs.replace(changed, version=version + 1)


async def set_password(store: Store, employee_id: str, password_hash: str) -> Employee:
    """A new password, known by its hash. The caller signs out whoever came in with the old one."""
    before = await _read(store, EMPLOYEES, employee_id)
    await store.commit([Replace(EMPLOYEES, msgspec.structs.replace(before, password_hash=password_hash))])
    return before


async def add_department(store: Store, department: Department) -> Department:
    """A new department. Its id is how rules name it. Raises `BadInput` naming the field."""
    if not DEPARTMENT_ID.fullmatch(department.id):
        raise BadInput("A department's code is written like front-desk: a-z, 0-9 and -.", field="id")
    if await store.get(DEPARTMENTS, department.id):
        raise BadInput("There is a department of this code already.", field="id")
    _check_department(department)
    await store.commit([Insert(DEPARTMENTS, department)])
    return department


async def change_department(store: Store, changed: Department, *, default_id: str) -> Department:
    """What is known of a department. One that still has cases, or gets what no rule claims, stays open."""
    before = await _read(store, DEPARTMENTS, changed.id)
    _check_department(changed)
    if before.active and not changed.active:
        if changed.id == default_id:
            raise BadInput("What no rule claims goes to this department: it stays open.", field="active")
        groups = await store.aggregate(CASES, equals("department_id", changed.id), equals("open", True))
        if sum(group.records for group in groups):
            raise BadInput("Open cases lie in this department: transfer them first.", field="active")
    await store.commit([Replace(DEPARTMENTS, changed)])
    return msgspec.structs.replace(changed, version=changed.version + 1)


async def add_reply(store: Store, reply: SavedReply) -> SavedReply:
    """A new saved reply. Raises `BadInput` naming the field."""
    await _check_reply(store, reply)
    await store.commit([Insert(SAVED_REPLIES, reply)])
    return reply


async def change_reply(store: Store, changed: SavedReply) -> SavedReply:
    """Other words, or no longer offered (`active` false)."""
    await _read(store, SAVED_REPLIES, changed.id)
    await _check_reply(store, changed)
    await store.commit([Replace(SAVED_REPLIES, changed)])
    return msgspec.structs.replace(changed, version=changed.version + 1)


async def _in_turn(store: Store, check: Callable[[], Awaitable[None]], write: Write) -> None:
    """Check and write as one, whoever else does so meanwhile.

    That logins differ and an administrator is left holds for all employees together, which no record's
    version can tell: a counter that every such write moves on tells it.
    """
    for _ in range(ATTEMPTS):
        turn = await store.get(COUNTERS, TURN)
        await check()
        moved: Write = (
            Replace(COUNTERS, msgspec.structs.replace(turn, value=turn.value + 1))
            if turn
            else Insert(COUNTERS, Counter(id=TURN, value=1))
        )
        try:
            await store.commit([moved, write])
        except Conflict as conflict:
            if conflict.collection != COUNTERS.name:
                raise
        else:
            return
    raise Conflict(COUNTERS.name, TURN)


async def _check_employee(store: Store, employee: Employee) -> None:
    if not LOGIN.fullmatch(employee.login):
        raise BadInput("A login is 2 to 64 of a-z, 0-9 and . _ @ -", field="login")
    if not employee.name.strip() or len(employee.name) > LONGEST_NAME:
        raise BadInput("An employee has a name.", field="name")
    if not 0 <= employee.capacity <= LARGEST_CAPACITY:
        raise BadInput("A capacity is 0 to 100 cases.", field="capacity")
    if employee.language not in LANGUAGES:
        raise BadInput("Choose one of the languages.", field="language")
    if len(employee.region) > LONGEST_NAME:
        raise BadInput("This is longer than anybody could read.", field="region")
    await _check_extensions(store, employee)
    same = await store.find(EMPLOYEES, equals("login", employee.login), limit=2)
    if any(other.id != employee.id for other in same):
        raise BadInput("Somebody else has this login.", field="login")
    await _must_exist(store, employee.department_ids)


async def _check_extensions(store: Store, employee: Employee) -> None:
    """A telephone rings on one desk: where two had it, a caller's card would come to the wrong one."""
    mine = {extension.casefold() for extension in employee.extensions}
    if (
        any(not EXTENSION.fullmatch(extension) for extension in employee.extensions)
        or len(mine) > MOST_PHONES
    ):
        raise BadInput("Telephones are written as the exchange names them: 101, 102.", field="extensions")
    if not mine:
        return
    others = await store.find(EMPLOYEES, limit=20_000)
    taken = {
        one.casefold()
        for other in others
        if other.id != employee.id and other.active
        for one in other.extensions
    }
    if employee.active and mine & taken:
        raise BadInput("Somebody else has this telephone.", field="extensions")


async def _must_exist(store: Store, department_ids: Sequence[str]) -> None:
    known = await store.get_many(DEPARTMENTS, department_ids)
    if any(id_ not in known for id_ in department_ids):
        raise BadInput("There is no such department.", field="department_ids")


async def _must_leave_an_administrator(store: Store, employee_id: str) -> None:
    employees = await store.find(EMPLOYEES, limit=10_000)
    if not any(one.active and one.role == "admin" and one.id != employee_id for one in employees):
        raise NotAllowed("One administrator must be left.")


def _check_department(department: Department) -> None:
    for language in LANGUAGES:
        name = department.names.get(language, "")
        if not name.strip() or len(name) > LONGEST_NAME:
            raise BadInput("A department has a name in each language.", field=f"name_{language}")
    check_hours(department.hours, department.timezone)


async def _check_reply(store: Store, reply: SavedReply) -> None:
    if not reply.title.strip() or len(reply.title) > LONGEST_NAME:
        raise BadInput("A saved reply has a title.", field="title")
    if not reply.text.strip() or len(reply.text) > LONGEST_REPLY:
        raise BadInput("A saved reply has words.", field="text")
    if reply.language not in LANGUAGES:
        raise BadInput("Choose one of the languages.", field="language")
    if reply.department_id:
        await _must_exist(store, [reply.department_id])


def _only(fields: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    for name in fields:
        if name not in known:
            raise BadInput("This field cannot be changed.", field=name)
    return dict(fields)


def _made(values: Mapping[str, Any]) -> Employee:
    try:
        return msgspec.convert(values, Employee)
    except msgspec.ValidationError as error:
        found = re.search(r"`\$\.(\w+)|field `(\w+)`", str(error))
        field = next(filter(None, found.groups()), "") if found else ""
        raise BadInput("This value is not possible here.", field=field) from error


async def _read(store: Store, collection: Collection[R], id: str) -> R:
    record = await store.get(collection, id)
    if record is None:
        raise NotFound("It no longer exists.", field="id")
    return record

"""One call of another system: who asks, what it asks for, and how an error is told (RFC 9457)."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import traceback
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from agent_ui.borders import refuse_compressed
from agent_ui.callers import caller_ip
from agent_ui.rooms import ROOMS, Rooms
from crm.employee import ApiToken, Employee
from crm.errors import AgainLater, BadInput, Conflict, NotAllowed, NotFound, OnewindowError
from crm.store import After
from crm.wrong import tell_wrong
from router.tokens import find_token

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST = 200
"""Items of one page."""

CALLS_A_MINUTE = 6000
"""Calls of one token; more is told to wait."""

PATIENCE = 120.0
"""Seconds that a body may take to come."""

RETRY_SECONDS = 5
PROBLEM = "application/problem+json"


class NotJson(BadInput):
    """A body that cannot be read at all."""


class Param(NamedTuple):
    """A value in the path or the query of an operation."""

    name: str
    about: str
    schema: dict[str, Any] = {"type": "string"}


class Call(NamedTuple):
    """A call by a token that is known."""

    request: web.Request
    rooms: Rooms
    token: ApiToken

    def asked(self, name: str) -> str:
        """A value of the query; empty when not given."""
        return self.request.query.get(name, "")

    @property
    def limit(self) -> int:
        """How many items are asked for at most."""
        value = self.asked("limit") or "50"
        if not (value.isascii() and value.isdecimal() and len(value) < 6 and 1 <= int(value) <= MOST):
            raise BadInput(f"limit: expected a number from 1 to {MOST}.", field="limit")
        return int(value)

    @property
    def after(self) -> After | None:
        """Where the page asked for begins."""
        return read_cursor(self.asked("after")) if self.asked("after") else None

    @property
    def speaker(self) -> Employee:
        """The system as somebody who acts. It holds no cases."""
        return Employee(id=f"api:{self.token.id[:16]}", login="api", name=self.token.name, role="supervisor")

    async def body(self, type: type[T]) -> T:
        """The JSON body. Raises `BadInput` naming the field and what was expected."""
        try:
            async with asyncio.timeout(PATIENCE):
                content = await self.request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        try:
            return msgspec.json.decode(content, type=type)
        except msgspec.ValidationError as error:
            wrong = tell_wrong(error)
            raise BadInput(f"{wrong.field or 'body'}: {wrong.said}.", field=wrong.field or "body") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotJson("The body is not JSON.", field="body") from error

    async def note(self, what: str, kind: str, id: str, customer_id: str = "") -> None:
        """Tell the audit what the system read or changed."""
        await self.rooms.audit.record(
            what,
            token=self.token,
            object_kind=kind,
            object_id=id[:400],
            customer_id=customer_id,
            from_ip=caller_ip(self.request, self.rooms.settings.trusted_proxies),
        )


class Operation(NamedTuple):
    """One thing the API does; the description of the API is made of these."""

    method: str
    path: str
    handler: Callable[[Call], Awaitable[web.StreamResponse]]
    about: str
    answer: Any  # type of the JSON answer; bytes for a file
    params: tuple[Param, ...] = ()
    body: Any = None
    writes: bool = False


def answer(value: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def cursor(value: datetime, id: str) -> str:
    """Where a page ended."""
    return opaque(f"{value.isoformat()}|{id}")


def opaque(place: str) -> str:
    """A place as a word that needs no escaping in a URL and tells nobody to build it himself."""
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_opaque(word: str) -> str:
    """The place of such a word. Raises `BadInput` for one that no answer of ours gave."""
    try:
        return b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True).decode()
    except (Base64Error, ValueError) as error:
        raise BadInput("after: expected the `next` of an earlier answer.", field="after") from error


def read_cursor(word: str) -> After:
    """Where the next page begins. Raises `BadInput` for a word that no answer of ours gave."""
    at, _, id_ = read_opaque(word).partition("|")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise BadInput("after: expected the `next` of an earlier answer.", field="after") from error
    if moment.tzinfo is None or not id_:
        raise BadInput("after: expected the `next` of an earlier answer.", field="after")
    return After(moment, id_)


class Paces:
    """How many calls each token made in this minute."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def is_too_fast(self, token_id: str) -> bool:
        """Count a call."""
        minute = int(time.monotonic() // 60)
        counted, calls = self._calls.get(token_id, (minute, 0))
        calls = calls + 1 if counted == minute else 1
        self._calls[token_id] = (minute, calls)
        self._calls.move_to_end(token_id)
        if len(self._calls) > 1000:
            self._calls.popitem(last=False)
        return calls > CALLS_A_MINUTE


PACES = web.AppKey("PACES", Paces)


def entrance(operation: Operation) -> Handler:
    """The operation as aiohttp takes it, behind the check of the token."""

    async def enter(request: web.Request) -> web.StreamResponse:
        rooms = request.config_dict[ROOMS]
        token = await _find_token(request, rooms)
        if token is None:
            return problem(401, "unauthorized", "A bearer token of this installation is needed.")
        if request.config_dict[PACES].is_too_fast(token.id):
            return problem(429, "too_many_calls", f"At most {CALLS_A_MINUTE} calls a minute.")
        if operation.writes and not token.writes:
            raise NotAllowed("This token may only read.")
        return await operation.handler(Call(request, rooms, token))

    return enter


async def _find_token(request: web.Request, rooms: Rooms) -> ApiToken | None:
    scheme, _, word = request.headers.get("Authorization", "").partition(" ")
    return await find_token(rooms.store, word.strip()) if scheme.lower() == "bearer" else None


@web.middleware
async def tell_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The border of the API: whatever is raised becomes a problem document, never an exception's text."""
    try:
        refuse_compressed(request)
        return await handler(request)
    except OnewindowError as error:
        return _refuse(error)
    except web.HTTPException as error:
        return _from_http(error)
    except web.RequestPayloadError:
        told = problem(400, "bad_input", "The body is cut off.", field="body")
        told.force_close()  # nobody knows where the next request would begin
        return told
    except ConnectionError:
        raise  # the caller hung up
    except Exception as error:  # noqa: BLE001 - this border is where a bug of ours becomes an answer
        return _report(error)


def _refuse(error: OnewindowError) -> web.Response:
    match error:
        case NotFound():
            return problem(404, "not_found", str(error), field=error.field)
        case NotAllowed():
            return problem(403, "not_allowed", str(error), field=error.field)
        case NotJson():
            return problem(400, "bad_input", str(error), field=error.field)
        case BadInput():
            return problem(422 if error.field else 400, "bad_input", str(error), field=error.field)
        case Conflict():
            return problem(409, "conflict", "Somebody changed it first: read it again.")
        case AgainLater():
            return problem(503, "again_later", "Nothing can be kept just now: try again.")
        case _:
            return _report(error)


def _from_http(error: web.HTTPException) -> web.Response:
    if error.status != 415:
        return problem(error.status, "http", error.reason)
    told = problem(415, "bad_input", "The body is compressed: send it as it is.", field="body")
    told.headers["Accept-Encoding"] = "identity"
    return told


def _report(error: Exception) -> web.Response:
    incident = secrets.token_hex(4)
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("incident %s: %s in the API\n%s", incident, type(error).__name__, where)
    return problem(500, "failed", f"The fault is ours. Its number is {incident}.")


def problem(status: int, code: str, detail: str, *, field: str = "") -> web.Response:
    """A problem document (RFC 9457). `code` is for programs; `field` names what was wrong."""
    told = {
        "type": "about:blank",
        "status": status,
        "title": HTTPStatus(status).phrase,  # what a type of about:blank asks for
        "code": code,
        "detail": detail,
    }
    if field:
        told["field"] = field
    response = web.Response(body=msgspec.json.encode(told), status=status, content_type=PROBLEM)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status in (429, 503):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response

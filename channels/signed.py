"""Signed requests: another system proves who it is, and hears by a status what became of its request."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from yarl import URL

from crm.errors import AgainLater, BadInput, DeliveryDelayed, DeliveryFailed, NotAllowed, NotFound
from crm.wrong import tell_wrong
from router.intake import fault

log = logging.getLogger("onewindow.web")

TIMESTAMP = "X-Onewindow-Timestamp"
SIGNATURE = "X-Onewindow-Signature"
SHORTEST_SECRET = 16
BODY_TIME = 120.0
"""Seconds in which a body must come."""

REFUSALS = frozenset({400, 404, 409, 410, 413, 422})
"""What no second try can change. All else may be better tomorrow: also a secret that is not yet known."""

S = TypeVar("S", bound=msgspec.Struct)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def sign(secret: str, timestamp: str, path: str, body: bytes) -> str:
    """HMAC-SHA256 of the moment, the path with its query and the body, in hexadecimal digits."""
    signed = f"{timestamp}.{path}.".encode() + body
    return hmac.new(secret.encode(), signed, sha256).hexdigest()


def signed_headers(secret: str, path: str, body: bytes, *, at: float) -> dict[str, str]:
    """What a request of ours carries. `at` is in seconds since 1970."""
    timestamp = str(int(at))
    return {TIMESTAMP: timestamp, SIGNATURE: f"sha256={sign(secret, timestamp, path, body)}"}


def check(
    secrets: Sequence[str], headers: Mapping[str, str], path: str, body: bytes, *, at: float, window: float
) -> None:
    """Signed with one of the secrets, at most `window` seconds from `at`? Raises `NotAllowed`.

    Which part was wrong is told only where it helps nobody to guess. Somebody whom nobody knows has no
    secrets; it takes as long to find out as a wrong one.
    """
    timestamp, given = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise NotAllowed(f"{TIMESTAMP}: expected seconds since 1970.", field=TIMESTAMP)
    digits = given.removeprefix("sha256=").lower().encode(errors="replace")
    right = [
        hmac.compare_digest(sign(secret, timestamp, path, body).encode(), digits) and bool(secret)
        for secret in secrets or ("",)
    ]
    if not any(right):
        raise NotAllowed(f"{SIGNATURE}: the signature is wrong.", field=SIGNATURE)
    if abs(at - int(timestamp)) > window:
        raise NotAllowed(f"{TIMESTAMP}: signed too long ago, or the clocks differ.", field=TIMESTAMP)


async def read_signed(
    request: web.Request, secrets: Sequence[str], *, limit: int, at: datetime, window: float
) -> bytes:
    """The body, of at most `limit` bytes. Raises `NotAllowed`, `TooLarge` and `TimeoutError`."""
    if (request.content_length or 0) > limit:
        raise TooLarge
    body = bytearray()
    async with asyncio.timeout(BODY_TIME):
        async for piece in request.content.iter_chunked(64 * 1024):
            body += piece
            if len(body) > limit:
                raise TooLarge
    check(secrets, request.headers, request.path_qs, bytes(body), at=at.timestamp(), window=window)
    return bytes(body)


async def post_signed(
    client: ClientSession, to: str, said: object, *, secret: str, key: str, at: datetime, within: float
) -> None:
    """Hand JSON over, `within` so many seconds, under a key by which the peer knows a second try.

    Raises `DeliveryDelayed` or `DeliveryFailed`.
    """
    body, url = msgspec.json.encode(said), URL(to)
    headers = signed_headers(secret, url.raw_path_qs, body, at=at.timestamp())
    headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
    limit = ClientTimeout(total=within)
    try:
        # Where a redirect leads, nobody has set: our words are not for it.
        posted = client.post(url, data=body, headers=headers, timeout=limit, allow_redirects=False)
        async with posted as answer:
            status, wait = answer.status, answer.headers.get("Retry-After", "")
    except (ClientError, TimeoutError) as error:
        raise DeliveryDelayed("the system cannot be reached") from error
    if status in REFUSALS:
        raise DeliveryFailed(f"the system refuses the answer ({status})")
    if status not in range(200, 300):
        after = timedelta(seconds=int(wait)) if re.fullmatch("[0-9]{1,5}", wait) else None
        raise DeliveryDelayed(f"the system answers {status}", after=after)


def read_object(body: bytes, of: type[S]) -> S:
    """The object of JSON in a body. Raises `BadInput` naming the field."""
    try:
        return msgspec.json.decode(body, type=of)
    except msgspec.ValidationError as error:
        wrong = tell_wrong(error)
        raise BadInput(f"{wrong.field or 'body'}: {wrong.said}.", field=wrong.field) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadInput("body: expected an object in JSON.", field="body") from error


class TooLarge(Exception):
    """More than the settings allow."""


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Each error as its status and an object that says what was wrong (RFC 9457)."""
    try:
        return await handler(request)
    except NotAllowed as error:
        return _problem(401, str(error), error.field)
    except NotFound as error:
        return _problem(404, str(error), error.field)
    except BadInput as error:
        return _problem(422, str(error), error.field)
    except TooLarge:
        return _problem(413, "body: it is larger than the settings allow.", "body")
    except (AgainLater, TimeoutError):
        return _problem(503, "Not now: send it again.", "", {"Retry-After": "5"})
    except web.HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours is no refusal, and none of the sender's business
        log.error("a signed request failed: %s", fault(error))
        return _problem(503, "Not now: send it again.", "", {"Retry-After": "5"})


def _problem(status: int, said: str, field: str, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode({"status": status, "title": said, **({"field": field} if field else {})})
    return web.Response(
        status=status, body=body, headers={"Content-Type": "application/problem+json", **(headers or {})}
    )

"""Who may ask something of the chat: from where, by which token, from which site's page."""

from __future__ import annotations

from aiohttp import web

from channels.chat.token import visitor_of
from router.networks import Network, nearest_stranger


def peer_of(request: web.Request, trusted: tuple[Network, ...]) -> str:
    """The nearest address that is no proxy of ours."""
    return nearest_stranger(request.remote or "", request.headers.getall("X-Forwarded-For", ()), trusted)


def bearer_of(request: web.Request) -> str:
    """Which visitor asks, by the token of his page."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    visitor = visitor_of(token) if scheme.lower() == "bearer" else ""
    if not visitor:
        raise web.HTTPUnauthorized(text="Expected a visitor's token.", headers={"WWW-Authenticate": "Bearer"})
    return visitor


def is_welcome(request: web.Request, allowed_origins: tuple[str, ...]) -> bool:
    """Whether a page of that origin may talk to us. A request without one comes from no browser's page."""
    origin = request.headers.get("Origin")
    if origin is None or "*" in allowed_origins or origin in allowed_origins:
        return True
    return origin.partition("://")[2] == request.host

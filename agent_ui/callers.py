"""Who is calling: the address and the origin of a request, also when a proxy stands before us."""

from __future__ import annotations

from functools import cache

from aiohttp import web

from agent_ui.rooms import UiSettings
from router.networks import Network, is_in, nearest_stranger, read_networks


def caller_ip(request: web.Request, trusted: tuple[str, ...]) -> str:
    """The nearest address that is not a proxy of ours; what strangers put before it is not believed."""
    forwarded = request.headers.getall("X-Forwarded-For", ())
    return nearest_stranger(request.remote or "", forwarded, _networks(trusted))


def own_origin(request: web.Request, settings: UiSettings) -> str:
    """What a browser that shows our page puts into its Origin header."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    scheme = request.scheme
    if _is_trusted(request.remote or "", settings.trusted_proxies):
        scheme = request.headers.get("X-Forwarded-Proto", scheme)
    return f"{scheme}://{request.host}"


def is_from_elsewhere(request: web.Request, settings: UiSettings) -> bool:
    """Another site's page sent this request. Browsers say so; who is no browser has no cookies to abuse."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return True
    return request.headers.get("Origin", own_origin(request, settings)) != own_origin(request, settings)


def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    return is_in(address, _networks(trusted))


@cache
def _networks(names: tuple[str, ...]) -> tuple[Network, ...]:
    return read_networks(names)

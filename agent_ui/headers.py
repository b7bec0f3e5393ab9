"""What every answer tells the browser to refuse: foreign scripts, foreign frames, guessing of types."""

from __future__ import annotations

from aiohttp import web

from agent_ui.rooms import ROOMS

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Customers' words must not stay in a browser's cache after signing out.
    "Cache-Control": "no-store",
}


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Added unless the handler said otherwise, to what this application answers itself.

    A door that is mounted on it has borders of its own.
    """
    response.headers["Server"] = "onewindow"  # which versions we run is nobody's business
    if request.match_info.apps[-1] is not request.match_info.apps[0]:
        return
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.match_info.apps[0][ROOMS].settings.secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")

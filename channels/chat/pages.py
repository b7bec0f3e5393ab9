"""What a browser loads: the hosted page, the frame inside other sites, and the script that puts it there."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from channels.chat.settings import ChatSettings
from channels.chat.words import Words

WIDGET = Path(__file__).parent / "widget"

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Pages:
    """Every page and file of the widget, read once. A changed file has another address: caches never err."""

    def __init__(self, settings: ChatSettings, words: Words) -> None:
        self._settings = settings
        self._words = words
        self._files = {
            path.name: path.read_bytes() for path in sorted(WIDGET.iterdir()) if path.suffix in _TYPES
        }
        self.version = sha256(b"".join(self._files.values())).hexdigest()[:12]
        jinja = Environment(loader=FileSystemLoader(WIDGET), autoescape=True)
        self._page = jinja.get_template("page.html")

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/", self._hosted)
        app.router.add_get("/frame", self._framed)
        app.router.add_get("/widget.js", self._script)
        app.router.add_get("/{version:v-[0-9a-f]+}/{name}", self._file)

    async def _hosted(self, request: web.Request) -> web.Response:
        return self._render(request, embedded=False)

    async def _framed(self, request: web.Request) -> web.Response:
        return self._render(request, embedded=True)

    async def _script(self, request: web.Request) -> web.Response:
        """The one script of a site. Its address never changes, so browsers ask whether it did."""
        headers = {"Cache-Control": "no-cache", "ETag": f'"{self.version}"'}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        # A site's own policy may ask for CORP (COEP: require-corp); the script is for everybody.
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return _asset("widget.js", self._files["widget.js"], headers)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound(text="There is no such file.")
        # An old page may ask for an old version: it gets today's file, but must not keep it as the old one.
        current = request.match_info["version"] == f"v-{self.version}"
        cache = "public, max-age=31536000, immutable" if current else "no-cache"
        return _asset(name, self._files[name], {"Cache-Control": cache})

    def _render(self, request: web.Request, *, embedded: bool) -> web.Response:
        words = self._words
        accepted = request.headers.get("Accept-Language", "")
        language = words.choose(request.query.get("language", ""), accepted=accepted)
        titles = {known: self._settings.title.get(known) for known in words.languages}
        html = self._page.render(
            embedded=embedded,
            language=language,
            title=titles[language] or words.text(language, "title"),
            no_script=words.text(language, "no_script"),
            base=f"v-{self.version}",
            config={
                "embedded": embedded,
                "language": language,
                "titles": {known: title for known, title in titles.items() if title},
                "words": {known: words.texts(known) for known in words.languages},
            },
        )
        headers = {"Cache-Control": "no-cache", **_policy(self._settings, embedded=embedded)}
        return web.Response(text=html, content_type="text/html", headers=headers)


def _policy(settings: ChatSettings, *, embedded: bool) -> dict[str, str]:
    """Nothing from elsewhere runs in our page, and only sites that may embed it show it."""
    ancestors = " ".join(("'self'", *settings.allowed_origins)) if embedded else "'none'"
    return {
        "Content-Security-Policy": "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self' blob:",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                f"frame-ancestors {ancestors}",
            )
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }


def _asset(name: str, content: bytes, headers: dict[str, str]) -> web.Response:
    return web.Response(
        body=content,
        content_type=_TYPES[Path(name).suffix],
        charset="utf-8",
        headers={**headers, "X-Content-Type-Options": "nosniff"},
    )

"""Styles, scripts and drawings: read once, named by their content, kept by browsers for ever."""

from __future__ import annotations

import gzip
import mimetypes
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

STATIC = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"


class Asset(NamedTuple):
    """A file as it is sent."""

    content: bytes
    squeezed: bytes
    mime: str


class Assets(NamedTuple):
    """Every file of static/, and a version that changes with any of them.

    The version is a folder of the address, so that modules import each other by relative names.
    """

    version: str
    files: dict[str, Asset]

    def url(self, name: str) -> str:
        if name not in self.files:
            raise KeyError(f"static/{name} does not exist")
        return f"/static/{self.version}/{name}"


@cache
def read_assets() -> Assets:
    """The files, read once in the life of the process."""
    files = {}
    version = sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            name, content = path.relative_to(STATIC).as_posix(), path.read_bytes()
            mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
            files[name] = Asset(content, gzip.compress(content, 6, mtime=0), mime)
            version.update(name.encode() + b"\0" + content)
    return Assets(version.hexdigest()[:12], files)


async def send_asset(request: web.Request) -> web.Response:
    """An address of another version is answered with what there is now, and not kept."""
    assets = read_assets()
    asset = assets.files.get(request.match_info["name"])
    if asset is None:
        raise web.HTTPNotFound
    fresh = request.match_info["version"] == assets.version
    headers = {
        "Cache-Control": FOREVER if fresh else "no-cache",
        "Content-Type": f"{asset.mime}; charset=utf-8" if asset.mime.startswith("text/") else asset.mime,
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("Accept-Encoding", "") and len(asset.squeezed) < len(asset.content):
        return web.Response(body=asset.squeezed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=asset.content, headers=headers)


ROUTES = [web.get("/static/{version}/{name:.+}", send_asset)]

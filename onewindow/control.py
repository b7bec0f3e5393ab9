"""How a command reaches the server that has the store open: a socket that only this user can open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from crm.errors import AgainLater, BadInput, OnewindowError
from onewindow.commands import COMMANDS
from onewindow.core import Core, data_directory, open_core
from onewindow.settings import Settings

MAX_LINE = 1024 * 1024
PATIENCE = 60.0


@asynccontextmanager
async def answer_commands(core: Core) -> AsyncIterator[None]:
    """Commands are answered while the context is open: one JSON line each way."""
    path = _socket_path(core.settings)
    path.unlink(missing_ok=True)  # left behind by a server that was killed; the store's lock says it is gone

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                asked = json.loads(await reader.readline())
                said = await _run(core, asked)
                writer.write(json.dumps(said).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ValueError, ConnectionError):
            return  # whoever asked is gone or does not speak our language: nobody is left to tell
        finally:
            writer.close()

    server = await asyncio.start_unix_server(answer, path, limit=MAX_LINE)
    path.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def _run(core: Core, asked: dict[str, Any]) -> dict[str, Any]:
    command = COMMANDS.get(str(asked.get("command")))
    if command is None:
        return {"error": "the server is of another version: it does not know this command"}
    try:
        return await command(core, **asked.get("arguments", {}))
    except AgainLater as error:
        return {"error": f"not now, try again: {error}"}
    except OnewindowError as error:
        return {"error": str(error)}


async def tell(settings: Settings, command: str, **arguments: object) -> dict[str, Any]:
    """Run a command in the server when it runs, else on the store itself. Raises `BadInput`."""
    path = _socket_path(settings)
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE * 16)
    except OSError:
        async with open_core(settings) as core:
            said = await _run(core, {"command": command, "arguments": arguments})
    else:
        writer.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            line = await reader.readline()
        writer.close()
        said = json.loads(line) if line else {"error": "the server stopped before it answered"}
    if "error" in said:
        raise BadInput(str(said["error"]))
    return said


def _socket_path(settings: Settings) -> Path:
    """Relative when that is shorter: the name of a socket has at most 107 bytes (unix(7))."""
    path = data_directory(settings).absolute() / "control.sock"
    try:
        near = path.relative_to(Path.cwd())
    except ValueError:
        return path
    return near

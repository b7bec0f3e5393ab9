"""How a command reaches the server that has the store open: a socket that only this user can open."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from crm.errors import AgainLater, BadInput, OnewindowError
from onewindow.commands import COMMANDS
from onewindow.core import Core, data_directory, open_core
from onewindow.settings import BadSetting, Settings
from router.intake import fault

log = logging.getLogger("onewindow")

MAX_LINE = 1024 * 1024
PATIENCE = 60.0


@asynccontextmanager
async def answer_commands(core: Core) -> AsyncIterator[None]:
    """Commands are answered while the context is open: one JSON line each way. Raises `BadSetting`."""
    path = _socket_path(core.settings)
    path.unlink(missing_ok=True)  # left behind by a server that was killed; the store's lock says it is gone

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                said = await _run(core, json.loads(await reader.readline()))
                writer.write(json.dumps(said).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ValueError, RecursionError, ConnectionError):
            return  # whoever asked is gone or does not speak our language: nobody is left to tell
        finally:
            writer.close()

    try:
        server = await asyncio.start_unix_server(answer, path, limit=MAX_LINE)
    except OSError as error:
        raise BadSetting(
            f"data: no socket can be made at {path}: {error}. A shorter path may help.", field="data"
        ) from error
    path.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def _run(core: Core, asked: object) -> dict[str, Any]:
    """What the command returns, or its `error`."""
    try:
        call = _bound(core, asked)
    except TypeError:
        return {"error": "this program and the server are of different versions: restart the server"}
    try:
        return await call()
    except AgainLater as error:
        return {"error": f"not now, try again: {error}"}
    except OnewindowError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - a fault of one command must not look like a server that stopped
        log.error("command failed: %s", fault(error))
        return {"error": "the command failed: the log of the server says where"}


def _bound(core: Core, asked: object) -> Callable[[], Awaitable[dict[str, Any]]]:
    """The command with its arguments. Raises `TypeError` for one that is not known, or not so."""
    if not isinstance(asked, dict) or not isinstance(asked.get("arguments"), dict):
        raise TypeError("a command is an object")
    command = COMMANDS.get(str(asked.get("command")))
    if command is None:
        raise TypeError("no command of this name")
    bound = inspect.signature(command).bind(core, **asked["arguments"])
    return partial(command, *bound.args, **bound.kwargs)


async def tell(settings: Settings, command: str, **arguments: object) -> dict[str, Any]:
    """Run a command in the server when it runs, else on the store itself. Raises `BadInput`."""
    asked = {"command": command, "arguments": arguments}
    try:
        reader, writer = await asyncio.open_unix_connection(_socket_path(settings), limit=MAX_LINE * 16)
    except OSError:
        async with open_core(settings) as core:
            said = await _run(core, asked)
    else:
        said = await _ask(reader, writer, asked)
    if "error" in said:
        raise BadInput(str(said["error"]))
    return said


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Mapping[str, object]
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(json.dumps(asked).encode() + b"\n")
            line = await reader.readline()
        said: dict[str, Any] = json.loads(line)
    except TimeoutError:
        return {"error": f"the server did not answer within {PATIENCE:.0f} seconds"}
    except (ValueError, ConnectionError):
        return {"error": "the server stopped before it answered"}
    finally:
        writer.close()
    return said


def _socket_path(settings: Settings) -> Path:
    """Relative when that is shorter: the name of a socket has at most 107 bytes (unix(7))."""
    path = data_directory(settings).absolute() / "control.sock"
    try:
        near = path.relative_to(Path.cwd())
    except ValueError:
        return path
    return near

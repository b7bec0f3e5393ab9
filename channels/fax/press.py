"""Asks the darkroom for pages, and waits no longer than it said: what has come by then is what there is."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from typing import NamedTuple

from channels.fax.frames import (
    Develop,
    Document,
    File,
    Frame,
    Request,
    Sheet,
    Trouble,
    Typeset,
    pack,
    read_frames,
)
from crm.errors import DeliveryDelayed, DeliveryFailed

log = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024 * 1024
_CHUNK = 1 << 16


class Developed(NamedTuple):
    """The pages of a fax, one PDF of them, and what is wrong."""

    sheets: tuple[Sheet, ...] = ()
    pdf: bytes = b""
    troubles: tuple[Trouble, ...] = ()


async def develop(files: Sequence[File], *, most: int, seconds: float) -> Developed:
    """Every page that can be made visible within the time. Never fails: what went wrong is in `troubles`."""
    if not files:
        return Developed()
    frames, ended = await _ask(Develop(files=tuple(files), most=most), seconds)
    troubles = [frame for frame in frames if isinstance(frame, Trouble)]
    if not ended:
        troubles.append(Trouble(code="gave_up"))
    return Developed(
        tuple(frame for frame in frames if isinstance(frame, Sheet)),
        next((frame.content for frame in frames if isinstance(frame, Document)), b""),
        tuple(troubles),
    )


async def typeset(asked: Typeset, *, seconds: float) -> bytes:
    """The TIFF to send. Raises `DeliveryFailed` for a file that cannot go by fax, or `DeliveryDelayed`."""
    frames, ended = await _ask(asked, seconds)
    for frame in frames:
        if isinstance(frame, Trouble):
            why = "has too many pages" if frame.code == "too_many_pages" else "cannot be printed"
            raise DeliveryFailed(
                f"file {frame.file + 1} {why}: a fax takes PDF, TIFF, pictures and plain text"
            )
        if isinstance(frame, Document):
            return frame.content
    log.error("fax: an answer could not be laid out, ended=%s", ended)
    raise DeliveryDelayed("the pages could not be made")


async def _ask(request: Request, seconds: float) -> tuple[list[Frame], bool]:
    """What the darkroom said, and whether it came to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "channels.fax.darkroom",
        str(int(seconds) + 1),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    said = bytearray()
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(_hand_in(process, pack(request)), _hear(process, said))
            ended = await process.wait() == 0
    except TimeoutError:
        ended = False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return list(read_frames(bytes(said))), ended


async def _hand_in(process: asyncio.subprocess.Process, request: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    try:
        process.stdin.write(request)
        await process.stdin.drain()
    except ConnectionError:
        return  # it died before it heard all: its exit code says so
    finally:
        process.stdin.close()


async def _hear(process: asyncio.subprocess.Process, said: bytearray) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while chunk := await process.stdout.read(_CHUNK):
        said += chunk
        if len(said) > MOST_BYTES:
            process.kill()
            return

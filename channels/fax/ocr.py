"""Reads the words on a page with tesseract, where it is installed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from asyncio.subprocess import DEVNULL, PIPE

LONGEST = 20_000
"""Characters of one page that are kept; a page set in small print has 8,000."""

PAGE_SECONDS = 120.0
"""That one page may be read for, when nobody waits for it any more."""

_SPACES = re.compile(r"[ \t\x0b\x0c]+")
_EMPTY_LINES = re.compile(r"\n{3,}")


def find_tesseract() -> str:
    """Where the program is; empty where it is not installed."""
    return shutil.which("tesseract") or ""


async def read_pages(pages: list[bytes], *, program: str, languages: str, seconds: float) -> tuple[str, int]:
    """The words of as many pages as can be read in that time, and how many those are."""
    until = time.monotonic() + seconds
    found: list[str] = []
    for page in pages:
        left = min(until - time.monotonic(), PAGE_SECONDS)
        if left <= 0:
            break
        words = await read_words(page, program=program, languages=languages, seconds=left)
        if words is None and time.monotonic() >= until:
            break
        found.append(words or "")
    return "\n\n".join(filter(None, found)), len(found)


async def read_words(png: bytes, *, program: str, languages: str, seconds: float) -> str | None:
    """The words of a page, empty where there are none; None when it could not be read in that time."""
    process = await asyncio.create_subprocess_exec(
        *(program, "stdin", "stdout", "-l", languages),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        # A fax is read beside everything else that the machine does: one processor is enough for it.
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate(png)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return tidy(said.decode("utf-8", "replace")) if process.returncode == 0 else None


def tidy(words: str) -> str:
    """The words without the spaces that stand for specks on the paper."""
    lines = (_SPACES.sub(" ", line).strip() for line in words[: 2 * LONGEST].splitlines())
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()[:LONGEST]

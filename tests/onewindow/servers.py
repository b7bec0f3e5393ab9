"""The real program in a process of its own, as an operator starts it."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PATIENCE = 30.0


class Running(NamedTuple):
    """A server that serves. `url` is where its pages are, `said` its first line."""

    process: subprocess.Popen[bytes]
    url: str
    said: str
    took: float  # seconds from the start to the first word


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "onewindow", *arguments]


def environment() -> dict[str, str]:
    """Ours, without what would overrule the settings of a test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ONEWINDOW_")}


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=home,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def spawn(home: Path, log: Path) -> subprocess.Popen[bytes]:
    """Starts the server of the installation in that directory."""
    with log.open("ab") as errors:
        return subprocess.Popen(
            command("serve", "--config", "onewindow.toml"),
            cwd=home,
            env={**environment(), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=errors,
        )


def start(home: Path, log: Path) -> Running:
    """Starts the server and waits until it says that it serves."""
    began = time.monotonic()
    process = spawn(home, log)
    assert process.stdout is not None
    said = b""
    while not (serves := re.search(rb"serves (http://\S+).*\n", said)):
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        more = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not more:
            kill(process)
            raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")
        said += more
    return Running(process, serves[1].decode(), serves[0].decode(), time.monotonic() - began)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends it as a power cut would."""
    process.kill()
    process.wait(PATIENCE)
    if process.stdout:
        process.stdout.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks it to stop, which it must do in order and in time."""
    process.terminate()
    try:
        assert process.wait(PATIENCE) == 0
    finally:
        kill(process)


@contextmanager
def serving(home: Path) -> Iterator[Running]:
    """The server as long as the context is open; at its end it is asked to stop, unless a test killed it."""
    server = start(home, home / "server.log")
    try:
        yield server
        if server.process.poll() is None:
            stop(server.process)
    finally:
        kill(server.process)

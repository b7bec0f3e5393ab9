"""The real program in a process of its own, as an operator starts it."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PATIENCE = 30.0


class Running(NamedTuple):
    """A server that serves. `url` is where its pages are."""

    process: subprocess.Popen[bytes]
    url: str
    took: float  # seconds from the start to the first word

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)


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


def start(home: Path, log: Path) -> Running:
    """Starts the server of the installation in that directory and waits until it says that it serves."""
    began = time.monotonic()
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command("serve", "--config", "onewindow.toml"),
            cwd=home,
            env={**environment(), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    said = b""
    while not (serves := re.search(rb"serves (http://\S+)", said)):
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        more = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not more:
            process.kill()
            process.wait(PATIENCE)
            raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")
        said += more
    return Running(process, serves[1].decode(), time.monotonic() - began)


@contextmanager
def serving(home: Path) -> Iterator[Running]:
    """The server as long as the context is open; at its end it is asked to stop, and must."""
    server = start(home, home / "server.log")
    try:
        yield server
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0
    finally:
        if server.process.poll() is None:
            server.kill()
        if server.process.stdout:
            server.process.stdout.close()

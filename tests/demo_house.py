"""The demo as a person starts it: the real program in a process of its own, on free ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "ow_a-token-for-tests"
PATIENCE = 60.0


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class DemoHouse:
    """Where the demo's doors are. `log` is all that it printed."""

    data: Path
    http_port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log(self) -> str:
        return (self.data.parent / "log").read_text(encoding="utf-8", errors="replace")

    def start(self, *arguments: str) -> None:
        """Start it and wait until its pages are served and its mail door is open."""
        environ = {
            **os.environ,
            "ONEWINDOW_HTTP_PORT": str(self.http_port),
            "ONEWINDOW_SMTP_PORT": str(self.smtp_port),
            "ONEWINDOW_DATA": str(self.data),
            "ONEWINDOW_DEMO_TOKEN": TOKEN,
            "COLUMNS": "200",
        }
        command = [sys.executable, "-m", "onewindow", "demo", *arguments]
        with (self.data.parent / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the demo did not start:\n{self.log}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As the kernel does it when memory runs out: no goodbye."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        return self.process.wait(timeout=40)

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310 - our own
                up: bool = answer.status == 200
            with socket.create_connection(("127.0.0.1", self.smtp_port), timeout=2):
                return up
        except (OSError, urllib.error.URLError):
            return False


@contextmanager
def demo_house(directory: Path, *arguments: str) -> Iterator[DemoHouse]:
    """The demo, running while the context is open."""
    house = DemoHouse(directory / "var")
    house.start(*arguments)
    try:
        yield house
    finally:
        house.kill()

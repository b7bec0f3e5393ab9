"""Servers that are measured run as processes of their own, and say on demand what they have cost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


class Child:
    """A server process. `port` is where it listens."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.port = port

    def cpu(self) -> float:
        """Seconds of processor time that all of its threads have taken so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        """Bytes of memory that it holds now and shares with nobody (Pss)."""
        for line in Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the kernel does not tell the memory of a process")


@contextmanager
def child(server: str, *arguments: str) -> Iterator[Child]:
    """Start `tests.bench.servers SERVER` and wait until it says its port."""
    command = [sys.executable, "-m", "tests.bench.servers", server, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("port "):
                raise RuntimeError(f"{server} did not start: {line!r}")
            yield Child(process, int(line.split()[1]))
        finally:
            process.terminate()
            process.wait(30)

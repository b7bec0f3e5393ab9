"""The real HylaFAX for the tests: a spool of its own, its scheduler, its server on a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = Path("/usr/lib/hylafax/bin")
INSTALLED = Path("/var/spool/hylafax")
CONFIGURED = Path("/etc/hylafax")
PATIENCE = 20.0
USER = "uucp"


class FaxServer:
    """One HylaFAX. Instead of a mail program its scripts call one that keeps each mail as a file."""

    def __init__(self, spool: Path, port: int) -> None:
        self.spool = spool
        self.port = port
        self.mails = spool / "mails"
        self._programs: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Scheduler and server, until both can be talked to."""
        for command in (
            ["/usr/sbin/faxq", "-D", "-q", str(self.spool)],
            ["/usr/sbin/hfaxd", "-d", "-q", str(self.spool), "-l", "127.0.0.1", "-i", str(self.port)],
        ):
            with (self.spool / "output").open("ab") as output:
                self._programs.append(subprocess.Popen(command, stdout=output, stderr=output))
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < deadline, (self.spool / "output").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        for program in self._programs:
            program.terminate()
            program.wait(PATIENCE)
        self._programs.clear()

    def jobs(self, queue: str = "sendq") -> list[dict[str, str]]:
        """The jobs of a queue, each with the keys of its file."""
        found = []
        for path in sorted((self.spool / queue).glob("q*")):
            pairs = (line.partition(":") for line in path.read_text(errors="replace").splitlines())
            found.append({key: value for key, _, value in pairs})
        return found

    def remove(self, job_id: str) -> None:
        """Take a job off the queue, as its owner may."""
        command = ["faxrm", "-h", self.address, job_id]
        environment = {**os.environ, "FAXUSER": "onewindow"}
        subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)

    def hand_over(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What faxgetty does when a fax is in: it calls faxrcvd from the spool."""
        return subprocess.run(
            ["bash", "bin/faxrcvd", *arguments],
            cwd=self.spool,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def statistics(self, *arguments: str) -> str:
        """What recvstats counts. It knows one spool only: its own copy is told of ours."""
        script = self.spool / "recvstats"
        text = (PROGRAMS / "recvstats").read_text()
        script.write_text(text.replace(f"SPOOL={INSTALLED}", f"SPOOL={self.spool}"))
        command = ["bash", str(script), "-age", "36500", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def mailed(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.mails.iterdir())]

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                greeted = line.recv(200)
        except OSError:
            return False
        return greeted.startswith((b"220", b"130")) and (self.spool / "FIFO").exists()


def run(program: str, *arguments: str) -> str:
    """What one of HylaFAX's own programs prints; the wrappers in sbin want to mount things, these do not."""
    done = subprocess.run(
        [str(PROGRAMS / program), *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def hook(config: Path) -> str:
    """The line for etc/FaxDispatch, as docs/channels/fax.md has it."""
    return (
        f'{sys.executable} -m onewindow fax-received --config {config} "$FILE" "$DEVICE" "$COMMID" "$MSG" '
        '"$CIDNUMBER" "$CIDNAME" "$DESTINATION" || touch "$FILE.refused"\n'
    )


@contextmanager
def a_spool() -> Iterator[FaxServer]:
    """A HylaFAX that is installed but not started."""
    with tempfile.TemporaryDirectory(prefix="hylafax-") as home:
        os.chmod(home, 0o755)  # noqa: PTH101, S103 - HylaFAX is another user
        spool = Path(home, "spool")
        shutil.copytree(INSTALLED, spool, symlinks=True, ignore=lambda folder, _: _but_scripts(folder))
        shutil.copytree(CONFIGURED, spool / "etc", dirs_exist_ok=True)
        for path in (spool, *spool.rglob("*")):
            shutil.chown(path, USER, USER)
        server = FaxServer(spool, _free_port())
        server.mails.mkdir(mode=0o777)
        mailer = spool / "mailer"
        mailer.write_text(f'#!/bin/sh\ncat > "{server.mails}/$(date +%s%N)"\n')
        mailer.chmod(0o755)
        cache = spool / "etc" / "setup.cache"
        cache.chmod(0o644)
        cache.write_text(f"{cache.read_text()}\nSENDMAIL='{mailer}'\nSPOOL='{spool}'\n")
        yield server


@contextmanager
def a_server() -> Iterator[FaxServer]:
    """A HylaFAX that runs."""
    with a_spool() as server:
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _but_scripts(folder: str) -> Sequence[str]:
    """Of what is installed only scripts and templates are wanted, nobody's faxes."""
    kept = {str(INSTALLED), str(INSTALLED / "bin"), str(INSTALLED / "config")}
    return [] if folder in kept else os.listdir(folder)  # noqa: PTH208 - names are what is asked for


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])

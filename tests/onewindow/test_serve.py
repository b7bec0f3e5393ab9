"""The whole program in a process of its own: where it says it serves, and what it may have open."""

from __future__ import annotations

import resource
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from onewindow.limits import FILES
from tests.onewindow.servers import run, serving

DOORS = """
[http]
host = "{host}"
port = 0
[email]
host = "{host}"
port = 0
addresses = ["help@example.com"]
[chat]
"""


@contextmanager
def few_files_allowed(soft: int) -> Iterator[int]:
    """What this process starts begins with so few; inside is how many it may ask for."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as one:
        try:
            one.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_addresses_it_prints_are_those_it_answers_at(tmp_path: Path, host: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    (tmp_path / "onewindow.toml").write_text(DOORS.format(host=host), encoding="utf-8")
    with serving(tmp_path) as server:
        bracketed = f"[{host}]" if ":" in host else host
        assert server.url.startswith(f"http://{bracketed}:")
        with urlopen(f"{server.url}/login", timeout=10) as page:  # noqa: S310 - our own server
            assert page.status == 200
        mail = server.said.split(" and mail on ")[1].strip()
        where, _, port = mail.rpartition(":")
        assert where == bracketed
        with smtplib.SMTP(host, int(port), timeout=10) as peer:
            assert peer.noop()[0] == 250


@pytest.mark.slow
def test_it_may_have_more_files_open_than_the_shell_that_starts_it(tmp_path: Path) -> None:
    (tmp_path / "onewindow.toml").write_text("[http]\nport = 0\n[chat]", encoding="utf-8")
    with few_files_allowed(512) as hard, serving(tmp_path) as server:
        now, most = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        assert most == hard
        assert now == (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "says"),
    [("http", "http.port: cannot listen on 127.0.0.1:{port}"), ("email", "email: cannot listen")],
)
def test_a_port_that_is_taken_is_named(tmp_path: Path, table: str, says: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        doors = DOORS.format(host="127.0.0.1")
        head, tail = doors.split(f"[{table}]")
        taken = f"{head}[{table}]{tail.replace('port = 0', f'port = {port}', 1)}"
        (tmp_path / "onewindow.toml").write_text(taken, encoding="utf-8")
        told = run(tmp_path, "serve")
    assert told.returncode == 1
    assert says.format(port=port) in told.stderr
    assert len(told.stderr.splitlines()) == 1

"""What `onewindow check` finds: every finding names a setting and what was expected of it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from onewindow.check import check_file

WELL = """
[http]
port = 0
[email]
addresses = ["help@example.com"]
port = 0
[relay]
mailbox = "help@example.com"
[chat]
"""


def findings_of(home: Path, text: str) -> list[str]:
    (home / "onewindow.toml").write_text(text, encoding="utf-8")
    return check_file(home / "onewindow.toml", {})


def test_nothing_is_found_where_all_is_well_and_nothing_is_left_behind(tmp_path: Path) -> None:
    assert findings_of(tmp_path, WELL) == []
    assert [path.name for path in tmp_path.iterdir()] == ["onewindow.toml"]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (WELL, "[http]\nport = 0", "email, chat: no channel is set up: add a table [email] or [chat]"),
        (
            'addresses = ["help@example.com"]',
            "",
            "email.addresses: expected at least one address or domain that is ours",
        ),
        (
            '[relay]\nmailbox = "help@example.com"',
            "",
            "relay: mail comes in but no relay is set to answer through: add a table [relay]",
        ),
        (
            "[chat]",
            "[ui]\npublic_url = 'x'\n[chat]",
            "ui.public_url: expected an address such as https://help.example.com, without a path, got 'x'",
        ),
        ("[http]", "data = 'taken'\n[http]", "data: {home}/taken is a file: expected a directory"),
        ("[http]", "data = 'taken/below'\n[http]", "data: {home}/taken is a file: expected a directory"),
        ("[http]", "secret = 'short'\n[http]", "secret: expected at least 16 characters."),
        ("[chat]", "[router]\nrules = 'none.toml'\n[chat]", "router.rules: {home}/none.toml cannot be read"),
        (
            "[chat]",
            "[router]\nrules = 'taken'\n[chat]",
            "router.rules: {home}/taken: default_department: expected",
        ),
        (
            "addresses",
            "tls_certificate = 'none.pem'\naddresses",
            "email.tls_certificate: {home}/none.pem cannot be read: expected a PEM file",
        ),
        (
            "addresses",
            "tls_certificate = 'taken'\ntls_key = 'none.pem'\naddresses",
            "email.tls_key: {home}/none.pem cannot be read: expected a PEM file",
        ),
        ("[email]", "host = 'no host of ours'\n[email]", "http.port: cannot listen on no host of ours:0"),
    ],
)
def test_one_thing_that_is_wrong_is_found_and_named(
    tmp_path: Path, before: str, after: str, found: str
) -> None:
    (tmp_path / "taken").touch()
    assert before in WELL
    (finding,) = findings_of(tmp_path, WELL.replace(before, after))
    assert finding.startswith(found.format(home=tmp_path))


def test_everything_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("x", encoding="utf-8")
    wrong = "[email]\nhost = 'no host of ours'\ntls_certificate = 'x'\ntls_key = 'y'"
    found = [finding.partition(":")[0] for finding in findings_of(tmp_path, WELL.replace("[email]", wrong))]
    expected = ["router.rules", "email.tls_certificate", "email.tls_key", "email.port"]
    assert [name for name in found if name != "http.port"] == expected


@pytest.mark.parametrize("table", ["http", "email"])
def test_a_port_that_is_taken_is_found(tmp_path: Path, table: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (finding,) = findings_of(tmp_path, with_port(table, port))
    assert finding.startswith(f"{table}.port: cannot listen on 127.0.0.1:{port}: ")


def with_port(table: str, port: int) -> str:
    head, tail = WELL.split(f"[{table}]")
    return f"{head}[{table}]{tail.replace('port = 0', f'port = {port}', 1)}"


def test_two_doors_at_one_port_are_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (finding,) = findings_of(tmp_path, WELL.replace("port = 0", f"port = {port}"))
    assert finding == f"email.port: expected another than http.port, which is {port} too"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: run as another user")
def test_a_directory_that_may_not_be_written_to_is_found(tmp_path: Path) -> None:
    tmp_path.joinpath("locked").mkdir(mode=0o500)
    (finding,) = findings_of(tmp_path, WELL.replace("[http]", "data = 'locked/var'\n[http]"))
    assert finding == f"data: {tmp_path}/locked cannot be written to by this user"

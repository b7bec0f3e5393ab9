"""The real components the tests lean on: which are on this machine, and how to install the others."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A program that a test runs for real."""

    name: str
    commands: tuple[str, ...]
    install: str

    def find(self) -> Path | None:
        # Debian keeps servers in sbin, which an ordinary user's PATH leaves out.
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
        found = (shutil.which(command, path=path) for command in self.commands)
        return next((Path(command) for command in found if command), None)


COMPONENTS = {
    component.name: component
    for component in (
        Component(
            name="chromium", commands=("chromium", "chromium-browser"), install="apt-get install chromium"
        ),
        Component(name="curl", commands=("curl",), install="apt-get install curl"),
        Component(name="dovecot", commands=("dovecot",), install="apt-get install dovecot-imapd"),
        Component(
            name="hylafax-client",
            commands=("sendfax",),
            install="apt-get install hylafax-client",
        ),
        Component(name="hylafax-server", commands=("faxq",), install="apt-get install hylafax-server"),
        Component(name="libtiff-tools", commands=("tiffcp",), install="apt-get install libtiff-tools"),
        Component(name="postfix", commands=("postfix",), install="apt-get install postfix"),
        Component(name="redis-server", commands=("redis-server",), install="apt-get install redis-server"),
        Component(name="swaks", commands=("swaks",), install="apt-get install swaks"),
        Component(
            name="tesseract",
            commands=("tesseract",),
            install="apt-get install tesseract-ocr tesseract-ocr-rus tesseract-ocr-eng",
        ),
    )
}

MISSING = pytest.StashKey[set[str]]()


def path_to(name: str) -> Path:
    """Where the component's program is; a test that carries the component's marker may rely on it."""
    found = COMPONENTS[name].find()
    if found is None:
        raise LookupError(f"{name} is missing: {COMPONENTS[name].install}")
    return found


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MISSING] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.component("chromium"))
        for name in _needed_by(item):
            if name not in COMPONENTS:
                raise pytest.UsageError(f"{item.nodeid} needs {name!r}; known are {', '.join(COMPONENTS)}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in _needed_by(item):
        component = COMPONENTS[name]
        if component.find() is None:
            item.config.stash[MISSING].add(name)
            _refuse(f"{name} is missing: {component.install}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    missing = config.stash[MISSING]
    if missing:
        terminalreporter.section("real components missing on this machine")
    for name in sorted(missing):
        terminalreporter.write_line(f"{name}: {COMPONENTS[name].install}")


def _needed_by(item: pytest.Item) -> Iterator[str]:
    for marker in item.iter_markers("component"):
        yield from marker.args


def _refuse(reason: str) -> None:
    # A skip on the integration machine would be a promise nobody checked.
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)

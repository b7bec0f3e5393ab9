"""The command line: `onewindow serve`, `check`, `user add`, `token add`, `dead-letters`, `backup`, `demo`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from crm.errors import OnewindowError
from onewindow.check import check_file
from onewindow.control import tell
from onewindow.core import data_directory
from onewindow.demo.running import run_demo
from onewindow.fax import keep_received, keep_sent
from onewindow.limits import allow_many_connections
from onewindow.place import place
from onewindow.serve import Addresses, run_until_stopped
from onewindow.settings import Settings, load_settings
from storage.sqlite import backup as copy_store

T = TypeVar("T")
out = Console()
problems = Console(stderr=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it on uvloop where the platform has it."""
    try:
        import uvloop  # noqa: PLC0415 - not every platform has it
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def main() -> None:
    """The program. What was done wrong is said in one line; the exit code is then 1."""
    try:
        cli(prog_name="onewindow", standalone_mode=True)
    except* OnewindowError as errors:
        for line in [line for error in _leaves(errors) for line in str(error).splitlines()]:
            problems.print(f"[bold red]onewindow:[/] {escape(line)}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _leaves(errors: BaseExceptionGroup[OnewindowError]) -> list[OnewindowError]:
    leaves: list[OnewindowError] = []
    for error in errors.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


def config_option(command: Callable[..., None]) -> Callable[..., None]:
    """Every command reads the settings of one installation."""
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("onewindow.toml"),
        show_default=True,
        help="The settings of the installation.",
    )(command)


def _settings(config: Path) -> Settings:
    settings = load_settings(config, os.environ)
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    return settings


@click.group()
@click.version_option(package_name="onewindow")
def cli() -> None:
    """One window for every door a customer uses."""


@cli.command()
@config_option
def serve(config: Path) -> None:
    """Start the contact center and serve until it is told to stop."""

    settings = _settings(config)

    def ready(addresses: Addresses) -> None:
        mail = f" and mail on {place(settings.email.host, addresses.smtp_port)}" if settings.email else ""
        out.print(f"onewindow serves {addresses.http}{mail}", highlight=False, markup=False, soft_wrap=True)

    allow_many_connections()
    run(run_until_stopped(settings, ready))


@cli.command()
@config_option
def check(config: Path) -> None:
    """Say what is wrong with a configuration, without starting anything."""
    findings = check_file(config, os.environ)
    for finding in findings:
        problems.print(f"[bold red]wrong:[/] {escape(finding)}", highlight=False, soft_wrap=True)
    if findings:
        sys.exit(1)
    out.print(f"{config}: all is well", highlight=False, markup=False, soft_wrap=True)


@cli.group()
def user() -> None:
    """Employees who may sign in."""


@user.command("add")
@config_option
@click.argument("login")
@click.option("--name", default="", help="The name that colleagues and customers see.")
@click.option("--role", default="agent", type=click.Choice(["agent", "supervisor", "admin"]))
@click.option("--department", "departments", multiple=True, help="Id of a department he serves; repeatable.")
@click.password_option(help="Asked for when not given.")
def user_add(config: Path, **given: Any) -> None:
    """Add an employee. Works while the server runs."""
    given["departments"] = list(given["departments"])
    run(tell(_settings(config), "add_user", **given))
    out.print(f"{given['login']} may sign in now", highlight=False)


@user.command("extensions")
@config_option
@click.argument("login")
@click.argument("extensions", nargs=-1)
def user_extensions(config: Path, login: str, extensions: tuple[str, ...]) -> None:
    """Say which telephones an employee has, as the exchange names them; none takes them away."""
    run(tell(_settings(config), "set_extensions", login=login, extensions=list(extensions)))
    out.print(f"{login}: {', '.join(extensions) or 'no telephone'}", highlight=False, markup=False)


@cli.group()
def token() -> None:
    """Bearer tokens for other systems."""


@token.command("add")
@config_option
@click.argument("name")
@click.option("--read-only", is_flag=True, help="It may read, but post nothing.")
def token_add(config: Path, name: str, *, read_only: bool) -> None:
    """Make a token. It is printed this once: the store keeps only its hash."""
    said = run(tell(_settings(config), "add_token", name=name, writes=not read_only))
    click.echo(said["token"])


@cli.command()
@config_option
@click.argument("customer_id")
@click.option("--bot", default="", help="Its name in the settings, where there are several.")
def invite(config: Path, customer_id: str, bot: str) -> None:
    """Print a Telegram link that ties whoever opens it to a customer."""
    invited = run(tell(_settings(config), "invite", customer_id=customer_id, bot=bot))
    click.echo(invited["url"])


@cli.group("dead-letters")
def dead_letters() -> None:
    """Contacts that routing could not handle: kept whole, replayable."""


@dead_letters.command("list")
@config_option
def dead_letters_list(config: Path) -> None:
    """List those that wait, oldest first: as a table, or one a line for another program."""
    letters = run(tell(_settings(config), "list_dead_letters"))["dead_letters"]
    columns = ("id", "at", "channel", "attempts", "reason")
    if not out.is_terminal:
        for letter in letters:
            click.echo("\t".join(letter[column] for column in columns))
        return
    table = Table(*columns)
    for letter in letters:
        table.add_row(*(escape(letter[column]) for column in columns))
    out.print(table if letters else "No dead letters.")


@dead_letters.command("replay")
@config_option
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every one that waits.")
def dead_letters_replay(config: Path, ids: tuple[str, ...], *, everything: bool) -> None:
    """Route dead letters again, by id or all of them."""
    settings = _settings(config)
    if not ids and not everything:
        raise click.UsageError("say which: ids, or --all")
    if everything:
        ids = tuple(letter["id"] for letter in run(tell(settings, "list_dead_letters"))["dead_letters"])
    dead = 0
    with Progress(console=problems, transient=True) as progress:
        for letter_id in progress.track(ids, description="replaying"):
            dead += bool(run(tell(settings, "replay_dead_letter", id=letter_id))["dead"])
    out.print(f"{len(ids) - dead} replayed, {dead} still dead", highlight=False)
    if dead:
        sys.exit(1)


@cli.command("fax-received", context_settings={"ignore_unknown_options": True})
@config_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def fax_received(config: Path, arguments: tuple[str, ...]) -> None:
    """Take a fax that HylaFAX received: FILE DEVICE COMMID MESSAGE [CALLER]..., as faxrcvd has them.

    The exit code is 0 once the fax is kept, whether the server runs or not; anything else means that it
    was not, and that it must stay where it is.
    """
    keep_received(_settings(config), arguments)


@cli.command("fax-sent", context_settings={"ignore_unknown_options": True})
@config_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def fax_sent(config: Path, arguments: tuple[str, ...]) -> None:
    """Take what became of a fax that was sent: JOBTAG WHY [STATUS], as HylaFAX's notify has them."""
    keep_sent(_settings(config), arguments)


@cli.command()
@config_option
@click.argument("to", type=click.Path(path_type=Path, dir_okay=False))
def backup(config: Path, to: Path) -> None:
    """Copy the store to a new file while the server runs."""
    source = data_directory(_settings(config)) / "onewindow.sqlite"
    with Progress(console=problems, transient=True) as progress:
        task = progress.add_task("copying", total=None)
        copy_store(
            source, to, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    out.print(f"{to}: {to.stat().st_size} bytes", highlight=False, markup=False, soft_wrap=True)


@cli.command()
@click.option(
    "--traffic", type=click.FloatRange(min=0), default=0, help="New contacts a minute through the doors."
)
def demo(traffic: float) -> None:
    """A small telecom operator to try everything with: nothing to set up, nothing leaves this machine."""
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(run_demo(os.environ, traffic=traffic, console=out))


if __name__ == "__main__":
    main()

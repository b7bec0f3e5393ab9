"""Runs every benchmark and prints what was measured, as ratios within this run where a ratio tells more."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import chat, history, mail, pages, phone


def main() -> None:
    """About six minutes on two cores; the large store takes some 2 GB of temporary disk."""
    console = Console()
    table = Table("what", "measured")
    with tempfile.TemporaryDirectory() as directory:
        large = Path(directory, "var", "onewindow.sqlite")
        large.parent.mkdir()
        for title, bench in (
            ("mail", mail.main),
            ("chat", chat.main),
            ("phone", phone.main),
            ("history", lambda: history.main(large)),
            ("pages", lambda: pages.main(large)),
        ):
            console.print(f"measuring {title} …")
            for name, value in bench().items():
                table.add_row(name, f"{value:,.2f}")
                console.print(f"  {name}: {value:,.2f}", highlight=False)
    console.print(table)


if __name__ == "__main__":
    main()

"""What holds for the house itself: which way imports run, and what its papers say."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("onewindow", "channels", "agent_ui", "storage", "router", "crm")

# Written so that this file does not match itself.
UNWELCOME = {
    "a package registry's host": re.compile(
        r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|crates[.]io|deb[.]debian[.]org", re.IGNORECASE
    ),
    "a path of somebody's machine": re.compile(r"/(?:root|wor[k])/(?!\W)|/home/(?!\W)|/User[s]/|/opt/pyp[i]"),
    "work left undone": re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b"),
    "a merge left undone": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}


# Tools leave things in hidden folders; var/, build/ and dist/ are made, not written.
HIDDEN = re.compile(r"[.](?!ci$)|__pycache__$|var$|build$|dist$")


def texts_of_the_house() -> Iterator[tuple[Path, str]]:
    """Every text somebody wrote here; recorded payloads are somebody else's words."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not HIDDEN.match(name) and name != "samples"]
        for path in (Path(folder, name) for name in files if name != ".git"):  # a file in a worktree
            yield path.relative_to(ROOT), path.read_bytes().decode(errors="ignore")


def papers() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def test_imports_run_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout


def test_the_records_need_only_the_standard_library_and_msgspec() -> None:
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)
    needed = {
        imported.partition(".")[0]
        for module in {"crm", *graph.find_descendants("crm")}
        for imported in graph.find_modules_directly_imported_by(module)
    }
    assert needed <= {*sys.stdlib_module_names, "crm", "msgspec"}


@pytest.mark.parametrize("kind", UNWELCOME)
def test_no_file_mentions(kind: str) -> None:
    found = [
        f"{path}: {match.group()}"
        for path, text in texts_of_the_house()
        for match in UNWELCOME[kind].finditer(text)
    ]
    assert found == []


def test_every_make_command_the_papers_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        (path.name, command)
        for path in papers()
        for command in re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {(name, command) for name, command in named if command not in targets} == set()
    assert {("README.md", "run"), ("README.md", "test")} <= named


def test_every_link_in_the_papers_leads_somewhere() -> None:
    links = [
        (path, target)
        for path in papers()
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8"))
        if "://" not in target and not target.startswith("mailto:")
    ]
    dead = [
        f"{path.relative_to(ROOT)}: {target}" for path, target in links if not (path.parent / target).exists()
    ]
    assert dead == []


def test_the_index_of_decisions_lists_them_all() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = {path.name for path in folder.glob("[0-9]*.md")}
    assert set(re.findall(r"\]\(([0-9][^)]*)\)", (folder / "README.md").read_text("utf-8"))) == pages

"""Imports run downward: pages → ui, plots → export → training, transfer → analysis, models, data → config, errors."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LEVELS = [
    {"errors", "files", "paths", "config", "tables"},
    {"data", "models", "analysis"},
    {"transfer", "training", "recipes"},
    {"export"},
    {"plots", "commands", "cli", "ui"},
]
LEVEL = {part: number for number, parts in enumerate(LEVELS) for part in parts}
FILES = sorted((ROOT / "cvcore").rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Modules that a file imports anywhere, dotted."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(file: Path) -> str:
    return file.relative_to(ROOT / "cvcore").parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_downward(file):
    if part(file) in ("__init__", "__main__"):
        return
    for name in imported(file):
        pieces = name.split(".")
        if pieces[0] == "cvcore" and len(pieces) > 1 and pieces[1] in LEVEL:
            assert LEVEL[pieces[1]] <= LEVEL[part(file)], f"{file.name} imports {name}, which stands above it"


def test_only_ui_imports_streamlit():
    offenders = [
        str(file.relative_to(ROOT))
        for file in FILES
        if part(file) != "ui" and any(name.split(".")[0] == "streamlit" for name in imported(file))
    ]
    assert offenders == []


def test_every_part_of_the_package_has_a_level():
    assert {part(file) for file in FILES} - {"__init__", "__main__"} <= set(LEVEL)


def test_pages_stay_thin():
    long = {page.name: len(page.read_text(encoding="utf-8").splitlines()) for page in (ROOT / "pages").glob("*.py")}
    assert len(long) == 4
    assert {name: lines for name, lines in long.items() if lines > 220} == {}

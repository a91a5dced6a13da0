"""The shape of the code that everything else relies on, as far as a program can tell."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.serving import ROOT

# Each may import itself and what stands to its right, never to its left.
APPS = ["sharing", "locations", "organisations", "portal"]
TOP_LEVEL = {
    *{".ci", ".env.example", ".gitignore", "Makefile", "README.md", "manage.py", "pyproject.toml"},
    *{"requirements.txt", "deploy", "docs", "locale", "static", "templates", "tests", *APPS},
}
# Where guardian may be named: it stores and answers, and the rest asks these files.
KNOWS_GUARDIAN = {f"{app}/permissions.py" for app in APPS} | {
    "locations/backend.py",
    "locations/permission_rows.py",
    "locations/projection.py",
}


@cache
def tracked() -> list[Path]:
    """Every file of the project that exists here, new ones included, ignored ones not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules(*apps: str) -> list[Path]:
    """The Python files of these apps."""
    return [path for path in tracked() if path.suffix == ".py" and path.parts[0] in apps]


def imported(path: Path) -> Iterator[str]:
    """The full names of what a module imports, wherever in it that happens."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; say from where"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("app", APPS)
def test_imports_run_one_way(app: str) -> None:
    forbidden = {*APPS[: APPS.index(app)], "tests"}
    back = [
        f"{path} imports {name}"
        for path in modules(app)
        for name in imported(path)
        if name.split(".")[0] in forbidden
    ]
    assert not back


def test_only_permissions_know_guardian() -> None:
    others = [
        f"{path} imports {name}"
        for path in modules(*APPS)
        if str(path) not in KNOWS_GUARDIAN and "migrations" not in path.parts
        for name in imported(path)
        if name.split(".")[0] == "guardian"
    ]
    assert not others


def test_the_top_level_is_the_agreed_one() -> None:
    assert {path.parts[0] for path in tracked()} <= TOP_LEVEL


def test_nothing_is_left_to_do_in_a_comment() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X:")
    found = [
        f"{path}:{number}"
        for path in tracked()
        if path.suffix in {".py", ".html", ".css", ".js", ".txt", ".toml", ".md", ".po", ""}
        and not path.name.endswith("requirements.txt")
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1)
        if any(word in line for word in words)
    ]
    assert not found

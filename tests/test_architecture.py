"""The shape of the code that everything else relies on, as far as a program can tell."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.serving import ROOT

APPS = ["sharing", "locations", "organisations", "portal"]
TOP_LEVEL = {
    *{".ci", ".env.example", ".gitignore", "Makefile", "manage.py", "pyproject.toml", "requirements.txt"},
    *{
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "README.md",
        "deploy",
        "docs",
        "locale",
        "static",
        "templates",
        "tests",
        *APPS,
    },
}
# Where guardian may be named: it keeps the tables; `projection` writes them, `permissions` and `backend` read
# them.
KNOWS_GUARDIAN = {
    f"locations/{name}.py" for name in ("backend", "permission_rows", "permissions", "projection")
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


def linted(folder: Path) -> str:
    """What import-linter says of the apps in this folder, by the layers in pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run([linter, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)
    return said.stdout + said.stderr


def contracts(state: str, said: str) -> set[str]:
    """The contracts of which it says that they are KEPT or BROKEN."""
    return set(re.findall(rf"^(.+) {state}\b", said, re.MULTILINE))


def test_imports_run_one_way_and_in_no_circle() -> None:
    said = linted(ROOT)
    assert contracts("KEPT", said) and not contracts("BROKEN", said), said


def test_an_import_that_runs_back_is_noticed(tmp_path: Path) -> None:
    """One for each contract, in every way in which one is written; and a file in no layer."""
    for app in APPS:
        shutil.copytree(ROOT / app, tmp_path / app)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = {
        "locations/levels.py": "import sharing.pages",
        "locations/services.py": "from locations import views",
        "organisations/settling.py": "from organisations.services import add_member",
        "portal/invitations/models.py": "import portal.invitations.emails",
        "portal/limits.py": "import typing\nif typing.TYPE_CHECKING:\n    import portal.mail.outbox",
        "sharing/invitations/qr.py": "def late():\n    from sharing.bulk import jobs",
        "sharing/newcomer.py": "",
    }
    for path, text in planted.items():
        with (tmp_path / path).open("a") as file:
            file.write(f"\n{text}\n")
    said = linted(tmp_path)
    assert contracts("BROKEN", said) == contracts("KEPT", linted(ROOT)), said
    for expected in ("sharing.newcomer", "portal.limits -> portal.mail.outbox", "in portal.invitations."):
        assert expected in said


def test_the_page_about_the_tree_has_every_layer_in_its_order() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        if "containers" not in contract:
            continue
        (app,) = contract["containers"]
        section = page.partition(f"\n### {app}/\n")[2].partition("\n#")[0]
        cells = "\n".join(row.split("|")[1] for row in section.splitlines() if row.startswith("|"))
        above = -1
        for layer in contract["layers"]:
            names = set(re.findall(r"\w+", layer)) - {"migrations"}
            places = [re.search(rf"`{name}/?`", cells) for name in names]
            assert all(places), f"{app}: {layer}"
            starts = [place.start() for place in places if place]
            assert min(starts) > above, f"{app}: {layer} stands above what may import it"
            above = max(starts)


def test_the_product_imports_no_tests() -> None:
    assert not [path for path in modules(*APPS) for name in imported(path) if name.split(".")[0] == "tests"]


def test_settings_know_nothing_of_the_apps_but_where_keys_are_kept() -> None:
    """They are read before any app is: what they import must not ask for a setting."""
    ours = {name for name in imported(Path("portal/settings.py")) if name.split(".")[0] in APPS}
    assert {name.rpartition(".")[0] for name in ours} == {"portal.serving.secret_keys"}


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

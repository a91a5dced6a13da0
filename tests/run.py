"""All tests, on every stack this machine has: `make test`, or `python -m tests.run [pytest's arguments]`.

On the embedded default and, beside it, on PostgreSQL and Redis when they answer: each in data of its own, so
both run at once. What is missing is named in the closing summary with the tests it would have run; with
CI=true it is a failure.

What a database or a queue can make differ runs on both. Pages, which stand on that, run once: on PostgreSQL
and Redis where they are found. Coverage is measured once for every test, because measuring nearly doubles its
time: on the embedded default for what runs on both, and not for races and heavy tests, which add no line.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import parts

ROOT = Path(__file__).resolve().parent.parent
CLOSING_LINE = re.compile(r"^(=+ )?(\d+ \w+, )*(\d+ \w+|no tests ran) in [\d.]+s( \(.*\))?( =+)?$")
# What coverage leaves out (pyproject.toml) says why in its own line.
LEFT_OUT = re.compile(r"# (?:not covered|never otherwise): (.+)$")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass
class Outcome:
    """What one run of pytest came to."""

    stack: str
    exit_code: int = 0
    closing_line: str = "pytest did not finish"
    counts: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def count(self, *names: str) -> int:
        return sum(self.counts.get(name, 0) for name in names)


def main(arguments: list[str]) -> int:
    """Run everything; returns the exit code."""
    found = [parts.postgres(), parts.redis_server(), parts.chromium()]
    try:
        missing = [part for part in found if not part.where]
        if missing and os.environ.get("CI") == "true":
            _print_missing(missing)
            print("CI=true: nothing may be missing.")
            return 1
        return _report(_run_all(found, arguments), missing, whole=not arguments)
    finally:
        if found[1].where:
            parts.empty_redis(found[1].where)


@dataclass(frozen=True)
class Run:
    """One run of pytest: on which stack, which tests, and whether their coverage is measured."""

    stack: str
    environment: dict[str, str]
    selection: str
    measured: bool


def _run_all(found: list[parts.Part], arguments: list[str]) -> list[Outcome]:
    """The stacks beside each other, the runs of one stack in turn."""
    subprocess.run([sys.executable, "-m", "coverage", "erase"], cwd=ROOT, check=True)
    stacks = _planned(*found[:2])

    def in_turn(runs: list[Run]) -> list[Outcome]:
        return [_run(run, arguments) for run in runs]

    with ThreadPoolExecutor(len(stacks)) as pool:
        return [outcome for outcomes in pool.map(in_turn, stacks) for outcome in outcomes]


def _planned(database: parts.Part, queue: parts.Part) -> list[list[Run]]:
    """The runs of each stack."""
    environment = {"PORTAL_TESTS_NO_POSTGRES": database.why}
    if not database.where and not queue.where:
        return [[Run("embedded default", environment, "", measured=True)]]
    stack = " and ".join(part.name for part in (database, queue) if part.where)
    servers = environment | {"DATABASE_URL": database.where, "REDIS_URL": queue.where}
    if not database.where:
        rest = "not embedded and not postgres and not pages"
        return [
            [Run("embedded default", environment, "", measured=True)],
            [Run(stack, servers, rest, measured=False)],
        ]
    return [
        [Run("embedded default", environment, "not postgres and not pages and not heavy", measured=True)],
        [
            Run(f"{stack}, pages", servers, "pages and not heavy", measured=True),
            Run(stack, servers, "not embedded and (not pages or heavy)", measured=False),
        ],
    ]


def _run(run: Run, arguments: list[str]) -> Outcome:
    """One run of pytest in data of its own, its output shown as it comes, each line with its stack."""
    outcome = Outcome(run.stack)
    with tempfile.TemporaryDirectory(prefix="portal-tests-") as folder:
        report = Path(folder) / "report.json"
        environment = (
            os.environ
            | {"DATABASE_URL": "", "REDIS_URL": ""}
            | run.environment
            | {"VAR_DIR": f"{folder}/var", "PORTAL_TESTS_REPORT": str(report)}
        )
        colour = ["--color=yes"] if sys.stdout.isatty() else []
        measuring = ["-m", "coverage", "run"] if run.measured else []
        selection = ["-m", run.selection] if run.selection else []
        command = [sys.executable, *measuring, "-m", "pytest", *colour, *selection, *arguments]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            for line in process.stdout:
                print(f"{run.stack} | {line}", end="", flush=True)
                if CLOSING_LINE.match(COLOUR.sub("", line.strip())):
                    outcome.closing_line = COLOUR.sub("", line.strip())
        outcome.exit_code = process.returncode
        if report.exists():
            saved = json.loads(report.read_text())
            outcome.counts, outcome.skipped = saved["counts"], saved["skipped"]
    return outcome


def _report(outcomes: list[Outcome], missing: list[parts.Part], *, whole: bool) -> int:
    """Print coverage (a gate when `whole`) and the closing summary; returns the exit code."""
    covered = _coverage(gate=whole)
    _print_missing(missing)
    skipped = sorted({(name, why) for outcome in outcomes for name, why in outcome.skipped})
    for name, why in skipped:
        print(f"skipped {name}: {why.removeprefix('Skipped: ')}")
    stacks = len([part for part in missing if part.name != "Chromium"])
    if stacks == 2:
        print("skipped: all tests again on PostgreSQL and Redis")
    for outcome in outcomes:
        print(f"\non {outcome.stack}:\n{outcome.closing_line}")
    passed = sum(outcome.count("passed") for outcome in outcomes)
    failed = sum(outcome.count("failed", "error") for outcome in outcomes)
    left_out = sum(outcome.count("skipped", "xfailed") for outcome in outcomes)
    # A choice of tests may leave a run with none, but not all of them.
    fine = (
        {pytest.ExitCode.OK}
        if whole or not passed
        else {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    )
    broken = [outcome.stack for outcome in outcomes if outcome.exit_code not in fine]
    if broken and not failed:
        print(f"pytest itself failed on: {', '.join(broken)}")
    print(f"\ntests: {passed} passed, {failed} failed, {left_out} skipped")
    return 1 if broken or not covered else 0


def _print_missing(missing: list[parts.Part]) -> None:
    for part in missing:
        print(f"skipped, {part.name}: {part.why}")


def _coverage(*, gate: bool) -> bool:
    """Print what the runs together covered; says whether it is enough."""
    print("\n##### Coverage of all runs together, branches too", flush=True)
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "combine", "--quiet"], cwd=ROOT, check=False)
    report = [*coverage, "report"] + ([] if gate else ["--fail-under=0"])
    enough = subprocess.run(report, cwd=ROOT, check=False).returncode == 0
    print("\nLeft out, and why:")
    for app in ("portal", "organisations", "locations", "sharing"):
        for path in sorted((ROOT / app).rglob("*.py")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if reason := LEFT_OUT.search(line):
                    print(f"{path.relative_to(ROOT)}:{number}: {reason[1]}")
    return enough


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

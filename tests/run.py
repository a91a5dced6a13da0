"""All tests, on every stack this machine has: `make test`, or `python -m tests.run [pytest's arguments]`.

On the embedded default and, beside it, on PostgreSQL and Redis when they answer: each run in data of its own,
so all go at once. What is missing is named in the closing summary with the tests it would have run; with
CI=true it is a failure.

What a database or a queue can make differ runs on both stacks. Pages, which stand on that, run once: on
PostgreSQL and Redis where they are found. Coverage is measured once for every test: on the embedded default
for what runs on both, and not for races, which add no line.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

import pytest

from tests import parts

ROOT = Path(__file__).resolve().parent.parent
CLOSING_LINE = re.compile(r"^(=+ )?(\d+ \w+, )*(\d+ \w+|no tests ran) in [\d.]+s( \(.*\))?( =+)?$")
# What coverage leaves out (pyproject.toml) says why in its own line.
LEFT_OUT = re.compile(r"# (?:not covered|never otherwise): (.+)$")
# In percent, of lines and branches together.
LEAST_COVERED = 95
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
    database, chromium = parts.postgres(), parts.chromium()
    # One for each run that uses it.
    queues = [parts.redis_server() for _ in range(2)]
    try:
        missing = [part for part in (database, queues[-1], chromium) if not part.where]
        if missing and os.environ.get("CI") == "true":
            _print_missing(missing)
            print("CI=true: nothing may be missing.")
            return 1
        return _run_all(_planned(database, *queues), missing, arguments)
    finally:
        for queue in queues:
            if queue.where:
                parts.empty_redis(queue.where)


@dataclass(frozen=True)
class Run:
    """One run of pytest: on which stack, which tests, and whether their coverage is measured."""

    stack: str
    environment: dict[str, str]
    selection: str
    measured: bool


def _run_all(runs: list[Run], missing: list[parts.Part], arguments: list[str]) -> int:
    """All runs beside each other, and what they came to; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="portal-tests-", dir=parts.quick_folder()) as folder:
        places = [Path(folder) / str(number) for number in range(len(runs))]
        with ThreadPoolExecutor(len(runs)) as pool:
            outcomes = list(pool.map(_run, runs, places, repeat(arguments)))
        measured = [place / "coverage.json" for run, place in zip(runs, places, strict=True) if run.measured]
        return _report(outcomes, measured, missing, whole=not arguments)


def _planned(database: parts.Part, queue: parts.Part, another_queue: parts.Part) -> list[Run]:
    """What is run, each beside the others."""
    environment = {"PORTAL_TESTS_NO_POSTGRES": database.why}
    if not database.where and not queue.where:
        return [Run("embedded default", environment, "", measured=True)]

    def on_servers(queue: parts.Part, what: str, selection: str, *, measured: bool) -> Run:
        stack = " and ".join(part.name for part in (database, queue) if part.where)
        servers = environment | {"DATABASE_URL": database.where, "REDIS_URL": queue.where}
        return Run(stack + what, servers, selection, measured)

    if not database.where:
        rest = "not embedded and not postgres and not pages"
        return [
            Run("embedded default", environment, "", measured=True),
            on_servers(queue, "", rest, measured=False),
        ]
    return [
        Run("embedded default", environment, "not postgres and not pages and not heavy", measured=True),
        on_servers(queue, ", pages", "pages", measured=True),
        on_servers(another_queue, "", "not embedded and not pages", measured=False),
    ]


def _run(run: Run, folder: Path, arguments: list[str]) -> Outcome:
    """One run of pytest in data of its own, its output shown as it comes, each line with its stack."""
    outcome = Outcome(run.stack)
    folder.mkdir()
    report = folder / "report.json"
    environment = (
        os.environ
        | {"DATABASE_URL": "", "REDIS_URL": "", "TMPDIR": str(folder)}
        | run.environment
        | {"VAR_DIR": f"{folder}/var", "PORTAL_TESTS_REPORT": str(report)}
    )
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    measuring = ["-m", "slipcover", "--out", str(folder / "coverage.json")] if run.measured else []
    selection = ["-m", run.selection] if run.selection else []
    command = [sys.executable, *measuring, "-m", "pytest", *colour, *selection, *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
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


def _report(outcomes: list[Outcome], measured: list[Path], missing: list[parts.Part], *, whole: bool) -> int:
    """Print coverage (a gate when `whole`) and the closing summary; returns the exit code."""
    covered = _coverage(measured, gate=whole)
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


def _coverage(measured: list[Path], *, gate: bool) -> bool:
    """Print what the runs together covered; says whether it is enough."""
    print("\n##### Coverage of all runs together, branches too", flush=True)
    together = ["--merge", *map(str, measured), "--out", os.devnull]
    bound = ["--fail-under", str(LEAST_COVERED if gate else 0)]
    merged = subprocess.run([sys.executable, "-m", "slipcover", *bound, *together], cwd=ROOT, check=False)
    print("\nLeft out, and why:")
    for app in ("portal", "organisations", "locations", "sharing"):
        for path in sorted((ROOT / app).rglob("*.py")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if reason := LEFT_OUT.search(line):
                    print(f"{path.relative_to(ROOT)}:{number}: {reason[1]}")
    return merged.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tests.bench [10k 100k 1m]` measures and writes docs/benchmarks.md; with `--gate` it only counts.

Needs PostgreSQL. The databases of a measurement are kept for the next one, those of a gate are made anew and
dropped.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests import parts
from tests.bench import build, gates, report
from tests.bench.plan import SIZES

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "benchmarks.md"


def main(arguments: list[str]) -> int:
    """Measure; returns the exit code."""
    wanted = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    wanted.add_argument("sizes", nargs="*", metavar="size", help=f"of {', '.join(SIZES)}")
    wanted.add_argument("--gate", action="store_true", help="count only; nothing is kept or written")
    wanted.add_argument("--rounds", type=int, default=15, help="how often each is asked of each person")
    options = wanted.parse_args(arguments)
    sizes = [size for size in SIZES if size in (options.sizes or ["10k", "100k"])]
    server = parts.postgres()
    if not server.where:
        print(f"Needs {server.name}: {server.why}.")
        return 1
    rounds = 0 if options.gate else options.rounds
    measured = [_measured(server.where, size, rounds, kept=not options.gate) for size in sizes]
    failures = list(gates.broken(measured))
    slow = [] if options.gate else list(gates.slow(measured[-1]))
    if not options.gate:
        command = f"python -m tests.bench {' '.join(sizes)}"
        TARGET.write_text(report.write(measured, command, failures + slow))
        print(TARGET.read_text())
    print(
        "\n".join(failures + slow)
        or f"{sum(len(found['rows']) for found in measured)} figures within bounds."
    )
    return 1 if failures or slow else 0


def _measured(server: str, size: str, rounds: int, *, kept: bool) -> dict[str, Any]:
    """What a process of its own finds; Django talks to one database for good."""
    with tempfile.NamedTemporaryFile("r") as target, build.database(server, size, kept=kept) as url:
        environment = {"DATABASE_URL": url, "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, "-m", "tests.bench.one", size, str(rounds), target.name]
        subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True)
        found: dict[str, Any] = json.load(target)
        return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

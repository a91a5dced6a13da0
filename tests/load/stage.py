"""An installation for measuring: a database, a Redis and a folder of its own, and gunicorn as in deploy/."""

import json
import os
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import parts
from tests.load.measuring import memory, processor_seconds
from tests.serving import ROOT, descendants, free_port, wait_until


@dataclass
class Stage:
    """`environment` is that of the installation, `data` what `tests.load.fill` made of it."""

    environment: dict[str, str]
    port: int
    data: dict[str, Any]

    def run(self, module: str, *arguments: str) -> str:
        """Run a module of ours in this installation; returns what it printed."""
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout


@contextmanager
def stage(*, filled: bool = True) -> Iterator[Stage]:
    """Make one, and leave nothing of it."""
    found = [parts.postgres(), parts.redis_server()]
    if missing := [f"{part.name}: {part.why}" for part in found if not part.where]:
        raise SystemExit(f"make load needs PostgreSQL and Redis. {'; '.join(missing)}")
    port = free_port()
    try:
        with parts.scratch_database(found[0].where) as database_url:
            environment = os.environ | {
                "DJANGO_SETTINGS_MODULE": "portal.settings",
                "DATABASE_URL": database_url,
                "REDIS_URL": found[1].where,
                "DEVELOPMENT": "",
                "DEBUG": "",
                "SITE_URL": f"http://localhost:{port}",
                # Kept, for collecting static files takes longer than measuring a page.
                "VAR_DIR": str(ROOT / "var" / "load"),
                "LOG_LEVEL": "WARNING",
                "PYTHONPATH": str(ROOT),
            }
            prepared = Stage(environment, port, {})
            subprocess.run(
                [sys.executable, "manage.py", "prepare"],
                cwd=ROOT,
                env=environment,
                check=True,
                capture_output=True,
            )
            if filled:
                prepared.data = json.loads(prepared.run("tests.load.fill"))
                with parts.connect(database_url) as connection:
                    connection.execute("VACUUM ANALYZE")
            yield prepared
    finally:
        parts.empty_redis(found[1].where)


class Server:
    """gunicorn with the arguments of deploy/, but for the number of workers."""

    def __init__(self, stage: Stage, workers: int) -> None:
        self._stage, self._workers = stage, workers

    def __enter__(self) -> "Server":
        arguments = _deployed_arguments()
        arguments[arguments.index("--workers") + 1] = str(self._workers)
        arguments[arguments.index("--bind") + 1] = f"127.0.0.1:{self._stage.port}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments, "--no-control-socket", "--log-level", "warning"],
            cwd=ROOT,
            env=self._stage.environment,
        )
        wait_until(self._answers, 30, "gunicorn answers")
        wait_until(lambda: len(self.workers) == self._workers, 10, "all workers run")
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    @property
    def workers(self) -> list[int]:
        return descendants(self._process.pid)

    def processor_seconds(self) -> float:
        """What all its workers have used so far."""
        return processor_seconds(self.workers)

    def memory(self) -> list[tuple[float, float]]:
        """Per worker, megabytes in memory: all, and its share of what is shared."""
        return [memory(pid) for pid in self.workers]

    def _answers(self) -> bool:
        assert self._process.poll() is None, "gunicorn ended"
        try:
            address = f"http://127.0.0.1:{self._stage.port}/health/"
            request = urllib.request.Request(address, headers={"Host": "localhost"})
            with urllib.request.urlopen(request, timeout=2):  # noqa: S310 (our own)
                return True
        except OSError:
            return False


def _deployed_arguments() -> list[str]:
    """What deploy/ starts gunicorn with, so that this is what is measured."""
    unit = (Path(ROOT) / "deploy" / "partner-portal-web.service").read_text()
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    return shlex.split(line)[1:]

"""The real portal as a tree of processes, for tests that need a worker, a kill or a browser."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90.0
STOP_SECONDS = 30.0


class Portal:
    """One portal under `manage.py serve --prepare`; `start` it, then `stop` it.

    url         where it answers
    var_dir     its data; mail_dir is where its e-mails land, log_path what it printed
    """

    def __init__(self, var_dir: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.var_dir = var_dir
        self.mail_dir = var_dir / "mail"
        self.log_path = var_dir / "serve.log"
        self._environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DEVELOPMENT": "1",
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SITE_URL": self.url,
            "VAR_DIR": str(var_dir),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers and all its children run."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--prepare"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: self._ended() or self.answers(), START_SECONDS, "the portal answers")
        assert not self._ended(), self.log_path.read_text()
        wait_until(lambda: len(self.children()) == 3, 5, "web, worker and beat run")

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """End it with a signal; returns after how many seconds nothing of it was left."""
        family = [self.pid, *descendants(self.pid)]
        began = time.monotonic()
        os.kill(self.pid, number)
        assert self._process
        self._process.wait(STOP_SECONDS)
        wait_until(lambda: not any(map(is_alive, family)), STOP_SECONDS, "no process is left")
        return time.monotonic() - began

    def answers(self) -> bool:
        """Whether the web process answers right now."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/", timeout=2) as response:  # noqa: S310 (our own)
                return bool(response.status == 200)
        except OSError:
            return False

    def children(self) -> dict[str, int]:
        """The process ids of web, worker and beat, by name."""
        found = {}
        for pid in descendants(self.pid, deep=False):
            name = (Path("/proc") / str(pid) / "comm").read_text().strip()
            if name.startswith("portal-"):
                found[name.removeprefix("portal-")] = pid
        return found

    def memory(self) -> float:
        """Megabytes that all its processes take, shared pages counted once."""
        return sum(map(_proportional_set_size, [self.pid, *descendants(self.pid)])) / 1024

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def descendants(pid: int, *, deep: bool = True) -> list[int]:
    """The process ids of its children; with `deep` of theirs too. Reads /proc, so Linux only."""
    children = []
    for task in Path("/proc").joinpath(str(pid), "task").glob("*/children"):
        try:
            children += [int(child) for child in task.read_text().split()]
        except OSError:  # it ended meanwhile
            continue
    return children + [each for child in children if deep for each in descendants(child)]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and only waits to be noticed does not."""
    try:
        status = (Path("/proc") / str(pid) / "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for `condition`; returns how long it took, and fails naming `what` after `seconds`."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.05)
    return time.monotonic() - began


def _proportional_set_size(pid: int) -> int:
    for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0

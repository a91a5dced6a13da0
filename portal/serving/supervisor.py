"""Keeps the processes of an installation without an init system alive: web, worker and beat.

`Supervisor.run` starts every child, starts again what dies (waiting longer each time it dies young), and ends
all of them on SIGINT or SIGTERM. Children are forked from this process once Django is loaded, so that they
share its memory and start at once. What each child does is in `portal.serving.processes`.
"""

import ctypes
import fcntl
import gc
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

TICK_SECONDS = 0.2
# How long a child may take over ending by itself: Celery's soft shutdown is ten seconds.
GRACE_SECONDS = 15.0
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
# A child that lived this long was well; its next death counts as the first.
WELL_SECONDS = 30.0
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15

Say = Callable[[str], None]


@dataclass
class Child:
    """One process to keep alive: `main` is what it runs; `pid` is None while it is down."""

    name: str
    main: Callable[[], None]
    pid: int | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    deaths: int = 0

    def wait_before_restart(self, now: float) -> float:
        """Seconds until the next start, given that it has just died."""
        self.deaths = 1 if now - self.started_at > WELL_SECONDS else self.deaths + 1
        return float(min(FIRST_WAIT_SECONDS * 2 ** (self.deaths - 1), LONGEST_WAIT_SECONDS))


class Supervisor:
    """`children` maps a name to what that process runs; `say` gets one line per event."""

    def __init__(self, children: Mapping[str, Callable[[], None]], say: Say) -> None:
        self.children = [Child(name, main) for name, main in children.items()]
        self.say = say
        self.stop_requests = 0

    def run(self, when_ready: Callable[[], bool]) -> None:
        """Keep the children alive until a signal asks to end. Calls `when_ready` until it returns true."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)
        gc.freeze()  # the children then share what is loaded instead of copying it at the first collection
        announced = False
        while not self.stop_requests:
            self._start_due()
            self._reap()
            announced = announced or when_ready()
            time.sleep(TICK_SECONDS)
        self._stop()

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.pid is None and now >= child.start_at:
                child.pid, child.started_at = start(child), now
                if child.deaths:
                    self.say(f"{child.name} started again (process {child.pid})")

    def _reap(self) -> None:
        """Take note of children that ended and decide when they start again."""
        now = time.monotonic()
        for child in self.children:
            if child.pid is None:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                child.pid = None
                wait = child.wait_before_restart(now)
                child.start_at = now + wait
                if not self.stop_requests:
                    how = _how_it_ended(status)
                    self.say(f"{child.name} (process {pid}) {how}; starting it again in {wait:.1f} s")

    def _stop(self) -> None:
        """End all children: ask, wait, and kill what has not ended (at once when asked twice)."""
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._any_alive() and self.stop_requests == 1 and time.monotonic() < deadline:
            self._reap()
            time.sleep(TICK_SECONDS / 4)
        if self._any_alive():
            self._signal_all(signal.SIGKILL)
            for child in self.children:
                if child.pid is not None:
                    os.waitpid(child.pid, 0)

    def _any_alive(self) -> bool:
        return any(child.pid is not None for child in self.children)

    def _signal_all(self, number: signal.Signals) -> None:
        """To the whole group of each child: a worker has processes of its own."""
        for child in self.children:
            if child.pid is not None:
                try:
                    os.killpg(child.pid, number)
                except (
                    ProcessLookupError
                ):  # not covered: ended, or not yet leader of its group, a matter of luck
                    os.kill(child.pid, number)


def start(child: Child) -> int:
    """Start a child; returns its process id. In the child itself this never returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _detach(child.name, parent)
        child.main()
        code = 0  # not covered: the children end by a signal
    except SystemExit as ending:  # not covered: the children end by a signal
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:  # whatever it is (the last frame of a process: say what happened and end)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _detach(name: str, parent: int) -> None:
    """Make the process a leader of its own group that does not outlive its parent.

    Its own session keeps the terminal's Ctrl-C from it, so that only the supervisor decides when it ends.
    """
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":  # never otherwise: the tests run on Linux
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        libc.prctl(_PR_SET_NAME, f"portal-{name}".encode())
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process and its group when the parent is gone, whatever it is busy with.

    On Linux the kernel has asked it to end by then; elsewhere, and where it hangs, this is what ends it.
    """
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)  # not covered: the process is being killed
    time.sleep(GRACE_SECONDS)  # not covered: the same
    os.killpg(os.getpgid(0), signal.SIGKILL)  # not covered: the same


def _how_it_ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def answers(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def is_free(host: str, port: int) -> bool:
    """Whether a server of ours could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@contextmanager
def using_data(folder: Path) -> Iterator[None]:
    """Tell others that the data in `folder` is in use, for as long as this process or a child of it lives."""
    with _lock_file(folder).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def may_change_data(folder: Path) -> Iterator[bool]:
    """Whether no running portal uses the data in `folder`; holds off new ones meanwhile."""
    with _lock_file(folder).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _lock_file(folder: Path) -> Path:
    return folder / "in-use.lock"

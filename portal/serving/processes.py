"""What the processes under `manage.py serve` run. Each function returns when its process is to end."""

import logging
import signal
import sys
import warnings
from types import FrameType

import waitress
from celery.exceptions import SecurityWarning
from django.conf import settings

from portal.celery import app
from portal.wsgi import application

WEB_THREADS = 8
WORKER_CONCURRENCY = 4


def web(host: str, port: int) -> None:
    """Answer http until SIGTERM, then finish what is being answered."""
    logging.getLogger("waitress").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, _exit)
    waitress.serve(application, host=host, port=port, threads=WEB_THREADS, ident="")


def worker() -> None:
    """Do background work: in threads, or with Redis in processes, because only they keep time limits."""
    # Trying it out as root is nothing to warn about.
    if settings.DEVELOPMENT:  # never otherwise: the tests start it as `make run` does
        warnings.simplefilter("ignore", SecurityWarning)
    pool = "prefork" if settings.REDIS_URL else "threads"
    app.start(
        ["--quiet", "worker", f"--pool={pool}", f"--concurrency={WORKER_CONCURRENCY}"]
        + ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    )


def beat() -> None:
    """Put the recurring work into the queue."""
    app.start(["--quiet", "beat"])


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)

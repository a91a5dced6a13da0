"""`manage.py prepare`: what must be in place before the portal starts, and only what is missing."""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    help = "Bring database, translations and static files up to date; in development, load the demo data."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("compile_translations", stdout=self.stdout)
        self._migrate()
        if collect_static():
            self.stdout.write("Collected the static files")  # not covered: the tests lend collected files
        if settings.DEVELOPMENT and not get_user_model().objects.exists():
            self.stdout.write("Loading the demo data")
            call_command("demo", stdout=self.stdout)

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Bringing the database up to date")
            call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)


def collect_static() -> bool:
    """Collect the static files if a source changed since the last time; says whether it did."""
    root = Path(settings.STATIC_ROOT)
    stamp = Path(f"{root}.stamp")
    root.mkdir(parents=True, exist_ok=True)
    with Path(f"{root}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time: two collections would trip over each other's files
        fingerprint = _fingerprint()
        collected = (root / "staticfiles.json").exists() and stamp.exists()
        if collected and stamp.read_text() == fingerprint:
            return False
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(fingerprint)
    return True


def _fingerprint() -> str:
    """Changes whenever a static source is added, removed or written."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            status = os.stat(storage.path(path))
            seen.update(f"{storage.path(path)} {status.st_mtime_ns} {status.st_size}\n".encode())
    return seen.hexdigest()

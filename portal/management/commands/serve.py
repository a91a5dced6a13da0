"""`manage.py serve`: the whole portal in one command, for a machine without an init system."""

import os
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from portal.serving import supervisor

DEMO_PEOPLE = [
    ("installer", "Administrator of an installation company"),
    ("colleague", "Member of the same company"),
    ("operator", "Administrator of a charge point operator"),
    ("operator2", "Administrator of the same operator"),
    ("contractor", "no organisation"),
    ("customer", "Owner of one location"),
    ("stranger", "Administrator of an organisation that shares nothing"),
    ("support", "support staff, at /admin/"),
]


class Command(BaseCommand):
    help = "Run web, worker and beat together until Ctrl-C. HOST and PORT say where (127.0.0.1:8000)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prepare", action="store_true", help="run `prepare` first, in the same process")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = os.environ.get("HOST") or "127.0.0.1", _port()
        if not supervisor.is_free(host, port):
            raise CommandError(
                f"Port {port} on {host} is taken. Stop what uses it, or choose another: make run PORT=8001"
            )
        with supervisor.using_data(settings.VAR_DIR):
            if options["prepare"]:  # never otherwise: the tests start it as `make run` does
                call_command("prepare", stdout=self.stdout)
            connections.close_all()  # a connection must not be shared by processes
            self._supervise(host, port)
        self._say("Stopped.")

    def _supervise(self, host: str, port: int) -> None:
        # Only now: loading the application lists the static files, which `prepare` may just have collected.
        from portal.serving import processes  # noqa: PLC0415

        supervisor.Supervisor(
            {
                "web": partial(processes.web, host, port),
                "worker": processes.worker,
                "beat": processes.beat,
            },
            say=self._say,
        ).run(when_ready=partial(self._announce, host, port))

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _announce(self, host: str, port: int) -> bool:
        """Print where the portal is, once it answers; says whether it did."""
        if not supervisor.answers(host, port):
            return False
        self._say(f"\nPartner Portal answers at {settings.SITE_URL}/ (Ctrl-C ends it)")
        if settings.DEVELOPMENT:  # never otherwise: the tests start it as `make run` does
            for name, who in DEMO_PEOPLE:
                self._say(f"  {name + '@demo.example':<24} {who}")
            self._say(
                f"  The password is demo. Every e-mail sent is shown at {settings.SITE_URL}/dev/inbox/\n"
            )
        return True


def _port() -> int:
    """PORT, else that of SITE_URL when it is a plain local address, else 8000."""
    given = os.environ.get("PORT") or str(urlsplit(settings.SITE_URL).port or 8000)
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise CommandError(f"PORT is {given!r}; it must be a number from 1 to 65535.")
    return int(given)

"""What mail costs: one worker, a share to a thousand Administrators, pages beside a full outbox."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from locations.levels import Level  # noqa: E402
from locations.models import Location  # noqa: E402
from portal import celery, tasks  # noqa: E402
from portal.mail import outbox  # noqa: E402
from portal.models import OutgoingEmail, Throttle, User  # noqa: E402
from sharing.invitations import services as invitations  # noqa: E402
from tests.load.measuring import middle  # noqa: E402
from tests.load.report import table  # noqa: E402

INVITATIONS = 200
QUEUED = 10_000
TURNS, PAGES = 4, 6


@contextmanager
def sink() -> Iterator[list[int]]:
    """A mail server in a process of its own; afterwards the list holds its messages and connections."""
    command = [sys.executable, "-m", "tests.load.sink"]
    seen: list[int] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", int(process.stdout.readline())
        yield seen
        process.stdin.close()
        seen += map(int, process.stdout.readline().split())


def send_all() -> tuple[float, float]:
    """As a worker does, until nothing is left: seconds by the clock, and of processor time."""
    began, used = time.monotonic(), time.process_time()
    while OutgoingEmail.objects.due().exists():
        tasks.deliver_due_email()
    return time.monotonic() - began, time.process_time() - used


def one_worker(by: User, site: Location) -> list[str]:
    """A row of the table: invitations to as many people."""
    for number in range(INVITATIONS):
        email = f"m{number}@load.example"
        invitations.share_with_person(location=site, by=by, email=email, level=Level.VIEW)
        Throttle.objects.all().delete()
    with sink() as seen:
        seconds, used = send_all()
    assert seen[0] == INVITATIONS, seen
    return _row("invitations, one worker process", INVITATIONS, seen[1], seconds, used)


def a_thousand(by: User, site: Location, key: str) -> tuple[list[str], str]:
    """One share to an organisation with a thousand Administrators: the request, and until all is out."""
    began = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        invitations.share_with_organisation(location=site, by=by, key=key, network="load", level=Level.VIEW)
    took = (time.monotonic() - began) * 1000
    letters = OutgoingEmail.objects.due().count()
    with sink() as seen:
        seconds, used = send_all()
    assert seen[0] == letters, seen
    said = (
        f"Sharing with an organisation of {letters} Administrators: {len(queries)} statements, {took:.0f} ms."
    )
    return _row("to the Administrators of one", letters, seen[1], seconds, used), said


def _row(what: str, messages: int, connections: int, seconds: float, used: float) -> list[str]:
    return [
        what,
        str(messages),
        str(connections),
        f"{messages / seconds * 60:.0f}",
        f"{used / messages * 1000:.1f}",
        f"{messages / used * 60:.0f}",
        f"{seconds:.0f}",
    ]


def beside_a_full_outbox(data: dict[str, str]) -> list[list[str]]:
    """Processor time of pages without and with ten thousand messages that wait, by turns."""
    now, found = timezone.now(), []
    client = Client(SERVER_NAME="localhost")
    client.cookies[settings.SESSION_COOKIE_NAME] = data["installer"]
    OutgoingEmail.objects.bulk_create(
        OutgoingEmail(
            key=f"full/{number}",
            kind="account",
            address=f"f{number}@load.example",
            language="da",
            details={"template": "unknown_account"},
            due_at=now,
        )
        for number in range(QUEUED)
    )
    times: dict[tuple[str, bool], list[float]] = {}
    for full, page in [(False, "list"), (False, "tab"), (True, "list"), (True, "tab")] * TURNS:
        status = OutgoingEmail.Status.QUEUED if full else OutgoingEmail.Status.SENT
        OutgoingEmail.objects.filter(key__startswith="full/").exclude(status=status).update(status=status)
        client.get(data[page])
        for _ in range(PAGES):
            used = time.process_time()
            assert client.get(data[page]).status_code == 200
            times.setdefault((page, full), []).append((time.process_time() - used) * 1000)
    for page, name in (("list", "list of 50"), ("tab", "Permissions tab")):
        without, beside = middle(times[page, False]), middle(times[page, True])
        found.append([name, f"{without:.1f}", f"{beside:.1f}", f"{beside / without:.2f}"])
    return found


def buffers_of_a_claim() -> int:
    """What the question for the next batch reads of the database."""
    with connection.cursor() as cursor:
        # The turns above have left what autovacuum would have swept by now.
        cursor.execute("VACUUM ANALYZE portal_outgoingemail")
    with CaptureQueriesContext(connection) as queries:
        list(OutgoingEmail.objects.due()[: outbox.BATCH])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {queries[0]['sql']}")
        plan = cursor.fetchone()[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def main(data: dict[str, str]) -> None:
    """Print the figures."""
    celery.nudge = lambda name: None  # nobody takes them here
    by = User.objects.get(email="installer@load.example")
    sites = list(Location.objects.order_by("pk")[1:3])
    OutgoingEmail.objects.all().delete()
    rows = [one_worker(by, sites[0])]
    row, said = a_thousand(by, sites[1], data["large_organisation"])
    head = [
        "mail",
        "messages",
        "connections",
        "per minute",
        "processor ms each",
        "per minute of processor",
        "seconds",
    ]
    print(table("Mail, one worker process and a mail server on this machine", head, [*rows, row]))
    print("\n" + said + "\n")
    head = ["page", "empty outbox, ms", f"{QUEUED} waiting, ms", "ratio"]
    print(table(f"Pages beside {QUEUED} queued messages", head, beside_a_full_outbox(data)))
    print(f"\nThe next batch among them reads {buffers_of_a_claim()} buffers.")
    OutgoingEmail.objects.filter(key__startswith="full/").delete()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

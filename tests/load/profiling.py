"""Where the processor time of a page goes: samples of the running code, put down to whoever it works for.

The page runs in this process through all of the portal's middleware. Samples are taken by processor time, so
what waits for the database costs nothing here; their shares divide what the pages took together.
"""

import json
import signal
import sys
import time
from collections import Counter
from types import FrameType

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from tests.load.report import table  # noqa: E402

EVERY_SECONDS = 0.004
TIMES = 120

# From the innermost frame outwards, the first that a line knows decides.
AREAS = [
    ("the driver", ("/psycopg",)),
    ("the ORM", ("/django/db/",)),
    ("gzip", ("/django/middleware/gzip.py", "/django/utils/text.py")),
    ("template: include", ("/django/template/loader_tags.py",)),
    ("template: static", ("/django/templatetags/static.py", "/staticfiles/", "/whitenoise/")),
    ("template: url", ("/django/urls/",)),
    ("template: translate", ("/django/templatetags/i18n.py", "/django/utils/translation/", "/gettext.py")),
    ("template: the rest", ("/django/template/", "/django/utils/", "/django/templatetags/")),
    ("sessions and people", ("/contrib/sessions/", "/contrib/auth/", "/django/core/signing.py")),
    ("allauth", ("/allauth/",)),
    ("our own code", ("/portal/", "/sharing/", "/locations/", "/organisations/")),
    ("middleware and the rest of Django", ("/django/", "/csp/", "/django_htmx/")),
]


def area_of(frame: FrameType | None) -> str:
    """Whom this moment belongs to."""
    while frame is not None:
        name = frame.f_code.co_filename
        for area, parts in AREAS:
            if any(part in name for part in parts):
                return area
        frame = frame.f_back
    return "everything else"


def profile(path: str, session: str) -> tuple[dict[str, float], int]:
    """Milliseconds of one such page by area, and how many queries it makes."""
    client = Client(SERVER_NAME="localhost")
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    assert client.get(path).status_code == 200
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    cost = len(queries)
    found: Counter[str] = Counter()
    signal.signal(signal.SIGPROF, lambda _number, frame: found.update([area_of(frame)]))
    began = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    for _ in range(TIMES):
        client.get(path, headers={"Accept-Encoding": "gzip"})
    signal.setitimer(signal.ITIMER_PROF, 0)
    each = (time.process_time() - began) / TIMES * 1000
    return {area: each * samples / found.total() for area, samples in found.items()}, cost


def main(data: dict[str, str]) -> None:
    """Print a table: a column for each page."""
    pages = {
        "empty list": profile(data["list"], data["newcomer"]),
        "list of 50": profile(data["list"], data["installer"]),
        "Permissions tab": profile(data["tab"], data["installer"]),
    }
    areas = [area for area, _ in AREAS]
    rows = [[area, *(f"{found.get(area, 0):.1f}" for found, _ in pages.values())] for area in areas]
    rows.append(["together", *(f"{sum(found.values()):.1f}" for found, _ in pages.values())])
    rows.append(["queries", *(str(queries) for _, queries in pages.values())])
    print(table("Where the processor time of a page goes, in milliseconds", ["", *pages], rows))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""What every test stands on: what is selected, the database, the browser, the real portal."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase
from playwright.sync_api import Page

from portal import append_only
from portal.management.commands.prepare import collect_static
from tests import parts
from tests.cast import Cast
from tests.pages import Scene
from tests.serving import Portal
from tests.standing import Standing, commits, wanted_by

CHROMIUM = parts.chromium()
IS_POSTGRES = bool(settings.DATABASE_URL)


# --- Selection and order ------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever order chance gives them: tests that begin with the same people follow each other."""
    items.sort(key=lambda item: (commits(item), wanted_by(item)))


# tests.run knows better why there is no PostgreSQL: it has looked for one.
_NO_POSTGRES = os.environ.get("PORTAL_TESTS_NO_POSTGRES", "DATABASE_URL names none")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say what each is about; skip, with a reason anybody can see, what this machine cannot run."""
    if "page" in getattr(item, "fixturenames", ()):
        item.add_marker("browser")
    if item.get_closest_marker("browser") and not CHROMIUM.where:
        item.add_marker(pytest.mark.skip(reason=f"needs Chromium: {CHROMIUM.why}"))
    if item.get_closest_marker("postgres") and not IS_POSTGRES:
        item.add_marker(pytest.mark.skip(reason=f"needs PostgreSQL: {_NO_POSTGRES}"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the outcome where tests.run asks for it."""
    if not (target := os.environ.get("PORTAL_TESTS_REPORT")):
        return
    stats = terminalreporter.stats
    counts = {name: len(stats.get(name, [])) for name in ("passed", "failed", "error", "skipped", "xfailed")}
    skipped = [(report.nodeid, str(report.longrepr[2])) for report in stats.get("skipped", [])]
    Path(target).write_text(json.dumps({"counts": counts, "skipped": skipped}))


# --- Database and files -----------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _ready() -> None:
    """Translations and static files as they ship."""
    call_command("compile_translations")
    collect_static()


_flush = TransactionTestCase._fixture_teardown


def _flush_everything(test: TransactionTestCase) -> None:
    """Empty the database after a test that committed, although the record of activity refuses deletion."""
    with connection.schema_editor() as editor:
        append_only.unguard(editor)
    try:
        _flush(test)
        cache.clear()
    finally:
        with connection.schema_editor() as editor:
            append_only.guard(editor)


TransactionTestCase._fixture_teardown = _flush_everything


@pytest.fixture(autouse=True)
def _fresh_limits(request: pytest.FixtureRequest) -> None:
    """allauth counts in the cache; one page's test must not use up the tries of the next."""
    if request.node.get_closest_marker("pages") and "db" in request.fixturenames:
        request.getfixturevalue("db")
        cache.clear()


@pytest.fixture(autouse=True)
def _no_leftovers_in_redis() -> None:
    """A cache in the database is rolled back with it; one in Redis is not."""
    if settings.REDIS_URL:
        cache.clear()


# --- Browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium, quiet, and able to start in a container."""
    quiet = [
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    container = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"]
    return browser_type_launch_args | {"executable_path": CHROMIUM.where, "args": container + quiet}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {"locale": "en-GB", "timezone_id": "Europe/Copenhagen"}


# Colours on their way from light to dark are neither.
_STAND_STILL = "Promise.all(document.getAnimations().map(one => one.finished.catch(() => {})))"
# The whole answer of axe is large; this is what a failing test says.
_FIND = """axe.run({resultTypes: ["violations"]}).then(
    found => found.violations.map(rule => [rule.id, rule.nodes.map(node => node.target)])
)"""


@pytest.fixture
def check_accessibility() -> Callable[[Page], None]:
    """A function that fails when axe finds anything on the page it is given."""

    def check(page: Page) -> None:
        if not page.evaluate("'axe' in window"):
            page.evaluate(AXE_SCRIPT)
        page.evaluate(_STAND_STILL)
        found = page.evaluate(_FIND)
        assert not found, found

    return check


# --- The real portal --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def portal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The real portal with demo data and a real worker, on the databases this run is about.

    Shared by all tests: make what you change yourself, and leave the demo people as they are.
    """
    var_dir = tmp_path_factory.mktemp("portal")
    lend_static_files(var_dir)
    with parts.scratch_database(settings.DATABASE_URL) as database_url:
        portal = Portal(var_dir, DATABASE_URL=database_url, REDIS_URL=settings.REDIS_URL)
        portal.start()
        try:
            yield portal
        finally:
            portal.stop()


def lend_static_files(var_dir: Path) -> None:
    """Spare a second collection of the same files."""
    shutil.copytree(settings.STATIC_ROOT, var_dir / "static")
    shutil.copy(f"{settings.STATIC_ROOT}.stamp", var_dir / "static.stamp")


# --- People -----------------------------------------------------------------------------------

_standing = Standing()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the test opens a transaction of its own."""
    _standing.want(wanted_by(item))


@pytest.fixture(scope="session")
def _stage(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Where people stand. Of a wider scope than the transaction of a test, so that it comes before."""
    _standing.begin(django_db_blocker)
    yield
    _standing.want("")


@pytest.fixture
def cast(_stage: None, db: None, request: pytest.FixtureRequest) -> Cast:
    """Everybody, three organisations and two locations; nothing shared yet. In a scene, its people."""
    if "scene" in request.fixturenames:
        return request.getfixturevalue("scene").cast
    return _standing.give("cast")


@pytest.fixture
def scene(_stage: None, db: None) -> Scene:
    """Everybody of every role, on a location of their own and on the stranger's."""
    return _standing.give("scene")

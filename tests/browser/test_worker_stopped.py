"""With worker and beat dead or asleep nothing is lost, nothing comes twice, and time still runs out."""

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.stage import WITHOUT_SCRIPT, Crowd, NewContext, Stage, create_location, expire, unique
from tests.conftest import lend_static_files
from tests.serving import Portal, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.embedded]
BACKGROUND = ("worker", "beat")


@pytest.fixture(scope="module")
def own_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Portal, Crowd]]:
    """A portal whose worker may be stopped and killed."""
    folder = tmp_path_factory.mktemp("stopped")
    lend_static_files(folder)
    portal = Portal(folder)
    portal.start()
    try:
        yield portal, Crowd(portal, 3)
    finally:
        portal.stop()


@pytest.fixture
def own_stage(own_portal: tuple[Portal, Crowd], new_context: NewContext) -> Iterator[Stage]:
    """Browsers in front of that portal, with worker and beat running at the start."""
    portal, crowd = own_portal
    wait_until(lambda: set(BACKGROUND) <= set(portal.children()), 30, "worker and beat run")
    stage = Stage(portal, crowd, new_context)
    try:
        yield stage
    finally:
        for pid in portal.children().values():
            os.kill(pid, signal.SIGCONT)
    assert stage.faults == []


def test_every_email_arrives_once_although_worker_and_beat_die_again_and_again(own_stage: Stage) -> None:
    """Nothing lost: 20 invitations, each five of them sent while worker and beat hang and are then killed."""
    stage, portal = own_stage, own_stage.portal
    page = stage.browser(stage.guest(), WITHOUT_SCRIPT)
    location = create_location(page, unique("Mørket"))
    guests = [f"dark-{number}@nowhere.example" for number in range(20)]
    for start in range(0, 20, 5):
        wait_until(lambda: _unsent(stage) == 0, 60, "all e-mail so far is sent")
        wait_until(lambda: set(BACKGROUND) <= set(portal.children()), 30, "worker and beat run")
        children = portal.children()
        put_to_sleep(portal)
        for email in guests[start : start + 5]:
            page.goto(f"{location}permissions/invite/")
            page.get_by_label("E-mail address").fill(email)
            page.get_by_role("button", name="Send invitation").click()
            expect(page.locator("#say")).to_contain_text(f"Invitation sent to {email}.")
        assert _unsent(stage) == 5
        for name in BACKGROUND:
            os.kill(children[name], signal.SIGKILL)
    wait_until(lambda: _unsent(stage) == 0, 60, "all e-mail is sent")
    arrived = Counter(email for email in guests for _ in stage.mailbox.of(email))
    assert arrived == Counter(guests)
    log = portal.log_path.read_text()
    for name in BACKGROUND:
        assert log.count(f"{name} (process ") == 4, log


def test_an_invitation_is_refused_at_its_moment_with_nobody_sweeping(own_stage: Stage) -> None:
    """Expiry: refused at once after its last second, with worker and beat asleep."""
    stage, portal = own_stage, own_stage.portal
    name, guest = unique("Timen"), stage.guest()
    sharer = stage.browser(stage.guest(), WITHOUT_SCRIPT)
    location = create_location(sharer, name)
    put_to_sleep(portal)
    sharer.goto(f"{location}permissions/invite/")
    sharer.get_by_label("E-mail address").fill(guest.email)
    sharer.get_by_role("button", name="Send invitation").click()
    page = stage.browser(guest)
    page.goto("/locations/")
    page.get_by_role("link", name=name).click()
    add = page.get_by_role("button", name="Add to my locations")
    expect(add).to_be_visible()
    expire(portal, page.url)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        add.click()
    assert answer.value.status == 409
    expect(page.get_by_role("heading", name="This invitation has expired")).to_be_visible()
    assert page.goto(location).status == 404
    page.goto("/locations/")
    expect(page.get_by_text(name)).to_have_count(0)
    # Nobody has marked it: the refusal is not the sweep's.
    assert stage.sql("SELECT state FROM sharing_invitation WHERE email = %s", guest.email) == [("pending",)]


def put_to_sleep(portal: Portal) -> None:
    """Stop worker and beat where they are, but not while one of them writes: SQLite has one lock for all who
    write, and a process that sleeps with it stops the pages too.
    """
    pids = [portal.children()[name] for name in BACKGROUND]

    def asleep_without_the_lock() -> bool:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        with closing(sqlite3.connect(portal.var_dir / "portal.sqlite3", timeout=0.5)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
                return False
        return True

    wait_until(asleep_without_the_lock, 30, "worker and beat sleep, and nothing is locked")


def _unsent(stage: Stage) -> int:
    (row,) = stage.sql("SELECT count(*) FROM portal_outgoingemail WHERE status IN ('queued', 'sending')")
    return int(row[0])

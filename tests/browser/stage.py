"""Where browser tests play: people with browsers of their own in front of one real portal."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Response, expect

from tests import parts
from tests.browser.crowd import PASSWORD
from tests.browser.mailbox import Mailbox
from tests.serving import ROOT, Portal

# The dialog when there is JavaScript, the page of its own when there is none.
SHEET = "dialog[open], html:not(.js) main"
TIMEOUT = 10_000
expect.set_options(timeout=TIMEOUT)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Look:
    """What the page is seen on."""

    name: str
    width: int
    scheme: str
    javascript: bool = True

    @property
    def size(self) -> dict[str, int]:
        return {"width": self.width, "height": 844 if self.width < 600 else 900}


PHONE = Look("phone-light", 390, "light")
DESK = Look("desk-dark", 1280, "dark")
PHONE_DARK = Look("phone-dark", 390, "dark")
DESK_LIGHT = Look("desk-light", 1280, "light")
NARROW = Look("narrow-light", 320, "light")
NARROW_DARK = Look("narrow-dark", 320, "dark")
WITHOUT_SCRIPT = Look("without-script", 390, "light", javascript=False)


@dataclass(frozen=True)
class Person:
    """Somebody with an account; `session` is their cookie."""

    email: str
    name: str
    session: str = ""
    password: str = PASSWORD


class NewContext(Protocol):
    """pytest-playwright's fixture of that name."""

    def __call__(self, **arguments: Any) -> BrowserContext: ...


class Crowd:
    """The demo people, and guests nobody has used yet."""

    def __init__(self, portal: Portal, count: int) -> None:
        made = subprocess.run(
            [sys.executable, "-m", "tests.browser.crowd", str(count)],
            cwd=ROOT,
            env=portal._environment,  # the very one the portal runs with
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        self._all = {one["email"]: Person(**one) for one in json.loads(made.stdout.splitlines()[-1])}
        self._guests: Iterator[Person] = iter(
            [person for person in self._all.values() if person.email.startswith("guest-")]
        )

    def demo(self, who: str) -> Person:
        """One of the demo people, by the part before the @. They are shared: do not sign them out."""
        return self._all[f"{who}@demo.example"]

    def host(self) -> Person:
        """Who has an organisation and the location "Showroom" with everything a page can show. Shared."""
        return self._all["host@people.example"]

    def crowded(self) -> Person:
        """Who has the location "Messen", shared with two hundred people. Shared."""
        return self._all["crowded@people.example"]

    def guest(self) -> Person:
        """Somebody new, in no organisation and with no location."""
        person = next(self._guests, None)
        assert person, "the crowd is too small: make more in conftest.py"
        return person


class Stage:
    """One test's view of the portal: opens browsers, and knows who there is and what mail came."""

    def __init__(self, portal: Portal, crowd: Crowd, new_context: NewContext) -> None:
        self.portal, self.crowd = portal, crowd
        self.url = portal.url
        self.mailbox = Mailbox(portal.mail_dir)
        self._new_context = new_context
        self.faults: list[str] = []

    def demo(self, who: str) -> Person:
        return self.crowd.demo(who)

    def host(self) -> Person:
        return self.crowd.host()

    def guest(self) -> Person:
        return self.crowd.guest()

    def browser(self, who: Person | None = None, look: Look = DESK, **arguments: Any) -> Page:
        """A new browser with nothing in it but, for `who`, their session."""
        arguments = {"reduced_motion": "reduce", "java_script_enabled": look.javascript} | arguments
        context = self._new_context(
            base_url=self.url, viewport=look.size, color_scheme=look.scheme, **arguments
        )
        context.set_default_timeout(TIMEOUT)
        if who:
            context.add_cookies([{"name": "session", "value": who.session, "url": self.url}])
        page = context.new_page()
        self.watch(page)
        return page

    def watch(self, page: Page) -> None:
        """Note what must happen on no page of any test: script errors and answers of 500."""
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        if response.status >= 500:
            self.faults.append(f"{response.status} {response.request.method} {response.url}")

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement on the portal's database, behind its back. Placeholders are %s."""
        return run_sql(self.portal, statement, *values)


def run_sql(portal: Portal, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement on this portal's database, behind its back. Placeholders are %s."""
    if url := portal._environment["DATABASE_URL"]:
        with parts.connect(url) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    import sqlite3

    connection = sqlite3.connect(portal.var_dir / "portal.sqlite3", timeout=20)
    try:
        with connection:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()
    finally:
        connection.close()


def expire(portal: Portal, invitation: str) -> None:
    """Move the end of an invitation (its page's address) into the past; no sweep has seen it yet."""
    uuid = re.search(r"[0-9a-f-]{36}", invitation)
    assert uuid
    key = uuid[0] if portal._environment["DATABASE_URL"] else uuid[0].replace("-", "")
    # The portal keeps whole seconds in UTC; SQLite compares them as text.
    earlier = {"invited_at": "2025-01-01 10:00:00", "expires_at": "2025-01-08 10:00:00"}
    if portal._environment["DATABASE_URL"]:
        earlier = {name: f"{value}+00" for name, value in earlier.items()}
    run_sql(
        portal,
        "UPDATE sharing_invitation SET invited_at = %s, expires_at = %s "
        "WHERE uuid = %s AND state = 'pending'",
        *earlier.values(),
        key,
    )


def unique(name: str) -> str:
    """A name nothing else in this run has."""
    return f"{name} {next(_numbers) + 1000}"


def console_of(page: Page) -> list[str]:
    """What the browser complains about from now on, and every request to another host."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{page.url}: {message.text}")

    page.on("console", note)
    return complaints


# --- What people do ---------------------------------------------------------------------------


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/locations/")


def create_location(page: Page, name: str, street: str = "Ærøvej 7") -> str:
    """Make a location by its form; returns its address without the host."""
    page.goto("/locations/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Street").fill(street)
    page.get_by_label("Postal code").fill("5700")
    page.get_by_label("City").fill("Svendborg")
    page.get_by_role("button", name="Create location").click()
    page.wait_for_url(re.compile(r"/locations/[0-9a-f-]{36}/$"))
    return "/locations/" + page.url.rstrip("/").rpartition("/")[2] + "/"


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="About this location").get_by_role("link", name=name).click()


def open_sheet(page: Page, name: str, *, role: Any = "link") -> Locator:
    """Press what opens a dialog; returns the dialog, or the page that stands for it without JavaScript."""
    page.get_by_role("main").get_by_role(role, name=name).first.click()
    sheet = page.locator(SHEET)
    expect(sheet.locator("h1")).to_be_visible()
    return sheet


def invite_person(page: Page, location: str, email: str, *, message: str = "", level: str = "") -> None:
    """Invite by e-mail address from the Permissions tab and see that it was sent."""
    page.goto(f"{location}permissions/")
    sheet = open_sheet(page, "Invite partner")
    sheet.get_by_label("E-mail address").fill(email)
    if level:
        sheet.get_by_label(level).check()
    if message:
        sheet.get_by_label("Message (optional)").fill(message)
    sheet.get_by_role("button", name="Send invitation").click()
    expect(said(page)).to_contain_text(f"Invitation sent to {email}. It is valid until")


def create_code(page: Page, location: str) -> str:
    """Make an invitation code; returns it as it is shown."""
    page.goto(f"{location}permissions/")
    sheet = open_sheet(page, "Invite partner")
    sheet.get_by_label("Share with").select_option(label="Share via invitation code")
    sheet.get_by_role("button", name="Create code").click()
    expect(page.locator(SHEET).get_by_role("heading", name="Invitation code")).to_be_visible()
    return page.locator(SHEET).locator(".code-large").inner_text()


def enter_code(page: Page, code: str) -> None:
    page.goto("/add/")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Continue").click()


def share(
    stage: "Stage", sharer: Page, location: str, guest: Person, look: Look = DESK, level: str = ""
) -> Page:
    """Invite and accept; returns the guest's browser at the location."""
    invite_person(sharer, location, guest.email, level=level)
    letter = stage.mailbox.wait_for(guest.email)
    page = stage.browser(guest, look)
    page.goto(letter.link("/add/"))
    page.get_by_role("button", name="Add to my locations").click()
    page.wait_for_url(f"**{location}")
    return page


def switch_language(page: Page, code: str) -> None:
    """Press the language's button in the footer."""
    page.locator(f"footer button[value={code}]").click()
    expect(page.locator("html")).to_have_attribute("lang", code)


def said(page: Page) -> Locator:
    """Where the page says what came of it, and a screen reader hears it."""
    return page.locator("#say[role=status]")


def group(page: Page, title: str) -> Locator:
    """One group of the Permissions tab, by its heading."""
    return page.locator("h3.group-title").filter(has_text=title).locator("xpath=following-sibling::ul[1]")


def row(place: Page | Locator, text: str) -> Locator:
    return place.locator("li.row").filter(has_text=text)

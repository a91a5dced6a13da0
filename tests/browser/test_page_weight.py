"""What the pages cost and reach: bytes, requests, the content policy, and no other host (quality.md)."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import DESK, PHONE, Look, Stage, console_of, create_location, open_sheet, unique

pytestmark = [pytest.mark.browser, pytest.mark.embedded]
KILOBYTE = 1000


@dataclass
class Traffic:
    """What went over the wire since it was cleared, measured by Chromium itself."""

    urls: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.requestServedFromCache", lambda event: self.cached.add(event["requestId"]))
        session.on("Network.loadingFinished", self._finished)

    def clear(self) -> None:
        self.urls.clear(), self.sizes.clear(), self.cached.clear()

    def _sent(self, event: dict[str, Any]) -> None:
        if not event["request"]["url"].startswith("data:"):
            self.urls[event["requestId"]] = event["request"]["url"]

    def _finished(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = int(event["encodedDataLength"])

    @property
    def total(self) -> int:
        return sum(self.sizes.values())

    def size_of(self, ending: str) -> int:
        return sum(size for id, size in self.sizes.items() if self.urls.get(id, "").endswith(ending))

    @property
    def requests(self) -> list[str]:
        return [url for id, url in self.urls.items() if id not in self.cached]

    def __str__(self) -> str:
        return ", ".join(f"{self.urls.get(id)} {size}" for id, size in self.sizes.items())


@pytest.mark.parametrize("path", ["/accounts/login/", "/locations/", "permissions", "/add/"])
def test_a_page_is_light(stage: Stage, path: str) -> None:
    """First visit ≤ 40 kB and ≤ 8 requests, a repeat ≤ 8 kB, CSS ≤ 8 kB, own script ≤ 3 kB, compressed."""
    who = None if "login" in path else stage.demo("installer")
    if path == "permissions":
        finder = stage.browser(stage.demo("customer"))
        finder.goto("/locations/")
        # Not what is offered above the list, which has its address from the root.
        finder.locator("main a.row-link:not([href^='/'])").first.click()
        finder.wait_for_url("**/locations/*-*/")
        path = f"{finder.url}permissions/"
    page = stage.browser(who)
    traffic = Traffic()
    traffic.watch(page)
    page.goto(path, wait_until="networkidle")
    first = str(traffic)
    assert traffic.total <= 40 * KILOBYTE, first
    assert 0 < traffic.size_of(".css") <= 8 * KILOBYTE, first
    own = [url for url in traffic.urls.values() if "/js/portal" in url]
    assert len(own) == 1
    assert 0 < traffic.size_of(own[0]) <= 3 * KILOBYTE, first
    assert len(traffic.requests) <= 8, traffic.requests
    assert {url for url in traffic.requests if not url.startswith(f"{stage.url}/")} == set()
    traffic.clear()
    page.goto(path, wait_until="networkidle")
    assert 0 < traffic.total <= 8 * KILOBYTE, f"repeat: {traffic}"


@pytest.mark.parametrize("look", [PHONE, DESK], ids=lambda look: look.name)
def test_no_page_breaks_the_content_policy_or_says_anything_in_the_console(stage: Stage, look: Look) -> None:
    """Content Security Policy as it ships (nothing bypassed): no violation, no error, no other host."""
    page = stage.browser(stage.guest(), look)
    complaints = console_of(page)
    elsewhere: list[str] = []
    page.on(
        "request",
        lambda request: request.url.startswith((f"{stage.url}/", "data:")) or elsewhere.append(request.url),
    )
    location = create_location(page, unique("Kanalen"))
    for path in (
        "/locations/",
        "/locations/?q=intet",
        "/locations/new/",
        location,
        f"{location}activity/",
        f"{location}settings/",
        "/organisations/",
        "/add/",
        "/accounts/email/",
        "/accounts/password/change/",
        f"{location}permissions/invite/",
        f"{location}permissions/",
    ):
        assert page.goto(path, wait_until="load").status == 200
    sheet = open_sheet(page, "Invite partner")
    sheet.get_by_label("Share with").select_option(label="Share via invitation code")
    sheet.get_by_role("button", name="Create code").click()
    expect(sheet.locator(".qr")).to_be_visible()
    page.keyboard.press("Escape")
    page.goto(f"{location}permissions/")
    page.get_by_role("button", name="Show code").click()
    expect(page.locator("dialog[open] .qr")).to_be_visible()
    assert complaints == []
    assert elsewhere == []

    stranger = stage.browser(look=look)
    complaints = console_of(stranger)
    for path in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/add/"):
        stranger.goto(path, wait_until="load")
    assert complaints == []
    # The listener can hear: what an injected script would meet.
    stranger.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))")
    stranger.wait_for_timeout(100)
    assert "Content Security Policy" in "".join(complaints)

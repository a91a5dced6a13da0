"""Two hundred parties on one location: the Permissions tab can still be used on a phone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import PHONE, WITHOUT_SCRIPT, Look, Stage

pytestmark = [pytest.mark.browser, pytest.mark.embedded]

ROWS = "main li[id^=access-]"


@pytest.mark.parametrize("look", [PHONE, WITHOUT_SCRIPT], ids=str)
def test_two_hundred_are_folded_and_found(
    stage: Stage, look: Look, check_accessibility: Callable[[Page], None]
) -> None:
    """Ten are shown and the rest is one press away; a name finds its one; nothing sticks out sideways."""
    page = stage.browser(stage.crowd.crowded(), look)
    page.goto("/locations/")
    page.get_by_role("link", name="Messen").click()
    page.goto(f"{page.url}permissions/")
    fold = page.locator("details.fold")
    expect(page.locator(ROWS)).to_have_count(201)
    assert page.locator(f"{ROWS} >> visible=true").count() == 11  # ten, and who installed it
    # The whole tab, folded, is a few screens and not forty.
    assert page.evaluate("document.documentElement.scrollHeight") < 6 * 844
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    fold.locator("summary").click()
    assert page.locator(f"{ROWS} >> visible=true").count() == 201
    fold.locator("summary").click()

    box = page.get_by_role("searchbox")
    box.fill("party 137")
    box.press("Enter")
    page.wait_for_url(re.compile("q=party"))
    found = page.locator("main .rows").first.locator("li")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Party 137")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if look.javascript:
        check_accessibility(page)
    # What was looked for can be taken away from here.
    found.get_by_role("link", name="Remove").click()
    expect(page.get_by_text("Party 137").first).to_be_visible()

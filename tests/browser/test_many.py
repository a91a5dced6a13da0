"""Three locations are shared in one go, added in one go and taken back in one go, with a real worker."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import DESK, PHONE, WITHOUT_SCRIPT, Look, Stage, create_location, row, unique

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("look", [PHONE, DESK, WITHOUT_SCRIPT], ids=lambda look: look.name)
def test_many_locations_in_one_go(
    stage: Stage, look: Look, check_accessibility: Callable[[Page], None]
) -> None:
    """The list, the form, the preview, the progress and the result; one e-mail; and all of it back again."""

    def check(page: Page) -> None:
        if look.javascript:
            check_accessibility(page)

    street = unique("Langgade")
    sharer, partner = stage.guest(), stage.guest()
    boss = stage.browser(sharer, look)
    for number in (2, 10, 4):
        place = create_location(boss, f"{street} {number}")
    boss.goto(f"/locations/?q={street.replace(' ', '+')}")
    boss.get_by_role("link", name="Choose several").click()
    boss.get_by_label(f"{street} 10").check()
    check(boss)
    boss.get_by_label("All 3 that match").check()
    boss.get_by_role("button", name="Share", exact=True).click()
    expect(boss.get_by_role("heading", name="Share 3 locations")).to_be_visible()
    boss.get_by_label("E-mail address").fill(partner.email)
    check(boss)
    boss.get_by_role("button", name="Show what will happen").click()
    expect(boss.get_by_text("3 will change, 0 are skipped")).to_be_visible()
    check(boss)
    boss.get_by_role("button", name="Share 3 locations").click()
    expect(boss.get_by_text("3 shared, 0 skipped")).to_be_visible(timeout=30_000)
    check(boss)

    letter = stage.mailbox.wait_for(partner.email, "shares 3 locations")
    assert letter.subject == f"{sharer.name} shares 3 locations with you"
    guest = stage.browser(partner, look)
    guest.goto(letter.link("/add/"))
    expect(guest.get_by_role("heading", name="shares 3 locations with you")).to_be_visible()
    check(guest)
    guest.get_by_role("button", name="Add all to my locations").click()
    expect(guest.get_by_text("3 added, 0 skipped")).to_be_visible(timeout=30_000)
    guest.get_by_role("main").get_by_role("link", name="To my locations").click()
    for number in (2, 4, 10):
        expect(row(guest, f"{street} {number}").first).to_be_visible()
    told = stage.mailbox.wait_for(sharer.email, "3 locations")
    assert told.subject == f"{partner.email} has added 3 locations"

    boss.goto(f"{place}permissions/")
    row(boss, partner.name).get_by_role("link", name=partner.name, exact=True).click()
    boss.get_by_role("link", name=f"Everything {partner.name} has from you").click()
    expect(boss.get_by_label("Whose access")).to_contain_text(f"{partner.name} (3)")
    check(boss)
    boss.get_by_role("button", name="Show what will happen").click()
    boss.get_by_role("button", name="End access to 3 locations").click()
    expect(boss.get_by_text("3 ended, 0 skipped")).to_be_visible(timeout=30_000)
    letter = stage.mailbox.wait_for(partner.email, "has ended")
    assert letter.subject == "Your access to 3 locations has ended"
    guest.goto("/locations/")
    expect(guest.get_by_text(f"{street} 2")).to_have_count(0)

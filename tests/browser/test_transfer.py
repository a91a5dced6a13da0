"""The installer hands a location over; the customer signs up from the mail and ends the installer's part."""

import pytest
from playwright.sync_api import expect

from tests.browser.stage import (
    DESK,
    PHONE,
    SHEET,
    WITHOUT_SCRIPT,
    Look,
    Stage,
    create_location,
    group,
    open_sheet,
    row,
    said,
    unique,
)

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("look", [DESK, WITHOUT_SCRIPT], ids=lambda look: look.name)
def test_the_customer_takes_over(stage: Stage, look: Look) -> None:
    """What changes is read before by both; one acceptance is enough."""
    site = unique("Havnen")
    karen = f"{unique('karen').replace(' ', '-')}@kunde.example"
    installer = stage.guest()
    boss = stage.browser(installer, look)
    location = create_location(boss, site)
    boss.goto(f"{location}permissions/")
    sheet = open_sheet(boss, "Hand over to the customer")
    expect(sheet).to_contain_text("You keep access as the installer, until the new Owner ends it.")
    sheet.get_by_label("E-mail address").fill("karen")
    sheet.get_by_role("button", name="Send invitation").click()
    expect(boss.locator(SHEET)).to_contain_text("Enter the e-mail address of the new Owner.")
    boss.locator(SHEET).get_by_label("E-mail address").fill(karen)
    boss.locator(SHEET).get_by_role("button", name="Send invitation").click()
    expect(said(boss)).to_contain_text(f"Invitation to become Owner sent to {karen}.")
    expect(row(group(boss, "Waiting for an answer"), karen)).to_contain_text("Invited to become Owner")

    letter = stage.mailbox.wait_for(karen, site)
    assert letter.subject == f"{installer.name} hands {site} over to you"
    guest = stage.browser(look=PHONE)
    guest.goto(letter.link("/add/"))
    expect(guest.get_by_role("heading", name=f"hands {site} over to you")).to_be_visible()
    guest.get_by_role("main").get_by_role("link", name="Make an account").click()
    guest.get_by_label("Name").fill("Karen Kunde")
    guest.get_by_label("E-mail address").fill(karen)
    guest.get_by_label("Password").fill("korn og klinte 1850")
    guest.get_by_role("main").get_by_role("button", name="Make an account").click()
    guest.goto(stage.mailbox.wait_for(karen, "Confirm your e-mail address").link("/accounts/confirm-email/"))
    guest.get_by_role("button", name="Confirm").click()
    expect(guest.get_by_text(f"{installer.name} · installed it")).to_be_visible()
    guest.get_by_role("button", name="Become Owner").click()
    expect(said(guest)).to_contain_text(f"You are the Owner of {site} now.")
    expect(row(group(guest, "Owner (customer)"), "Karen Kunde")).to_contain_text("You")

    told = stage.mailbox.wait_for(installer.email, site)
    assert told.subject == f"Karen Kunde is the Owner of {site} now"
    row(group(guest, "Installed by"), installer.name).get_by_role("link", name="Remove").click()
    guest.locator(SHEET).get_by_role("button", name="Remove access").click()
    expect(said(guest)).to_contain_text(f"{installer.name} no longer has access by this way.")
    boss.goto("/locations/")
    expect(boss.get_by_role("link", name=site)).to_have_count(0)

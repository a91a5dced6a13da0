"""An e-mail that came back: the sharer reads why, corrects the address, and the right person gets in."""

import pytest
from playwright.sync_api import expect

from tests.browser.stage import (
    DESK,
    PHONE,
    WITHOUT_SCRIPT,
    Look,
    Stage,
    create_location,
    group,
    invite_person,
    open_sheet,
    row,
    said,
    unique,
)

pytestmark = [pytest.mark.browser, pytest.mark.embedded]


@pytest.mark.parametrize("look", [DESK, PHONE, WITHOUT_SCRIPT], ids=lambda look: look.name)
def test_a_wrong_address_is_corrected(stage: Stage, look: Look) -> None:
    """In the sheet or on a page of its own; refused beside the field, with what was typed still there."""
    sharer, guest = stage.browser(stage.guest(), look), stage.guest()
    location = create_location(sharer, unique("Molen"))
    wrong = f"{unique('wrogn').replace(' ', '-')}@people.example"
    invite_person(sharer, location, wrong)
    stage.mailbox.wait_for(wrong)
    # As the mail provider would report it; tests/portal/mail/test_webhooks.py has what they really send.
    stage.sql(
        "UPDATE portal_outgoingemail SET status = 'bounced', failure = 'address' WHERE address = %s", wrong
    )
    sharer.goto(f"{location}permissions/")
    waiting = group(sharer, "Waiting for an answer")
    expect(row(waiting, wrong)).to_contain_text("This address does not exist. Correct it")
    sheet = open_sheet(sharer, "Correct the address")
    field = sheet.get_by_label("E-mail address")
    expect(field).to_have_value(wrong)
    field.fill("not an address")
    sheet.get_by_role("button", name="Send invitation").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("not an address")
    field.fill(guest.email)
    sheet.get_by_role("button", name="Send invitation").click()
    expect(said(sharer)).to_contain_text(f"Invitation sent to {guest.email}.")
    expect(row(waiting, guest.email)).to_be_visible()
    expect(row(waiting, wrong)).to_have_count(0)

    page = stage.browser(guest, look)
    page.goto(stage.mailbox.wait_for(guest.email).link("/add/"))
    page.get_by_role("button", name="Add to my locations").click()
    page.wait_for_url(f"**{location}")

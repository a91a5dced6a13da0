"""The wrong account asks, the inviter approves in place, and the location is in the list."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.stage import PHONE, Stage, create_location, invite_person, row, said, unique

pytestmark = pytest.mark.browser


def test_the_wrong_account_asks_and_is_let_in(stage: Stage) -> None:
    """Ask on a phone, a letter to the inviter, approve from there, a letter back, open the location."""
    name, sent_to = unique("Perronen"), f"{unique('work').replace(' ', '-')}@people.example"
    inviter, guest = stage.guest(), stage.guest()
    sharer = stage.browser(inviter)
    location = create_location(sharer, name)
    invite_person(sharer, location, sent_to)
    link = stage.mailbox.wait_for(sent_to, name).link("/add/")

    page = stage.browser(guest, PHONE)
    page.goto(link)
    expect(page.get_by_role("heading", name="This invitation is for another address")).to_be_visible()
    page.get_by_role("button", name=f"Ask {inviter.name} to approve this account").click()
    expect(page.get_by_text("has been asked to approve this account")).to_be_visible()

    letter = stage.mailbox.wait_for(inviter.email, "asks you to approve an account")
    assert guest.email in letter.text
    sharer.goto("/invitations/")
    expect(row(sharer.locator("main"), guest.email)).to_contain_text(f"the invitation to {sent_to}")
    sharer.goto(f"{location}permissions/")
    row(sharer.locator("main"), guest.email).get_by_role("button", name="Approve").click()
    expect(said(sharer)).to_contain_text(f"{guest.name} has been let in and is told.")
    expect(row(sharer.locator("main"), guest.email)).to_contain_text("by e-mail invitation")

    page.goto(stage.mailbox.wait_for(guest.email, f"let in to {name}").link("/locations/"))
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.goto("/locations/")
    page.get_by_role("link", name=name).click()
    page.wait_for_url(re.compile(re.escape(location)))

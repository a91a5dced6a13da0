"""Whose an address is, in a real browser: Chromium sends the domain of an e-mail field as punycode.

One mailbox is one account in every spelling, and a link that confirms an address counts for name and password
only in the browser that typed them.
"""

import itertools

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import (
    DESK,
    PHONE,
    WITHOUT_SCRIPT,
    Look,
    Stage,
    create_location,
    invite_person,
    open_sheet,
    row,
    said,
    sign_in,
    unique,
)

pytestmark = [pytest.mark.browser, pytest.mark.embedded]

PASSWORD = "korn og klinte 1850"
_numbers = itertools.count(1)


def sign_up(page: Page, name: str, email: str, password: str = PASSWORD) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Make an account").click()
    expect(page.get_by_role("heading", name="Look in your e-mail")).to_be_visible()


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()


@pytest.mark.parametrize(
    ("domain", "as_typed", "on_the_wire", "look"),
    [
        ("blåbær.dk", "blåbær.dk", "xn--blbr-roah.dk", PHONE),
        ("post.blåbær.strøm.dk", "Post.BLÅBÆR.strøm.dk", "post.xn--blbr-roah.xn--strm-ira.dk", DESK),
        ("bücher.example", "bu\u0308cher.example", "xn--bcher-kva.example", WITHOUT_SCRIPT),
    ],
)
def test_one_mailbox_is_one_account_in_every_spelling(
    stage: Stage, domain: str, as_typed: str, on_the_wire: str, look: Look
) -> None:
    """Sign up, confirm, sign out and in by each spelling; ask for a reset; be invited and handed over to."""
    who = f"bo{next(_numbers)}"
    kept, typed, wire = (f"{who}@{part}" for part in (domain, as_typed, on_the_wire))
    page = stage.browser(look=look)
    sign_up(page, "Bo Bille", typed)
    page.goto(stage.mailbox.wait_for(wire, "Confirm your e-mail address").link("/accounts/confirm-email/"))
    expect(page.get_by_role("main")).to_contain_text(f"Is {kept} the address of Bo Bille?")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/locations/")
    for spelling in (typed, wire, kept.upper()):
        sign_out(page)
        sign_in(page, spelling, PASSWORD)
    sign_out(page)
    page.goto("/accounts/password/reset/")
    page.get_by_label("E-mail address").fill(typed)
    page.get_by_role("main").get_by_role("button").click()
    stage.mailbox.wait_for(wire, "password")

    sharer, name = stage.browser(stage.guest(), look), unique("Lageret")
    location = create_location(sharer, name)
    invite_person(sharer, location, kept)
    sharer.goto(f"{location}permissions/")
    expect(row(sharer.locator("main"), kept)).to_be_visible()
    sheet = open_sheet(sharer, "Hand over to the customer")
    sheet.get_by_label("E-mail address").fill(typed)
    sheet.get_by_role("button", name="Send invitation").click()
    expect(said(sharer)).to_contain_text(f"Invitation to become Owner sent to {kept}.")
    sign_in(page, wire, PASSWORD)
    page.goto("/invitations/")
    expect(page.get_by_role("main").get_by_role("link", name=name)).to_have_count(2)


def test_a_link_opened_in_another_browser_asks_for_name_and_password(stage: Stage) -> None:
    """Who signs up with somebody else's address waits in vain for that person's click."""
    email = f"{unique('vera').replace(' ', '-')}@corp.example"
    squatter, owner = stage.browser(), stage.browser(look=PHONE)
    sign_up(squatter, "Mallory", email, "this one is mine 1234")
    link = stage.mailbox.wait_for(email, "Confirm your e-mail address").link("/accounts/confirm-email/")
    owner.goto(link)
    expect(owner.get_by_role("heading", name="Make your account")).to_be_visible()
    expect(owner.get_by_role("main")).not_to_contain_text("Mallory")
    owner.get_by_label("Name").fill("Vera Vang")
    owner.get_by_label("Password").fill(PASSWORD)
    owner.get_by_role("button", name="Confirm and sign in").click()
    owner.wait_for_url("**/locations/")
    owner.goto("/accounts/email/")
    expect(owner.get_by_role("main")).to_contain_text(email)
    expect(owner.locator("body")).not_to_contain_text("Mallory")

    squatter.goto("/accounts/login/")
    squatter.get_by_label("E-mail address").fill(email)
    squatter.get_by_label("Password").fill("this one is mine 1234")
    squatter.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(squatter.get_by_role("main")).to_contain_text("not correct")
    sign_out(owner)
    sign_in(owner, email, PASSWORD)

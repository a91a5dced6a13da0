"""The loop of an organisation: two people are invited at once, one signs up from the link and sees it all."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.stage import PHONE, Stage, create_location, row, said, unique

pytestmark = pytest.mark.browser


def test_two_are_invited_and_one_comes_in_by_the_link(stage: Stage) -> None:
    """Box, answers, e-mail from the worker, sign-up and confirmation on the way, join, the locations."""
    firm, site = unique("Kabel og Co"), unique("Broen")
    nina, per = (f"{unique(name).replace(' ', '-')}@kabel.example" for name in ("nina", "per"))
    administrator = stage.guest()
    boss = stage.browser(administrator)
    boss.goto("/organisations/new/")
    boss.get_by_label("Name").fill(firm)
    boss.get_by_role("button", name="Create organisation").click()
    boss.wait_for_url(re.compile(r"/organisations/[0-9a-f-]{36}/$"))
    organisation = boss.url
    create_location(boss, site)

    # A bad line stays in the box with its reason; the good ones are sent.
    boss.goto(organisation)
    boss.get_by_role("link", name="Invite people").click()
    boss.get_by_label("E-mail addresses").fill(f"{nina}\n{per}, nobody")
    boss.get_by_role("button", name="Send invitations").click()
    expect(said(boss)).to_contain_text(f"Invitation sent to {nina}, {per}.")
    expect(boss.get_by_label("E-mail addresses")).to_have_value("nobody")
    expect(boss.get_by_text("nobody: This is not an e-mail address.")).to_be_visible()
    boss.goto(organisation)
    for address in (nina, per):
        expect(row(boss, address)).to_contain_text("Member · valid until")

    # Signed out, sign-up on the way, and back to the invitation.
    letter = stage.mailbox.wait_for(nina, firm)
    assert letter.subject.endswith(f"invites you to {firm}")
    guest = stage.browser(look=PHONE)
    guest.goto(letter.link("/add/"))
    expect(guest.get_by_role("heading", name=f"invites you to {firm}")).to_be_visible()
    guest.get_by_role("main").get_by_role("link", name="Make an account").click()
    guest.get_by_label("Name").fill("Nina Ny")
    guest.get_by_label("E-mail address").fill(nina)
    guest.get_by_label("Password").fill("korn og klinte 1850")
    guest.get_by_role("main").get_by_role("button", name="Make an account").click()
    guest.goto(stage.mailbox.wait_for(nina, "Confirm your e-mail address").link("/accounts/confirm-email/"))
    guest.get_by_role("button", name="Confirm").click()
    guest.get_by_role("button", name=f"Join {firm}").click()
    expect(said(guest)).to_contain_text(f"You are a member of {firm} now.")
    expect(guest.get_by_role("link", name=site)).to_be_visible()

    # Whoever invited is told, and sees one in and one still waiting.
    told = stage.mailbox.wait_for(administrator.email, firm)
    assert told.subject == f"Nina Ny is a member of {firm} now"
    boss.goto(organisation)
    expect(row(boss, "Nina Ny")).to_contain_text(nina)
    expect(boss.locator("h2.group-title").filter(has_text="Waiting for an answer")).to_contain_text("1")
    row(boss, per).get_by_role("button", name="Withdraw").click()
    expect(said(boss)).to_contain_text(f"The invitation to {per} was withdrawn.")

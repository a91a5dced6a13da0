"""What happens to a share after it was sent: sent again, withdrawn, changed, taken away, given up."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.stage import (
    DESK,
    PHONE,
    Look,
    Stage,
    create_location,
    group,
    invite_person,
    open_sheet,
    row,
    said,
    share,
    unique,
)

pytestmark = [pytest.mark.browser, pytest.mark.embedded]


@pytest.fixture(params=[PHONE, DESK], ids=lambda look: look.name)
def look(request: pytest.FixtureRequest) -> Look:
    """What both sides see the portal on."""
    found: Look = request.param
    return found


def test_sent_again_the_old_link_is_dead_and_the_new_one_works(stage: Stage, look: Look) -> None:
    """Resend: a new code and seven new days; nobody gets in by the old code, and the sharer is told so."""
    name, guest = unique("Molen"), stage.guest()
    sharer = stage.browser(stage.guest(), look)
    location = create_location(sharer, name)
    invite_person(sharer, location, guest.email)
    old = stage.mailbox.wait_for(guest.email, name)
    row(group(sharer, "Waiting for an answer"), guest.email).get_by_role(
        "button", name=f"Resend {guest.email}"
    ).click()
    expect(said(sharer)).to_contain_text("It replaces the earlier one, whose code no longer works.")
    expect(row(group(sharer, "Waiting for an answer"), guest.email)).to_have_count(1)
    new = stage.mailbox.wait_for(guest.email, name, count=2)
    assert new.code != old.code

    page = stage.browser(look=look)
    assert page.goto(old.link("/add/")).status == 404
    expect(page.get_by_role("alert")).to_contain_text("We don't know this code, or it no longer works.")
    page = stage.browser(guest, look)
    page.goto(new.link("/add/"))
    page.get_by_role("button", name="Add to my locations").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def test_withdrawn_the_recipient_is_told_that_nothing_was_shared(stage: Stage, look: Look) -> None:
    """Withdraw: the row goes, the link says what became of it, and the list stays as it was."""
    name, guest = unique("Engen"), stage.guest()
    sharer = stage.browser(stage.guest(), look)
    location = create_location(sharer, name)
    invite_person(sharer, location, guest.email)
    page = stage.browser(guest, look)
    page.goto(stage.mailbox.wait_for(guest.email, name).link("/add/"))
    there = page.url
    row(sharer, guest.email).get_by_role("button", name=f"Withdraw {guest.email}").click()
    expect(said(sharer)).to_contain_text(f"The invitation to {guest.email} was withdrawn.")
    expect(row(sharer, guest.email)).to_have_count(0)
    page.goto(there)
    expect(page.get_by_role("heading", name="This invitation was withdrawn")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Nothing was shared.")
    page.goto("/locations/")
    expect(page.get_by_text(name)).to_have_count(0)


def test_access_taken_away_ends_at_once_also_in_a_tab_that_is_open(stage: Stage, look: Look) -> None:
    """Remove access: asked first; the next click of the one who lost it meets a page that says why."""
    name, guest = unique("Marken"), stage.guest()
    sharer = stage.browser(stage.guest(), look)
    location = create_location(sharer, name)
    page = share(stage, sharer, location, guest, look)
    sharer.goto(f"{location}permissions/")

    # "Keep access" keeps it.
    sheet = open_sheet(sharer, f"Remove {guest.name}")
    expect(sheet).to_contain_text(
        f"{name} disappears from their list at once, unless they have access by another way. "
        "What they did stays in Activity."
    )
    sheet.get_by_role("link", name="Keep access").click()
    expect(sharer.locator("dialog[open]")).to_have_count(0)
    assert page.goto(location).status == 200

    sheet = open_sheet(sharer, f"Remove {guest.name}")
    expect(sheet).not_to_contain_text("You will lose it too.")
    sheet.get_by_role("button", name="Remove access").click()
    expect(said(sharer)).to_contain_text(f"{guest.name} no longer has access")
    expect(row(sharer, guest.name)).to_have_count(0)

    with page.expect_response(lambda response: response.request.is_navigation_request()) as answer:
        page.get_by_role("link", name="Activity", exact=True).click()
    assert answer.value.status == 404
    expect(page.get_by_role("main")).to_contain_text("Your access to this location ended on")
    page.get_by_role("link", name="To my locations").click()
    expect(page.get_by_text(name)).to_have_count(0)
    stage.mailbox.wait_for(guest.email, f"Your access to {name} has ended")


def test_another_level_is_chosen_in_place_and_said(stage: Stage, look: Look) -> None:
    """Passing through levels saves nothing; Save and Cancel come forward, and what goes with it. Saved, it
    is announced, the page not loaded anew, it counts at once, and it can be undone.
    """
    name, guest = unique("Bakken"), stage.guest()
    sharer = stage.browser(stage.guest(), look)
    location = create_location(sharer, name)
    page = share(stage, sharer, location, guest, look)
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    sharer.goto(f"{location}permissions/")
    sharer.evaluate("window.stillHere = true")
    level = sharer.get_by_label(f"What {guest.name} can do")
    level.focus()
    for _ in range(2):
        sharer.keyboard.press("ArrowUp")
    entry = row(sharer, guest.name)
    expect(entry).to_contain_text(f"Change {guest.name} to “Can view”?")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    entry.get_by_role("button", name="Cancel").click()
    expect(level.locator("option:checked")).to_have_text("Can manage")
    expect(entry.get_by_role("button", name="Save")).to_have_count(0)
    level.select_option(label="Can view")
    # As in a long list: the row is far below, and what came of it is read there.
    sharer.set_viewport_size(look.size | {"height": 420})
    sharer.evaluate("scrollTo(0, document.body.scrollHeight)")
    entry.get_by_role("button", name="Save").click()
    expect(said(sharer)).to_contain_text(f"{guest.name}: Can view.")
    expect(sharer.get_by_role("button", name="Undo")).to_be_in_viewport()
    sharer.get_by_role("button", name="Undo").click()
    expect(said(sharer)).to_contain_text("Undone.")
    level = sharer.get_by_label(f"What {guest.name} can do")
    expect(level.locator("option:checked")).to_have_text("Can manage")
    level.select_option(label="Can view")
    row(sharer, guest.name).get_by_role("button", name="Save").click()
    expect(said(sharer)).to_contain_text(f"{guest.name}: Can view.")
    level = sharer.get_by_label(f"What {guest.name} can do")
    expect(level.locator("option:checked")).to_have_text("Can view")
    expect(level).to_be_enabled()
    assert sharer.evaluate("window.stillHere") is True
    expect(sharer.locator("#say[role=status] p.notice")).to_have_count(1)

    page.goto(location)
    expect(page.get_by_role("main")).to_contain_text("View")
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    assert page.goto(f"{location}settings/").status in {403, 404}
    # A second change in the page that was not loaded anew.
    level.select_option(label="Can configure")
    row(sharer, guest.name).get_by_role("button", name="Save").click()
    expect(said(sharer)).to_contain_text(f"{guest.name}: Can configure.")


@pytest.mark.parametrize("ended", ["the access", "the session"])
def test_a_level_chosen_on_a_page_that_is_out_of_date_leads_to_what_is_so(
    stage: Stage, look: Look, ended: str
) -> None:
    """The fresh tab with its sentence, or signing in and coming back to the tab; no page inside the row."""
    guest = stage.guest()
    sharer = stage.browser(stage.guest(), look)
    location = create_location(sharer, unique("Toften"))
    share(stage, sharer, location, guest, look)
    sharer.goto(f"{location}permissions/")
    if ended == "the access":
        other = sharer.context.new_page()
        other.goto(f"{location}permissions/")
        open_sheet(other, f"Remove {guest.name}").get_by_role("button", name="Remove access").click()
        expect(row(other, guest.name)).to_have_count(0)
    else:
        sharer.context.clear_cookies()
    sharer.get_by_label(f"What {guest.name} can do").select_option(label="Can view")
    if ended == "the access":
        expect(said(sharer)).to_contain_text("This access has ended.")
        expect(row(sharer, guest.name)).to_have_count(0)
    else:
        expect(sharer.get_by_role("button", name="Sign in")).to_be_visible()
        expect(sharer).to_have_url(re.compile(r"/accounts/login/\?next=/locations/[^/]+/permissions/$"))
    expect(sharer.get_by_role("main")).to_have_count(1)


def test_back_shows_the_level_that_is_so(stage: Stage, look: Look) -> None:
    """Chosen and not saved is not kept for whoever comes back."""
    guest = stage.guest()
    sharer = stage.browser(stage.guest(), look)
    location = create_location(sharer, unique("Heden"))
    share(stage, sharer, location, guest, look)
    sharer.goto(f"{location}permissions/")
    level = sharer.get_by_label(f"What {guest.name} can do")
    level.select_option(label="Can view")
    expect(row(sharer, guest.name).get_by_role("button", name="Save")).to_be_visible()
    sharer.goto(f"{location}activity/")
    sharer.go_back()
    expect(level.locator("option:checked")).to_have_text("Can manage")


def test_whoever_leaves_is_asked_and_then_rid_of_it(stage: Stage, look: Look) -> None:
    """Leave: asked in the second person; afterwards it is in their list no more, and others keep theirs."""
    name, guest = unique("Skrænten"), stage.guest()
    sharer = stage.browser(stage.guest(), look)
    location = create_location(sharer, name)
    page = share(stage, sharer, location, guest, look)
    page.goto(f"{location}permissions/")
    sheet = open_sheet(page, f"Leave {guest.name}")
    expect(sheet.get_by_role("heading", name=f"Leave {name}?")).to_be_visible()
    expect(sheet).to_contain_text(f"{name} disappears from your list at once")
    sheet.get_by_role("button", name="Leave").click()
    expect(page).to_have_url(re.compile(r"/locations/$"))
    expect(page.get_by_role("main").get_by_role("link", name=name)).to_have_count(0)
    expect(said(page)).to_contain_text("has left")
    assert page.goto(location).status == 404
    assert sharer.goto(f"{location}permissions/").status == 200
    expect(row(sharer, guest.name)).to_have_count(0)

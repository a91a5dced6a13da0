"""The details that make it good (ux.md): focus, what was typed, double clicks, Back, two tabs, sizes."""

import re

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.stage import (
    DESK,
    PHONE,
    WITHOUT_SCRIPT,
    Look,
    Stage,
    create_code,
    create_location,
    group,
    invite_person,
    open_sheet,
    row,
    said,
    share,
    sign_in,
    switch_language,
    unique,
)

pytestmark = [pytest.mark.browser, pytest.mark.embedded]


def test_escape_closes_the_dialog_and_focus_goes_back(stage: Stage) -> None:
    """Dialog: focus in, Esc out, focus back to the button; nothing typed, so nothing is asked."""
    page = stage.browser(stage.guest(), PHONE)
    location = create_location(page, unique("Gården"))
    page.goto(f"{location}permissions/")
    for close in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.get_by_role("button", name="Close").click(),
    ):
        sheet = open_sheet(page, "Invite partner")
        expect(sheet.get_by_label("Share with")).to_be_focused()
        for _ in range(25):  # Tab stays inside
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.closest('dialog, body').localName") in {
                "dialog",
                "body",  # the browser's own controls
            }
            assert not page.evaluate("!!document.activeElement.closest('main, header, footer')")
        close()
        expect(page.locator("dialog[open]")).to_have_count(0)
        expect(page.get_by_role("link", name="Invite partner")).to_be_focused()


@pytest.mark.parametrize("way", ["Escape", "Escape twice", "Close", "Cancel", "outside"])
def test_typed_text_is_not_thrown_away_without_asking(stage: Stage, way: str) -> None:
    """Typed text asks before closing: whoever says no keeps it, whoever says yes is rid of it."""
    page = stage.browser(stage.guest())
    location = create_location(page, unique("Pladsen"))
    page.goto(f"{location}permissions/")
    sheet = open_sheet(page, "Invite partner")
    message = sheet.get_by_label("Message (optional)")
    message.press_sequentially("Kære Rasmus")
    asked: list[str] = []
    answer = {"yes": False}

    def on_dialog(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept() if answer["yes"] else dialog.dismiss()

    page.on("dialog", on_dialog)

    def close() -> None:
        if way == "outside":
            page.mouse.click(5, 5)
        elif way.startswith("Escape"):
            page.keyboard.press("Escape")
        else:
            sheet.get_by_role("button" if way == "Close" else "link", name=way).click()

    close()
    if way == "Escape twice":
        close()
    expect(message).to_have_value("Kære Rasmus")
    assert set(asked) == {"Throw away what you typed?"}
    answer["yes"] = True
    message.press("End")  # a person touches the page between the two
    close()
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_double_click_sends_one_invitation_and_one_email(stage: Stage) -> None:
    """Double submit makes one invitation."""
    guest, name = stage.guest(), unique("Hjørnet")
    page = stage.browser(stage.guest())
    location = create_location(page, name)
    page.goto(f"{location}permissions/")
    sheet = open_sheet(page, "Invite partner")
    sheet.get_by_label("E-mail address").fill(guest.email)
    sheet.get_by_role("button", name="Send invitation").dblclick()
    expect(said(page)).to_contain_text(f"Invitation sent to {guest.email}. It is valid until")
    page.reload()
    expect(row(group(page, "Waiting for an answer"), guest.email)).to_have_count(1)
    stage.mailbox.wait_for(guest.email, name)
    stage.mailbox.stays_at(1, guest.email, name)


def test_a_double_click_adds_once(stage: Stage) -> None:
    """Double submit of the acceptance: it is added, and no refusal is shown."""
    guest, name = stage.guest(), unique("Bommen")
    sharer = stage.browser(stage.guest())
    location = create_location(sharer, name)
    invite_person(sharer, location, guest.email)
    page = stage.browser(guest)
    page.goto("/locations/")
    page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Add to my locations").dblclick()
    expect(said(page)).to_contain_text(f"{name} is in your list of locations.")
    expect(page).to_have_url(re.compile(rf"{location}$"))


@pytest.mark.parametrize("look", [DESK, WITHOUT_SCRIPT], ids=lambda look: look.name)
def test_back_and_sent_once_more_says_what_came_of_it(stage: Stage, look: Look) -> None:
    """Back after sending, and the form again: one invitation, and a sentence on the earlier one."""
    guest = stage.guest()
    page = stage.browser(stage.guest(), look)
    location = create_location(page, unique("Svinget"))
    page.goto(f"{location}permissions/invite/")
    for first in (True, False):
        page.get_by_label("E-mail address").fill(guest.email)
        send = page.get_by_role("button", name="Send invitation")
        expect(send).to_be_enabled()
        send.click()
        expect(said(page)).to_contain_text(f"Invitation sent to {guest.email}. It is valid until")
        if first:
            page.go_back()
    expect(said(page)).to_contain_text("It replaces the earlier one, whose code no longer works.")
    expect(row(group(page, "Waiting for an answer"), guest.email)).to_have_count(1)


def test_who_has_access_already_is_shown_behind_the_dialog(stage: Stage) -> None:
    """What is wrong is in sight on a phone; the way to their entry closes the dialog over it."""
    page, guest = stage.browser(stage.guest(), PHONE), stage.guest()
    location = create_location(page, unique("Havnen"))
    share(stage, page, location, guest)
    page.goto(f"{location}permissions/")
    sheet = open_sheet(page, "Invite partner")
    sheet.get_by_label("E-mail address").fill(guest.email)
    sheet.get_by_role("button", name="Send invitation").click()
    expect(sheet.get_by_text("already has access")).to_be_in_viewport(ratio=1)
    page.on("dialog", lambda dialog: dialog.accept())
    sheet.get_by_role("link", name="Show their access").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(row(page, guest.email)).to_be_in_viewport()


def test_two_tabs_withdrawn_in_one_and_accepted_in_the_other(stage: Stage) -> None:
    """Two tabs: whoever comes second is told what is true, and nothing else happens."""
    guest, name = stage.guest(), unique("Broen")
    sharer = stage.browser(stage.guest())
    location = create_location(sharer, name)
    invite_person(sharer, location, guest.email)
    page = stage.browser(guest)
    page.goto("/locations/")
    page.get_by_role("link", name=name).click()
    add = page.get_by_role("button", name="Add to my locations")
    expect(add).to_be_visible()
    there = page.url
    row(sharer, guest.email).get_by_role("button", name="Withdraw").click()
    expect(said(sharer)).to_contain_text("was withdrawn")
    add.click()
    expect(page.get_by_role("heading", name="This invitation was withdrawn")).to_be_visible()
    assert page.goto(location).status == 404

    # The other way round: accepted, while the sharer still sees "Withdraw".
    invite_person(sharer, location, guest.email)
    page.goto(there)
    page.get_by_role("button", name="Add to my locations").click()
    page.wait_for_url(f"**{location}")
    row(sharer, guest.email).get_by_role("button", name="Withdraw").click()
    expect(said(sharer)).to_contain_text(
        f"{guest.email} has accepted meanwhile. You can remove the access instead."
    )
    expect(row(group(sharer, "Shared with"), guest.name)).to_be_visible()
    assert page.goto(location).status == 200


def test_refusals_stand_beside_their_field_and_nothing_is_lost(stage: Stage) -> None:
    """Errors keep what was typed, stand beside the field, take the focus, and say what to do."""
    person = stage.guest()
    page = stage.browser(person)
    location = create_location(page, unique("Krogen"))
    page.goto(f"{location}permissions/")
    sheet = open_sheet(page, "Invite partner")
    sheet.get_by_label("Message (optional)").fill("Hej")
    for typed, sentence in (
        ("", "Enter the e-mail address of the person you want to share with."),
        ("rasmus", "Enter the e-mail address of the person you want to share with."),
        (person.email.upper(), "That is your own address."),
    ):
        field = sheet.get_by_label("E-mail address")
        field.fill(typed)
        sheet.get_by_role("button", name="Send invitation").click()
        expect(field).to_have_accessible_description(re.compile(re.escape(sentence)))
        expect(field).to_be_focused()
        expect(field).to_have_value(typed)
        expect(sheet.get_by_label("Message (optional)")).to_have_value("Hej")
    sheet.get_by_label("Share with").select_option(label="Organisation")
    key = sheet.get_by_label("Organisation Key")
    key.fill("0000-0000-0000-0001")
    sheet.get_by_role("button", name="Check key").click()
    expect(key).to_have_attribute("aria-invalid", "true")
    expect(key).to_have_value("0000-0000-0000-0001")


@pytest.mark.parametrize("size", ["320 px", "200 % text"])
def test_no_page_scrolls_sideways(stage: Stage, size: str) -> None:
    """320 px wide, and 200 % text: no sideways scroll on list, permissions, invite, add."""
    page = stage.browser(stage.host(), PHONE)
    page.set_viewport_size({"width": 320 if size == "320 px" else 390, "height": 640})
    page.goto("/locations/?q=Showroom")
    switch_language(page, "en-gb")
    page.get_by_role("link", name="Showroom").click()
    page.wait_for_url("**/locations/*-*/")
    location = page.url
    wide = []
    for path in ("/locations/", "/add/", "/locations/new/", location, f"{location}permissions/"):
        page.goto(path)
        wide += _wider_than_the_window(page, size, path)
    page.get_by_role("link", name="Invite partner").click()
    sheet = page.locator("dialog[open]")
    for kind in ("person", "organisation", "code"):
        sheet.locator("#id_kind").select_option(kind)
        wide += _wider_than_the_window(page, size, f"invite dialog, {kind}")
    page.goto(f"{location}permissions/invite/")
    wide += _wider_than_the_window(page, size, "invite page")
    assert wide == []


def _wider_than_the_window(page: Page, size: str, what: str) -> list[str]:
    if size != "320 px":
        page.evaluate("document.documentElement.style.fontSize = '200%'")
    found: list[str] = page.evaluate(
        """(what) => [document.documentElement, document.querySelector("dialog[open]")]
            .filter((box) => box && box.scrollWidth > box.clientWidth)
            .map((box) => `${what}: ${box.localName} ${box.scrollWidth} > ${box.clientWidth}`)""",
        what,
    )
    return found


def test_controls_are_at_least_44_px_high_on_a_phone(stage: Stage) -> None:
    """Controls are at least 44 px high on a phone, and inputs have type of at least 16 px."""
    page = stage.browser(stage.host(), PHONE)
    page.goto("/locations/?q=Showroom")
    switch_language(page, "en-gb")
    page.get_by_role("link", name="Showroom").click()
    page.wait_for_url("**/locations/*-*/")
    location = page.url
    small = _small_controls(page, "overview")
    for path in (
        "/locations/?q=nothing-such",
        "/add/",
        "/organisations/",
        "/locations/new/",
        f"{location}permissions/",
        f"{location}settings/",
        "/accounts/email/",
    ):
        page.goto(path)
        small += _small_controls(page, path)
    page.goto(f"{location}permissions/")
    open_sheet(page, "Invite partner")
    small += _small_controls(page, "invite dialog")
    stranger = stage.browser(look=PHONE)
    for path in ("/accounts/login/", "/accounts/signup/"):
        stranger.goto(path)
        small += _small_controls(stranger, path)
    assert small == []


def _small_controls(page: Page, what: str) -> list[str]:
    found: list[str] = page.evaluate(
        """(what) => {
            const controls = "button, .button, select, textarea, summary, .tabs a, nav a, .choice, "
                + "label.check, input:not([type=hidden], [type=radio], [type=checkbox])";
            const found = [];
            for (const one of document.querySelectorAll(controls)) {
                const box = one.getBoundingClientRect();
                const name = `${what}: ${one.localName} ${one.textContent.trim().slice(0, 40)}`;
                if (!one.checkVisibility({visibilityProperty: true}) || box.width <= 1) continue;
                if (box.height < 43.9) found.push(`${name}: ${box.height} px high`);
                if (!one.matches("input, select, textarea")) continue;
                const type = parseFloat(getComputedStyle(one).fontSize);
                if (type < 16) found.push(`${name}: type ${type} px`);
            }
            return found;
        }""",
        what,
    )
    return found


def test_the_copy_button_copies_and_says_so(stage: Stage) -> None:
    """Copy: the code is in the clipboard, and a screen reader hears it, in the dialog and on a page."""
    page = stage.browser(stage.guest())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stage.url)
    location = create_location(page, unique("Stien"))
    code = create_code(page, location)
    sheet = page.locator("dialog[open]")
    for button, copied, sentence in (
        ("Copy code", code, "Code copied"),
        ("Copy link", f"{stage.url}/add/{code}/", "Link copied"),
    ):
        sheet.get_by_role("button", name=button).click()
        expect(sheet.locator("[role=status]").filter(has_text=sentence)).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == copied


def test_the_language_changes_and_stays(stage: Stage) -> None:
    """Language: switched on the page one is on; signed out kept in the browser, signed in in the account."""
    person = stage.guest()
    page = stage.browser()
    page.goto("/add/")
    switch_language(page, "da")
    expect(page).to_have_url(re.compile("/add/$"))
    page.goto("/accounts/login/")
    expect(page.locator("html")).to_have_attribute("lang", "da")
    switch_language(page, "en-gb")
    sign_in(page, person.email, person.password)
    page.goto("/locations/?q=intet")
    switch_language(page, "da")
    expect(page).to_have_url(re.compile(r"/locations/\?q=intet$"))
    elsewhere = stage.browser()
    sign_in(elsewhere, person.email, person.password)
    expect(elsewhere.locator("html")).to_have_attribute("lang", "da")

"""axe finds nothing on any page people pass: 390 and 1280 px, light and dark, English and Danish.

Every page is looked at in both languages, and in each in two looks that together are all four. The pages of
organisations are looked at in 320 px too, where nothing may scroll sideways.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from portal import codes
from tests.browser.stage import (
    DESK,
    DESK_LIGHT,
    NARROW,
    NARROW_DARK,
    PHONE,
    PHONE_DARK,
    Stage,
    create_code,
    create_location,
    expire,
    invite_person,
    switch_language,
    unique,
)

pytestmark = [pytest.mark.browser, pytest.mark.embedded]

LOOKS = {"en-gb": [PHONE, DESK], "da": [PHONE_DARK, DESK_LIGHT]}
NARROWEST = {"en-gb": NARROW_DARK, "da": NARROW}
# Words differ by language, so these tests press by place.
SUBMIT = "main form .button-primary"
SEND = ".sheet-foot button.button-primary"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
Inspect = Callable[[Page, str], None]


@pytest.fixture(params=["en-gb", "da"])
def language(request: pytest.FixtureRequest) -> str:
    """What the pages are read in."""
    return str(request.param)


@pytest.fixture
def inspect(language: str, check_accessibility: Callable[[Page], None]) -> Iterator[Inspect]:
    """Look at the page as it is now, under the name it is given; all findings are told at the end."""
    findings: list[str] = []

    def look_at(page: Page, what: str) -> None:
        assert page.locator("html").get_attribute("lang") == language, f"{what} is in another language"
        narrowest = [NARROWEST[language]] if "organisation" in what else []
        for look in [*narrowest, *LOOKS[language]]:
            page.set_viewport_size(look.size)
            page.emulate_media(color_scheme=look.scheme)
            if look in narrowest and (wide := page.evaluate(SIDEWAYS)):
                findings.append(f"{what} ({look.name}): scrolls sideways by {wide} px")
            try:
                check_accessibility(page)
            except AssertionError as found:
                findings.append(f"{what} ({look.name}): {found}")

    yield look_at
    assert not findings, "\n".join(findings)


def test_axe_finds_a_planted_fault(stage: Stage, check_accessibility: Callable[[Page], None]) -> None:
    """A check that finds nothing anywhere must be able to find something."""
    page = stage.browser()
    page.goto("/accounts/login/")
    page.evaluate("document.documentElement.removeAttribute('lang')")
    with pytest.raises(AssertionError, match="html-has-lang"):
        check_accessibility(page)


def test_the_way_in(stage: Stage, language: str, inspect: Inspect) -> None:
    """Sign-in, sign-up, reset and confirmation, empty and with errors; the box for a code; not found."""
    page = stage.browser()
    page.goto("/accounts/login/")
    switch_language(page, language)
    inspect(page, "sign-in")
    page.locator(SUBMIT).click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "sign-in with errors")
    page.goto("/accounts/password/reset/")
    inspect(page, "reset")
    page.locator("main input[type=email]").fill("nobody@nowhere.example")
    page.locator(SUBMIT).click()
    page.wait_for_url("**/done/")
    inspect(page, "reset sent")
    page.goto("/accounts/password/reset/key/1-set-password/")
    inspect(page, "reset link that no longer works")

    email = f"{unique('new').replace(' ', '-')}@people.example"
    page.goto("/accounts/signup/")
    inspect(page, "sign-up")
    page.locator(SUBMIT).click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "sign-up with errors")
    page.locator("[name=name]").fill("Nina Ny")
    page.locator("[name=email]").fill(email)
    page.locator("[name=password1]").fill("fem flade flødeboller")
    page.locator(SUBMIT).click()
    page.wait_for_url("**/accounts/confirm-email/")
    inspect(page, "verification sent")
    page.goto(stage.mailbox.wait_for(email).link("/accounts/confirm-email/"))
    inspect(page, "confirm address")
    page.locator(SUBMIT).click()
    page.wait_for_url("**/locations/")
    inspect(page, "locations, none yet")


def test_the_pages_of_an_account_and_an_organisation(stage: Stage, language: str, inspect: Inspect) -> None:
    """E-mail addresses, password, organisation with its key, and what a refusal looks like."""
    page = stage.browser(stage.host())
    page.goto("/organisations/")
    switch_language(page, language)
    inspect(page, "organisation")
    page.locator("details.menu summary").click()
    inspect(page, "the menu of the account")
    organisation = page.url
    for what in ("activity", "settings"):
        page.goto(f"{organisation}{what}/")
        inspect(page, f"organisation, {what}")
    page.goto(f"{organisation}activity/?from=2026-31-31&to=x")
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "organisation, activity with a wrong filter")
    page.goto(f"{organisation}activity/?who=nobody")
    expect(page.locator(".empty")).to_be_visible()
    inspect(page, "organisation, activity with nothing found")
    page.goto(organisation)
    page.locator("form[action$='/code/'] button").click()
    expect(page.locator(".code-large")).to_be_visible()
    inspect(page, "the code of an invitation to become a member")
    page.goto(f"{organisation}invite/")
    inspect(page, "invite people")
    page.locator("textarea").fill("nobody, nowhere")
    page.locator(SUBMIT).click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()
    inspect(page, "invite people with errors")
    for which in ("replace the key", "leave or remove"):
        page.goto(organisation)
        links = page.locator("main a[data-dialog]")
        (links.first if which == "replace the key" else links.last).click()
        expect(page.locator("dialog[open] .button-danger")).to_be_visible()
        inspect(page, f"organisation, {which}")
    page.goto("/organisations/?all")
    inspect(page, "organisations")
    page.goto("/organisations/new/")
    page.locator(SUBMIT).click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "new organisation with errors")
    page.locator("[name=name]").fill("Skal væk")
    page.locator(SUBMIT).click()
    page.wait_for_url("**/organisations/*-*/")
    delete = f"{page.url}delete/"
    page.goto("/locations/new/")
    for name in ("name", "street", "postal_code", "city"):
        page.locator(f"[name={name}]").fill("8000")
    page.locator("[name=organisation]").select_option(label="Skal væk")
    page.locator(SUBMIT).click()
    page.wait_for_url("**/locations/*-*/")
    page.goto(delete)
    inspect(page, "delete organisation, with a location that somebody must take")
    for name in ("noget andet", "Skal væk"):
        page.locator("[name=name]").fill(name)
        page.locator("main form .button-danger").click()
        if name == "noget andet":
            expect(page.locator("[aria-invalid=true]")).to_be_visible()
            inspect(page, "delete organisation with an error")
    page.wait_for_url("**/organisations/*-*/")
    page.goto("/organisations/join/")
    page.locator(SUBMIT).click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "ask to join an organisation with an error")
    in_two = stage.browser(stage.guest())
    in_two.goto("/organisations/new/")
    switch_language(in_two, language)
    for name in (unique("Anden El"), "Tredje Elektrikerforretning af 1987 og Sønner"):
        in_two.goto("/organisations/new/")
        in_two.locator("[name=name]").fill(name)
        in_two.locator(SUBMIT).click()
        in_two.wait_for_url("**/organisations/*-*/")
    in_two.goto("/locations/")
    expect(in_two.locator("select[name=by]")).to_be_visible()
    inspect(in_two, "locations of somebody in two organisations")
    page.goto("/accounts/email/")
    inspect(page, "e-mail addresses")
    page.goto("/accounts/password/change/")
    inspect(page, "password")
    page.goto("/accounts/delete/")
    expect(page.locator("main .row-link")).not_to_have_count(0)
    inspect(page, "deleting the account, with what stands in the way")
    assert page.goto("/locations/00000000-0000-4000-8000-000000000000/").status == 404
    inspect(page, "404")
    page.goto("/accounts/email/")
    page.context.clear_cookies(name="csrf")
    page.locator("main .panel form button").click()
    expect(page.locator("main form")).to_have_count(0)
    inspect(page, "403")


def test_deleting_an_account(stage: Stage, language: str, inspect: Inspect) -> None:
    """Nothing stands in the way: what happens, and the password, empty and wrong."""
    page = stage.browser(stage.guest())
    page.goto("/accounts/delete/")
    switch_language(page, language)
    inspect(page, "deleting the account")
    page.locator("main form .button-danger").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "deleting the account, with an error")


def test_the_box_of_support(stage: Stage, language: str, inspect: Inspect) -> None:
    """Empty, with what was found, and in vain."""
    page = stage.browser(stage.demo("support"))
    page.goto("/locations/")
    switch_language(page, language)
    page.goto("/admin/find/")
    inspect(page, "support's box")
    for text in ("customer@demo", "nothing of that kind"):
        page.locator("[name=text]").fill(text)
        page.locator("#content [type=submit]").click()
        inspect(page, f"support's box: {text}")


def test_the_locations_and_their_tabs(stage: Stage, language: str, inspect: Inspect) -> None:
    """List with results, without and searched in vain; new location; all tabs of one that has everything."""
    page = stage.browser(stage.host())
    page.goto("/locations/")
    switch_language(page, language)
    expect(page.get_by_role("link", name="Showroom")).to_be_visible()
    inspect(page, "locations")
    page.goto("/locations/?q=findes-ikke")
    expect(page.locator(".empty")).to_be_visible()
    inspect(page, "search without result")
    page.goto("/locations/new/")
    inspect(page, "new location")
    page.locator(SUBMIT).click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "new location with errors")
    page.goto("/locations/")
    page.get_by_role("link", name="Showroom").click()
    page.wait_for_url("**/locations/*-*/")
    location = page.url
    inspect(page, "overview")
    for tab in ("permissions", "activity", "settings"):
        page.goto(f"{location}{tab}/")
        inspect(page, tab)
    page.locator("[name=name]").fill("")
    page.locator(SUBMIT).first.click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "settings with errors")


def test_the_dialogs_of_the_permissions_tab(stage: Stage, language: str, inspect: Inspect) -> None:
    """Invite partner in each mode, checked and wrong; the code as dialog and page; remove."""
    sharer, guest = stage.browser(stage.guest()), stage.guest()
    location = create_location(sharer, unique("Tanken"))
    switch_language(sharer, language)
    sharer.goto(f"{location}permissions/")
    inspect(sharer, "permissions, empty")
    sharer.locator("#invite").click()
    sheet = sharer.locator("dialog[open]")
    expect(sheet.locator("#id_kind")).to_be_focused()
    for kind in ("person", "organisation", "code"):
        sheet.locator("#id_kind").select_option(kind)
        inspect(sharer, f"invite dialog, {kind}")
    sheet.locator("details.fold summary").click()
    sheet.locator("#id_kind").select_option("person")
    sheet.locator("#id_email").fill("no address")
    sheet.locator(SEND).click()
    expect(sheet.locator("[aria-invalid=true]")).to_be_visible()
    inspect(sharer, "invite dialog with an error")
    operator = stage.browser(stage.host())
    operator.goto("/organisations/")
    key = operator.locator(".code-large").inner_text()
    sheet.locator("#id_kind").select_option("organisation")
    sheet.locator("#id_key").fill(key)
    sheet.locator(SEND).click()
    expect(sheet.locator("[name=confirmed]")).to_be_attached()
    inspect(sharer, "invite dialog, key checked")
    sheet.locator("#id_kind").select_option("code")
    sheet.locator(SEND).click()
    expect(sheet.locator(".qr")).to_be_visible()
    inspect(sharer, "code dialog")
    sharer.goto(f"{location}permissions/invite/")
    inspect(sharer, "invite page")
    sharer.locator("#id_kind").select_option("person")
    sharer.locator("#id_email").fill(guest.email)
    sharer.locator(SUBMIT).click()
    sharer.wait_for_url("**/permissions/")
    inspect(sharer, "permissions with a message")

    page = stage.browser(stage.host())
    page.goto("/locations/?q=Showroom")
    switch_language(page, language)
    page.get_by_role("link", name="Showroom").click()
    page.wait_for_url("**/locations/*-*/")
    showroom = page.url
    page.goto(f"{showroom}permissions/")
    # As without script: the form is sent by the browser itself, and the answer is a page.
    page.locator("form[action$='/code/']").first.evaluate("form => form.submit()")
    expect(page.locator(".qr")).to_be_visible()
    inspect(page, "code page")
    page.goto(f"{showroom}permissions/")
    page.locator("a[href*='/remove/']").first.click()
    expect(page.locator("dialog[open] .button-danger")).to_be_visible()
    inspect(page, "remove dialog")
    page.goto(page.locator("dialog form").get_attribute("action") or "")
    inspect(page, "remove page")
    page.goto(f"{showroom}permissions/")
    entry = page.locator("a[href*='/access/'].row-link").first
    address = entry.get_attribute("href") or ""
    entry.click()
    expect(page.locator("dialog[open] .facts")).to_be_visible()
    inspect(page, "entry dialog")
    page.goto(address)
    inspect(page, "entry page")
    page.goto(page.url.partition("access/")[0])
    page.locator("a[href*='/address/']").click()
    expect(page.locator("dialog[open] #id_email")).to_be_visible()
    page.locator("dialog #id_email").fill("no address")
    page.locator("dialog [type=submit]").click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()
    inspect(page, "correct the address, dialog with an error")
    page.goto(page.locator("dialog form").get_attribute("action") or "")
    inspect(page, "correct the address, page")


def test_handing_a_location_over(stage: Stage, language: str, inspect: Inspect) -> None:
    """The sheet, empty and wrong, and its page; waiting on the tab; every answer of the one invited."""
    name, guest = unique("Molen"), stage.guest()
    sharer = stage.browser(stage.guest())
    location = create_location(sharer, name)
    switch_language(sharer, language)
    sharer.goto(f"{location}permissions/")
    sharer.locator("#transfer").click()
    sheet = sharer.locator("dialog[open]")
    expect(sheet.locator("#id_email")).to_be_visible()
    inspect(sharer, "hand over, dialog")
    sheet.locator(SEND).click()
    expect(sheet.locator("[aria-invalid=true]")).to_be_visible()
    inspect(sharer, "hand over, dialog with an error")
    sharer.goto(f"{location}permissions/transfer/")
    inspect(sharer, "hand over, page")
    sharer.locator("#id_email").fill(guest.email)
    sharer.locator("#id_message").fill("Tak for opgaven")
    sharer.locator(SUBMIT).click()
    sharer.wait_for_url("**/permissions/")
    inspect(sharer, "permissions, waiting for the next Owner")

    stranger = stage.browser()
    stranger.goto("/add/")
    switch_language(stranger, language)
    stranger.goto(stage.mailbox.wait_for(guest.email, name).link("/add/"))
    inspect(stranger, "becoming Owner, signed out")
    page = stage.browser(guest)
    page.goto("/locations/")
    switch_language(page, language)
    inspect(page, "locations, one to become Owner of")
    page.get_by_role("link", name=name).click()
    page.wait_for_url("**/add/invitation/**")
    there = page.url
    inspect(page, "becoming Owner")
    page.locator("button[value=accept]").click()
    page.wait_for_url("**/permissions/")
    inspect(page, "permissions, of the Owner")
    page.goto(there)
    inspect(page, "becoming Owner, already")


def test_add_a_location_and_every_state_of_an_invitation(
    stage: Stage, language: str, inspect: Inspect
) -> None:
    """Add: empty, wrong, unknown. Invitation: signed out, fine, wrong account, withdrawn, expired, had."""
    name, guest = unique("Perronen"), stage.guest()
    sharer = stage.browser(stage.guest())
    location = create_location(sharer, name)
    invite_person(sharer, location, guest.email, message="Velkommen")
    link = stage.mailbox.wait_for(guest.email, name).link("/add/")

    stranger = stage.browser()
    stranger.goto("/add/")
    switch_language(stranger, language)
    inspect(stranger, "add, signed out")
    stranger.goto(link)
    inspect(stranger, "invitation, signed out")
    stranger.goto(f"/add/{codes.grouped(codes.derive(purpose='no', subject='', nonce=name, length=12))}/")
    inspect(stranger, "unknown code, signed out")

    other = stage.browser(stage.guest())
    other.goto("/add/")
    switch_language(other, language)
    inspect(other, "add")
    other.locator("[name=code]").fill("0000-0000-0001")
    other.locator(SUBMIT).click()
    expect(other.locator("[aria-invalid=true]")).to_be_visible()
    inspect(other, "add with an error")
    other.goto(link)
    inspect(other, "invitation, wrong account")

    page = stage.browser(guest)
    page.goto("/locations/")
    switch_language(page, language)
    inspect(page, "locations with an invitation waiting")
    page.get_by_role("link", name=name).click()
    page.wait_for_url("**/add/invitation/**")
    there = page.url
    inspect(page, "invitation, fine")
    sharer.locator("form[action$='/withdraw/'] button").click()
    expect(sharer.get_by_text(guest.email)).to_have_count(1)  # only what is said
    page.goto(there)
    inspect(page, "invitation, withdrawn")
    invite_person(sharer, location, guest.email)
    expire(stage.portal, there)
    page.goto(there)
    expect(page.locator("main form[action$='/ask/']")).to_be_visible()
    inspect(page, "invitation, expired")
    invite_person(sharer, location, guest.email)
    page.goto(there)
    page.locator("button[value=accept]").click()
    page.wait_for_url(f"**{location}")
    page.goto(there)
    inspect(page, "invitation, has access already")

    # Into an organisation: signed out, fine, a member by then.
    firm = unique("Kabel")
    sharer.goto("/organisations/new/")
    sharer.locator("[name=name]").fill(firm)
    sharer.locator(SUBMIT).click()
    sharer.locator("a[href$='/invite/']").click()
    sharer.locator("textarea").fill(guest.email)
    sharer.locator(SUBMIT).click()
    page.goto("/organisations/?all")
    inspect(page, "organisations with an invitation waiting")
    page.locator("a.row-link[href*='/add/invitation/']").click()
    there = page.url
    inspect(page, "invitation into an organisation")
    stranger.goto(stage.mailbox.wait_for(guest.email, firm).link("/add/"))
    inspect(stranger, "invitation into an organisation, signed out")
    page.locator("button[value=accept]").click()
    page.wait_for_url("**/locations/")
    page.goto(there)
    inspect(page, "invitation into an organisation, a member already")

    # A code, for somebody who may add it for an organisation too.
    code = create_code(sharer, location)
    host = stage.browser(stage.host())
    host.goto("/add/")
    switch_language(host, language)
    host.locator("[name=code]").fill(code)
    host.locator(SUBMIT).click()
    expect(host.locator("[name=for]").first).to_be_visible()
    inspect(host, "code, for me or for my organisation")
    host.locator("button[value=decline]").click()


def test_asking_to_be_let_in_and_the_invitations(stage: Stage, language: str, inspect: Inspect) -> None:
    """Wrong account, asked; ask for a location; the Invitations page, empty and full; both requests."""
    name, sent_to = unique("Perronen"), f"{unique('work').replace(' ', '-')}@people.example"
    sharer, page = stage.browser(stage.guest()), stage.browser(stage.guest())
    location = create_location(sharer, name)
    number = sharer.locator(".page-head .sub").inner_text().rpartition(" ")[2]
    invite_person(sharer, location, sent_to)
    page.goto("/invitations/")
    switch_language(page, language)
    inspect(page, "invitations, none")
    page.goto(stage.mailbox.wait_for(sent_to, name).link("/add/"))
    page.locator("main form[action$='/ask/'] button").click()
    expect(page.locator("main .notice")).to_be_visible()
    inspect(page, "invitation, wrong account, asked")
    page.goto("/locations/ask/")
    inspect(page, "ask for access")
    page.locator(SUBMIT).click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    inspect(page, "ask for access, with errors")
    page.locator("[name=number]").fill(number)
    page.locator("[name=sentence]").fill("Jeg har serviceaftalen.")
    page.locator(SUBMIT).click()
    page.wait_for_url("**/invitations/")
    inspect(page, "invitations, access asked for")

    sharer.goto("/invitations/")
    switch_language(sharer, language)
    inspect(sharer, "invitations, one asked about and one sent")
    # A worker looks who manages the location: at once, or within a minute where the hint to it was lost.
    for _ in range(300):
        sharer.goto(f"{location}permissions/")
        if sharer.locator("li[id^=request-]").count() == 2:
            break
        sharer.wait_for_timeout(250)
    inspect(sharer, "permissions with two requests")
    sharer.locator("li[id^=request-] a").click()
    expect(sharer.locator("[name=level]").first).to_be_visible()
    inspect(sharer, "request for access")
    asked = sharer.url
    sharer.locator("button[value=refuse]").click()
    sharer.wait_for_url("**/permissions/")
    sharer.goto(asked)
    inspect(sharer, "request for access, refused")


def test_reviewing_who_has_access(stage: Stage, language: str, inspect: Inspect) -> None:
    """Nothing to review; the parties, folded and not; one of them; ended as dialog and page; kept."""
    name, guest = unique("Kajen"), stage.guest()
    sharer, page = stage.browser(stage.guest()), stage.browser(guest)
    page.goto("/review/")
    switch_language(page, language)
    inspect(page, "review, nothing")
    location = create_location(sharer, name)
    invite_person(sharer, location, guest.email)
    page.goto(stage.mailbox.wait_for(guest.email, name).link("/add/"))
    page.locator("button[value=accept]").click()
    page.wait_for_url(f"**{location}")
    sharer.goto("/review/")
    switch_language(sharer, language)
    sharer.locator("main .row summary").click()
    expect(sharer.locator("main .row li")).to_have_text(name)
    inspect(sharer, "review")
    sharer.locator("main a.row-link").click()
    sharer.wait_for_url("**/review/*-*/")
    inspect(sharer, "review of one party")
    sharer.locator("main .row form button").hover()
    inspect(sharer, "review of one party, with the mouse on a quiet button")
    sharer.locator("main .row form button").click()
    expect(sharer.locator("main .row .badge-good")).to_be_visible()
    inspect(sharer, "review of one party, kept")
    sharer.locator("main .row a[data-dialog]").click()
    expect(sharer.locator("dialog[open] .button-danger")).to_be_visible()
    inspect(sharer, "end access, dialog")
    sharer.goto(f"{sharer.url}end/")
    inspect(sharer, "end access, page")
    sharer.locator("main form .button-danger").click()
    sharer.wait_for_url("**/review/")
    expect(sharer.locator("main .empty")).to_be_visible()

"""The main job, whole: an installer shares a location in three ways, and the other side has it in its list.

Once on a phone in light, once on a desk in dark, and once with JavaScript off, everything by plain pages.
"""

import re

import pytest
import segno
from playwright.sync_api import Page, expect

from portal import codes
from tests.browser.stage import (
    DESK,
    PHONE,
    SHEET,
    WITHOUT_SCRIPT,
    Look,
    Stage,
    create_location,
    enter_code,
    group,
    open_sheet,
    open_tab,
    row,
    said,
    sign_in,
    unique,
)

pytestmark = pytest.mark.browser

LOOKS = [PHONE, DESK, WITHOUT_SCRIPT]
STREET = "Snaregade 12"


@pytest.fixture(params=LOOKS, ids=lambda look: look.name)
def look(request: pytest.FixtureRequest) -> Look:
    """What both sides see the portal on."""
    found: Look = request.param
    return found


def test_a_person_without_an_account_is_invited_signs_up_and_has_the_location(
    stage: Stage, look: Look
) -> None:
    """Individual: invite, e-mail from the worker, sign-up and confirmation on the way, accept, both lists."""
    email, name = f"{unique('rasmus').replace(' ', '-')}@sologvind.example", unique("Kajen")
    sharer = stage.browser(look=look)
    sign_in(sharer, "installer@demo.example", "demo")
    location = create_location(sharer, name, STREET)

    # The sharer invites. Focus starts on the drop-down, and Manage is preselected.
    open_tab(sharer, "Permissions")
    sheet = open_sheet(sharer, "Invite partner")
    if look.javascript:
        expect(sheet.get_by_label("Share with")).to_be_focused()
    expect(sheet.get_by_label("Manage")).to_be_checked()
    expect(sheet).to_contain_text(f"They get {name} in their list of locations, as if they had installed it.")
    sheet.get_by_label("E-mail address").fill(email)
    sheet.get_by_label("Message (optional)").fill("Nøglen ligger i <skuret> & venter")
    sheet.get_by_role("button", name="Send invitation").click()
    expect(said(sharer)).to_contain_text(f"Invitation sent to {email}. It is valid until")
    expect(sharer.locator("dialog[open]")).to_have_count(0)
    expect(group(sharer, "Waiting for an answer").locator("li").first).to_contain_text(email)
    expect(sharer).to_have_url(re.compile(rf"{location}permissions/$"))

    # The e-mail comes from the worker, with the message, the way in and no trouble with its characters.
    letter = stage.mailbox.wait_for(email, name)
    assert letter.subject == f"Anna Strøm shares {name} with you"
    assert "Nøglen ligger i <skuret> & venter" in letter.text
    assert "Nøglen ligger i &lt;skuret&gt; &amp; venter" in letter.html
    assert letter.code in letter.html

    # Signed out, the link says who shares what, without the address, and leads on to a clean URL.
    guest = stage.browser(look=look)
    guest.goto(letter.link("/add/"))
    expect(guest.get_by_role("heading", name=f"Anna Strøm shares {name} with you")).to_be_visible()
    assert letter.code not in guest.url
    for secret in (STREET, "Svendborg", "skuret"):
        expect(guest.locator("body")).not_to_contain_text(secret)

    # An account on the way: the invitation survives sign-up and confirmation.
    guest.get_by_role("main").get_by_role("link", name="Make an account").click()
    guest.get_by_label("Name").fill("Rasmus Sol")
    guest.get_by_label("E-mail address").fill(email)
    guest.get_by_label("Password").fill("korn og klinte 1850")
    guest.get_by_role("main").get_by_role("button", name="Make an account").click()
    expect(guest.get_by_role("heading", name="Look in your e-mail")).to_be_visible()
    guest.goto(stage.mailbox.wait_for(email, "Confirm your e-mail address").link("/accounts/confirm-email/"))
    guest.get_by_role("button", name="Confirm").click()
    expect(guest.get_by_role("heading", name=f"Anna Strøm shares {name} with you")).to_be_visible()
    expect(guest.get_by_role("main")).to_contain_text(STREET)
    expect(guest.get_by_role("main")).to_contain_text("skuret")
    expect(guest.get_by_role("main")).to_contain_text(f"Rasmus Sol ({email})")

    # Added: it is said, it is in the list, and it opens.
    guest.get_by_role("button", name="Add to my locations").click()
    expect(said(guest)).to_contain_text(f"{name} is in your list of locations.")
    expect(guest).to_have_url(re.compile(rf"{location}$"))
    guest.goto("/locations/")
    guest.get_by_role("link", name=name).click()
    expect(guest.get_by_role("heading", level=1, name=name)).to_be_visible()
    expect(guest.get_by_role("main")).to_contain_text("Manage")

    # The sharer is told and sees them under "Shared with".
    told = stage.mailbox.wait_for("installer@demo.example", name)
    assert told.subject == f"Rasmus Sol has added {name}"
    sharer.goto(told.link("/permissions/"))
    expect(row(group(sharer, "Shared with"), "Rasmus Sol")).to_contain_text(email)
    expect(sharer.get_by_text("Waiting for an answer")).to_have_count(0)


def test_an_organisation_is_invited_by_its_key_and_all_its_members_have_the_location(
    stage: Stage, look: Look
) -> None:
    """Organisation: check the key, see the name, send; every Administrator gets it, one accepts for all."""
    name = unique("Ladehub")
    first, second = stage.demo("operator"), stage.demo("operator2")
    operator, operator2 = stage.browser(first, look), stage.browser(second, look)
    operator.goto("/organisations/")
    key = operator.locator(".code-large").inner_text()
    # A guest shares, so that the limit per sharer and recipient is not what is tested here.
    sharer_person = stage.guest()
    sharer = stage.browser(sharer_person, look)
    location = create_location(sharer, name)

    # The key is checked first; only then is there something to send.
    open_tab(sharer, "Permissions")
    sheet = open_sheet(sharer, "Invite partner")
    sheet.get_by_label("Share with").select_option(label="Organisation")
    sheet.get_by_label("Organisation Key").fill(key.lower().replace("-", " "))
    expect(sheet.get_by_label("E-mail address")).to_be_hidden()
    expect(sheet.get_by_role("button", name="Send invitation")).to_have_count(0)
    sheet.get_by_role("button", name="Check key").click()
    sheet = sharer.locator(SHEET)
    expect(sheet.get_by_role("status").filter(has_text="Nordlys Operatør A/S")).to_be_visible()
    assert stage.mailbox.of(first.email, name) == []
    sheet.get_by_role("button", name="Send invitation").click()
    expect(said(sharer)).to_contain_text("Invitation sent to the Administrators of Nordlys Operatør A/S.")
    expect(row(group(sharer, "Waiting for an answer"), "Nordlys Operatør A/S")).to_be_visible()

    # Each Administrator has a link; the first who accepts does so for all.
    link, link2 = (stage.mailbox.wait_for(who.email, name).link("/add/") for who in (first, second))
    operator.goto(link)
    expect(operator.get_by_role("heading", level=1)).to_have_text(
        f"{sharer_person.name} shares {name} with Nordlys Operatør A/S"
    )
    operator.get_by_role("button", name="Add to Nordlys Operatør A/S's locations").click()
    expect(said(operator)).to_contain_text(f"{name} is in the list of everybody at Nordlys Operatør A/S.")

    # The second is told who did, and has the location already.
    operator2.goto(link2)
    expect(operator2.get_by_role("heading", name="This invitation has been accepted")).to_be_visible()
    expect(operator2.get_by_role("main")).to_contain_text("Accepted by Mette Lund")
    operator2.get_by_role("link", name=f"Open {name}").click()
    expect(operator2.get_by_role("heading", level=1, name=name)).to_be_visible()
    for member in (operator, operator2):
        member.goto(f"/locations/?q={name}")
        expect(member.get_by_role("link", name=name, exact=True)).to_be_visible()

    told = stage.mailbox.wait_for(sharer_person.email, name)
    assert told.subject == f"Mette Lund (Nordlys Operatør A/S) has added {name}"
    sharer.goto(f"{location}permissions/")
    expect(row(group(sharer, "Shared with"), "Nordlys Operatør A/S")).to_be_visible()


def test_whoever_types_the_code_has_the_location_until_the_code_is_withdrawn(
    stage: Stage, look: Look
) -> None:
    """Invitation code: code and QR picture, typed as people type, counted; withdrawn it is unknown."""
    name, guest_person = unique("Depot"), stage.guest()
    sharer = stage.browser(stage.guest(), look)
    location = create_location(sharer, name)
    open_tab(sharer, "Permissions")
    sheet = open_sheet(sharer, "Invite partner")
    sheet.get_by_label("Share with").select_option(label="Share via invitation code")
    for other in ("E-mail address", "Organisation Key", "Message (optional)"):
        expect(sheet.get_by_label(other)).to_be_hidden()
    sheet.get_by_role("button", name="Create code").click()

    # The same dialog turns into the code, large and as a picture that holds the link.
    sheet = sharer.locator(SHEET)
    expect(sheet.get_by_role("heading", name="Invitation code")).to_be_visible()
    code = sheet.locator(".code-large").inner_text()
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", code)
    expect(sheet).to_contain_text("Valid until")
    assert _modules_of_qr(sharer) == _expected_modules(f"{stage.url}/add/{code}/")
    assert code not in sharer.url

    # Somebody types it in small letters with spaces.
    guest = stage.browser(guest_person, look)
    enter_code(guest, f" {code.lower().replace('-', ' ')} ")
    expect(guest.get_by_role("heading", name=f"shares {name} with you")).to_be_visible()
    assert not re.search(code.replace("-", "-?"), guest.url, re.IGNORECASE)
    guest.get_by_role("button", name="Add to my locations").click()
    expect(said(guest)).to_contain_text(f"{name} is in your list of locations.")
    guest.goto("/locations/")
    expect(guest.get_by_role("link", name=name)).to_be_visible()

    # The use is counted, and each use is told.
    told = stage.mailbox.wait_for(sharer_email(stage, sharer), name)
    assert told.subject == f"{guest_person.name} has added {name}"
    sharer.goto(f"{location}permissions/")
    waiting = row(group(sharer, "Waiting for an answer"), "Invitation code")
    expect(waiting).to_contain_text("used 1 time")

    # Withdrawn, it is one with codes that never were.
    waiting.get_by_role("button", name="Withdraw").click()
    expect(said(sharer)).to_contain_text("The invitation code was withdrawn. Nobody can use it any more.")
    expect(sharer.get_by_text("Waiting for an answer")).to_have_count(0)
    late = stage.browser(stage.guest(), look)
    answers = []
    for tried in (code, codes.grouped(codes.derive(purpose="no", subject="such", nonce=name, length=12))):
        enter_code(late, tried)
        expect(late.get_by_role("alert")).to_contain_text("We don't know this code, or it no longer works.")
        answers.append(late.get_by_role("main").inner_html())
    assert _without_tokens(answers[0]) == _without_tokens(answers[1])
    late.goto("/locations/")
    expect(late.get_by_role("link", name=name)).to_have_count(0)


def sharer_email(stage: Stage, page: Page) -> str:
    """Whose browser this is, as the page says."""
    return page.locator(".who .muted").text_content() or ""


def _without_tokens(html: str) -> str:
    return re.sub(r'(csrfmiddlewaretoken" value=)"[^"]*"', r"\1", html)


def _expected_modules(text: str) -> list[list[int]]:
    return [[module & 1 for module in line] for line in segno.make(text, error="m").matrix]


def _modules_of_qr(page: Page) -> list[list[int]]:
    """The black and white squares of the QR picture as it is painted, without its quiet zone of four."""
    modules: list[list[int]] = page.locator(".qr svg").evaluate(
        """async (svg) => {
            const size = svg.viewBox.baseVal.width, scale = 4;
            const text = new XMLSerializer().serializeToString(svg);
            const image = new Image(size * scale, size * scale);
            image.src = "data:image/svg+xml," + encodeURIComponent(text);
            await image.decode();
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = size * scale;
            const draw = canvas.getContext("2d");
            draw.drawImage(image, 0, 0, size * scale, size * scale);
            const dark = (x, y) => draw.getImageData((x + .5) * scale, (y + .5) * scale, 1, 1).data[0] < 128;
            return [...Array(size).keys()].map((y) => [...Array(size).keys()].map((x) => +dark(x, y)));
        }"""
    )
    quiet = 4
    edge = [line[place] for line in modules for place in (*range(quiet), *range(-quiet, 0))]
    assert sum(edge) + sum(map(sum, modules[:quiet] + modules[-quiet:])) == 0, "no quiet zone"
    return [line[quiet:-quiet] for line in modules[quiet:-quiet]]

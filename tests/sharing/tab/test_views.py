"""The Permissions tab as each kind of viewer sees it, and what its buttons do (product rules 3 and 5)."""

import re
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access, Location
from locations.services import archive_location
from portal.lib.humanize import last_day
from portal.models import Activity, OutgoingEmail
from portal.verbs import Verb
from sharing import kinds
from sharing.access import changing, removing
from sharing.invitations import services as invitations
from sharing.models import Invitation
from tests.cast import Cast, accept, invite, make_owner, make_person, share
from tests.pages import Scene, changes, grouped, main_of, make_code, said, signed_in, text_of
from tests.tools import run_out

pytestmark = pytest.mark.pages


def tab(location: Location) -> str:
    return reverse("sharing:permissions", args=[location.uuid])


def see(scene: Scene, role: str) -> HttpResponse:
    user = scene.people[role]
    assert user is not None
    page = signed_in(user).get(tab(scene.own.location))
    assert page.status_code == 200
    return page


def groups(page: HttpResponse) -> list[str]:
    """The headings of the groups, in order, without their counts."""
    found = re.findall(r'<h3 class="group-title">(.*?)</h3>', main_of(page), re.DOTALL)
    return [re.sub(r"<span.*", "", heading, flags=re.DOTALL).strip() for heading in found]


def row(page: HttpResponse, thing: Access | Invitation) -> str:
    """The HTML of one entry."""
    name = "access" if isinstance(thing, Access) else "invitation"
    return main_of(page).partition(f'id="{name}-{thing.uuid}"')[2].partition("</li>")[0].replace("\xa0", " ")


def buttons(html: str) -> int:
    return len(re.findall(r"<button|<select|<form|class=\"button", html))


# --- What is seen -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["installer", "colleague"])
def test_groups_stand_in_order(scene: Scene, role: str) -> None:
    """Waiting, shared with, the Owner, the viewer's own organisation."""
    expected = ["Waiting for an answer", "Shared with", "Owner (customer)", "Strøm &amp; Søn"]
    assert groups(see(scene, role)) == expected


def test_the_own_organisation_is_the_viewers(scene: Scene) -> None:
    """The operator sees its own people in its group and the installing firm among those it is shared with."""
    page = see(scene, "operator")
    assert groups(page)[-1] == "Nordlys"
    installed = scene.own.location.accesses.get(reason="installed")
    assert "Strøm &amp; Søn" in row(page, installed)
    assert "Mogens" in text_of(page) and "Jonas" not in text_of(page)
    assert "Colleague" not in main_of(page)


def test_those_with_manage_see_every_entry(scene: Scene) -> None:
    """Invitations and the live code with their validity; accesses with who, level, why, by whom, since."""
    page = see(scene, "installer")
    for thing in (scene.own.invitation, scene.own.code, scene.own.expired, scene.own.access):
        assert row(page, thing), thing
    assert "invitee@test.example" in row(page, scene.own.invitation)
    assert "6 days left" in row(page, scene.own.invitation)
    assert "Expired" in row(page, scene.own.expired) and "Send a new one" in row(page, scene.own.expired)
    assert "not used yet" in row(page, scene.own.code)
    entry = row(page, scene.own.access)
    for part in ("Vera", "viewer@test.example", "by e-mail invitation", "from Installer", "since"):
        assert part in entry, part


def test_the_code_itself_is_not_on_the_tab(scene: Scene) -> None:
    """Looking at it is on the record, so it takes a button."""
    for role in ("installer", "owner", "manager"):
        assert grouped(scene.own.code) not in see(scene, role).content.decode()


@pytest.mark.parametrize("role", ["viewer", "configurer"])
def test_those_with_less_see_names_but_neither_addresses_nor_buttons(scene: Scene, role: str) -> None:
    """Other parties' people have no address here, and nothing can be done but leaving."""
    page = see(scene, role)
    main = main_of(page)
    user = scene.people[role]
    assert user is not None
    others = set(re.findall(r"[\w.-]+@[\w.-]+", main)) - {user.email}
    assert others == set()
    assert "Contractor" in main and "Nordlys" in main and "Customer" in main
    assert "Waiting" not in groups(page) and "invitee" not in main
    assert reverse("sharing:invite", args=[scene.own.location.uuid]) not in main
    own = Access.objects.get(user=user, ended_at=None)
    for access in scene.own.location.accesses.filter(ended_at=None).exclude(pk=own.pk):
        assert row(page, access) and buttons(row(page, access)) == 0, access
    assert "Leave" in row(page, own) and "<select" not in row(page, own)
    assert "<form" not in main


def test_a_person_without_a_name_is_masked_to_those_with_view(scene: Scene) -> None:
    """The address is the name then, and not everybody's to see."""
    nameless = make_person("secret-name@test.example")
    access = share(scene.own.location, scene.cast.installer, nameless, Level.VIEW)
    assert "secret-name" not in see(scene, "viewer").content.decode()
    assert "s•••@test.example" in row(see(scene, "viewer"), access)
    assert "secret-name@test.example" in row(see(scene, "installer"), access)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("installer", True),
        ("colleague", True),
        ("owner", True),
        ("manager", False),
        ("operator", False),
        ("operator_member", False),
    ],
)
def test_buttons_only_for_those_who_may(scene: Scene, role: str, may: bool) -> None:
    """The Owner and the installing party over every share; others over what they gave."""
    page = see(scene, role)
    entry, waiting = row(page, scene.own.access), row(page, scene.own.invitation)
    assert (("<select" in entry), ("Remove" in entry)) == (may, may)
    assert (("Resend" in waiting), ("Withdraw" in waiting)) == (may, may)
    assert "Show code" in row(page, scene.own.code)
    assert reverse("sharing:invite", args=[scene.own.location.uuid]) in main_of(page)


def test_what_somebody_gave_is_theirs_to_take(scene: Scene) -> None:
    """A recipient with Manage takes back what they gave, and cannot put the installer out."""
    given = share(scene.own.location, scene.cast.contractor, make_person("guest@test.example"), Level.VIEW)
    page = see(scene, "manager")
    assert "Remove" in row(page, given) and "<select" in row(page, given)
    installed = scene.own.location.accesses.get(reason="installed")
    assert buttons(row(page, installed)) == 0


def test_the_installing_party_is_ended_by_the_owner(scene: Scene) -> None:
    installed = scene.own.location.accesses.get(reason="installed")
    assert "Remove" in row(see(scene, "owner"), installed)
    assert "Leave" in row(see(scene, "installer"), installed)
    assert buttons(row(see(scene, "colleague"), installed)) == 0
    owner = scene.own.location.accesses.get(reason="owner")
    for role in ("installer", "owner", "manager"):
        assert buttons(row(see(scene, role), owner)) == 0


def test_nobody_outside_yet(cast: Cast) -> None:
    """The empty state says what to do next."""
    page = signed_in(cast.installer).get(tab(cast.site))
    assert "Not shared with anyone outside yet." in text_of(page)


def test_an_end_date_and_failed_delivery_are_shown(cast: Cast) -> None:
    """Until when, by its last day; and that the e-mail did not arrive."""
    end = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=30)
    access = share(cast.site, cast.installer, cast.contractor, access_ends_at=end)
    waiting = invite(cast.site, cast.installer, cast.customer)
    page = signed_in(cast.installer).get(tab(cast.site))
    assert f">{last_day(end)}</time>" in row(page, access)
    assert "on its way" in row(page, waiting)
    OutgoingEmail.objects.filter(about=waiting.uuid).update(status="failed")
    assert "could not be delivered" in row(signed_in(cast.installer).get(tab(cast.site)), waiting)
    OutgoingEmail.objects.filter(about=waiting.uuid).update(status="sent")
    assert "e-mail" not in row(signed_in(cast.installer).get(tab(cast.site)), waiting)


def test_why_an_e_mail_did_not_arrive_and_what_to_do(scene: Scene) -> None:
    """The sharer reads why and gets a way on; whoever does not answer for it reads that it did not."""
    waiting = scene.own.invitation
    url = reverse("sharing:correct_address", args=[scene.own.location.uuid, waiting.uuid])
    for status, failure, sentence in [
        ("bounced", "address", "This address does not exist. Correct it, and the invitation is sent again."),
        ("failed", "full", "Their mailbox is full."),
        ("complained", "complaint", "They marked the e-mail as spam."),
    ]:
        OutgoingEmail.objects.filter(about=waiting.uuid).update(status=status, failure=failure)
        html = row(see(scene, "installer"), waiting)
        assert sentence in " ".join(re.sub("<.*?>", "", html).split())
        assert url in html and "Show link" in html
        # The same e-mail again would come back again.
        assert ("Resend" in html) == (failure != "address")
        for role in ("manager", "viewer"):
            html = row(see(scene, role), waiting)
            assert "The e-mail could not be delivered." in html
            assert sentence not in html and url not in html
    OutgoingEmail.objects.filter(about=waiting.uuid).update(status="delivered", failure="")
    html = row(see(scene, "installer"), waiting)
    assert "e-mail" not in html and url not in html


def test_of_an_organisation_there_is_no_address_to_correct(cast: Cast) -> None:
    """One Administrator's e-mail came back: that is told, and the link can be passed on."""
    waiting = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="n", level=Level.VIEW
    )
    lost = OutgoingEmail.objects.filter(about=waiting.uuid, address=cast.operator2.email)
    assert lost.update(status="bounced", failure="address") == 1
    html = row(signed_in(cast.installer).get(tab(cast.site)), waiting)
    assert "The e-mail could not be delivered." in html and "Show link" in html
    assert "Correct the address" not in html


def test_the_address_is_corrected(cast: Cast) -> None:
    """A page of its own with what was typed: refused beside the field with nothing lost, then sent."""
    waiting = invite(cast.site, cast.installer, cast.contractor)
    url = reverse("sharing:correct_address", args=[cast.site.uuid, waiting.uuid])
    client = signed_in(cast.installer)
    assert f'value="{waiting.email}"' in main_of(client.get(url))
    for typed, sentence in [
        ("", "Enter the e-mail address of the person"),
        ("no address", "Enter the e-mail address of the person"),
        (cast.installer.email, "That is your own address."),
        (cast.colleague.email, "already has access."),
    ]:
        answer = client.post(url, {"email": typed})
        assert answer.status_code == 422 and sentence in text_of(answer)
        assert 'aria-invalid="true"' in main_of(answer)
        assert not typed or f'value="{typed}"' in main_of(answer)
        assert ("Show their access" in text_of(answer)) == ("already" in sentence)
    answer = client.post(url, {"email": "right@test.example"}, follow=True)
    assert "Invitation sent to right@test.example." in said(answer)
    assert "It replaces the earlier one" in said(answer)
    waiting.refresh_from_db()
    assert waiting.email == "right@test.example"


def test_what_has_no_address_to_correct_says_so(cast: Cast) -> None:
    """A code, or an invitation that was answered meanwhile: said on the tab or above the form."""
    client = signed_in(cast.installer)
    url = reverse("sharing:correct_address", args=[cast.site.uuid, make_code(cast.site, cast.installer).uuid])
    assert "no longer have the right" in said(client.get(url, follow=True))
    waiting = invite(cast.site, cast.installer, cast.contractor)
    accept(waiting, cast.contractor)
    url = reverse("sharing:correct_address", args=[cast.site.uuid, waiting.uuid])
    answer = client.post(url, {"email": "right@test.example"})
    assert answer.status_code == 422 and "has been answered meanwhile" in text_of(answer)


def test_an_archived_location_cannot_be_shared_and_says_so(cast: Cast) -> None:
    archive_location(location=cast.site, by=cast.installer)
    client = signed_in(cast.installer)
    page = client.get(tab(cast.site))
    assert "archived, so it cannot be shared" in text_of(page)
    assert "Everyone here sees this location in their list" not in text_of(page)
    link = reverse("sharing:invite", args=[cast.site.uuid])
    assert link not in main_of(page)
    posted = client.post(link, {"kind": "person", "email": "a@test.example", "level": "1"})
    assert posted.status_code == 422 and "has been archived" in text_of(posted)
    assert not Invitation.objects.filter(location=cast.site).exists()


def test_members_are_folded_after_five(cast: Cast) -> None:
    from organisations.services import add_member
    from tests.cast import MEMBER

    for number in range(6):
        person = make_person(f"m{number}@test.example", f"Medlem {number}")
        add_member(organisation=cast.firm, user=person, role=MEMBER, by=cast.installer)
    main = main_of(signed_in(cast.installer).get(tab(cast.site)))
    assert "3 more" in main and main.count("Medlem") >= 6


# --- What its buttons do ------------------------------------------------------------------------


def do(
    client: Client, name: str, location: Location, thing: Access | Invitation, **data: str
) -> HttpResponse:
    url = reverse(f"sharing:{name}", args=[location.uuid, thing.uuid])
    return client.post(url, data, follow=True)


def test_resend_makes_a_new_code_and_says_the_old_one_is_dead(cast: Cast) -> None:
    """And a second click makes no second invitation."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    old = grouped(invitation)
    client = signed_in(cast.installer)
    for _ in range(2):
        page = do(client, "resend", cast.site, invitation)
        assert "Invitation sent to contractor@test.example" in said(page)
        assert "no longer works" in said(page)
    assert grouped(invitation) != old and Invitation.objects.count() == 1
    assert kinds.with_code(old.replace("-", "")) is None


def test_an_expired_one_is_sent_anew(cast: Cast) -> None:
    invitation = run_out(invite(cast.site, cast.installer, cast.contractor))
    do(signed_in(cast.installer), "resend", cast.site, invitation)
    invitation.refresh_from_db()
    assert invitation.is_live()


def test_withdraw_twice_says_it_twice_and_does_it_once(cast: Cast) -> None:
    """Double click, Back button, second tab: the same outcome and one entry on the record."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.installer)
    for _ in range(3):
        page = do(client, "withdraw", cast.site, invitation)
        assert "The invitation to contractor@test.example was withdrawn." in said(page)
    invitation.refresh_from_db()
    assert invitation.state == "withdrawn"
    assert Activity.objects.filter(verb=Verb.INVITATION_WITHDRAWN).count() == 1


def test_withdrawing_what_was_accepted_meanwhile_says_so(cast: Cast) -> None:
    """Never a success that is none."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    accept(invitation, cast.contractor)
    page = do(signed_in(cast.installer), "withdraw", cast.site, invitation)
    assert "has accepted meanwhile" in said(page) and "notice-bad" in said(page)
    assert Location.objects.visible_to(cast.contractor).exists()


def test_resending_what_was_accepted_meanwhile_says_so(cast: Cast) -> None:
    invitation = invite(cast.site, cast.installer, cast.contractor)
    accept(invitation, cast.contractor)
    page = do(signed_in(cast.installer), "resend", cast.site, invitation)
    assert "already has access" in said(page)


def test_show_code_shows_it_and_is_on_the_record(cast: Cast) -> None:
    """Code, link, QR picture, end and uses, for those with Manage."""
    code = make_code(cast.site, cast.installer)
    page = do(signed_in(cast.installer), "show_code", cast.site, code)
    assert grouped(code) in page.content.decode() and "<svg" in page.content.decode()
    assert f"/add/{grouped(code)}/" in text_of(page)  # to be read, too, where nothing can copy it
    assert "exists already" not in text_of(page)  # it was asked for
    assert Activity.objects.filter(verb=Verb.CODE_SHOWN, actor_id=cast.installer.pk).count() == 1
    invitations.withdraw(invitation=code, by=cast.installer)
    gone = do(signed_in(cast.installer), "show_code", cast.site, code)
    assert "has ended" in said(gone) and grouped(code) not in gone.content.decode()


def test_withdrawing_the_code_makes_room_for_a_new_one(cast: Cast) -> None:
    """A leaked code must be stoppable."""
    code = make_code(cast.site, cast.installer)
    page = do(signed_in(cast.installer), "withdraw", cast.site, code)
    assert "Nobody can use it any more" in said(page)
    assert make_code(cast.site, cast.installer).pk != code.pk


def test_the_level_is_changed_in_place(cast: Cast) -> None:
    """It says so, and the same again changes nothing."""
    access = share(cast.site, cast.installer, cast.contractor, Level.VIEW)
    client = signed_in(cast.installer)
    page = do(client, "change_level", cast.site, access, level="2")
    assert "Contractor: Can configure." in said(page)
    with changes() as noted:
        do(client, "change_level", cast.site, access, level="2")
    assert noted.tables == set()
    access.refresh_from_db()
    assert access.level == Level.CONFIGURE


@pytest.mark.parametrize("level", ["", "0", "4", "-1", "x", "3.0", " 3", "३", "\0"])
def test_a_level_that_is_none_is_refused(cast: Cast, level: str) -> None:
    access = share(cast.site, cast.installer, cast.contractor, Level.VIEW)
    page = do(signed_in(cast.installer), "change_level", cast.site, access, level=level)
    assert "Choose one of the levels." in said(page)
    access.refresh_from_db()
    assert access.level == Level.VIEW


def test_remove_asks_first_and_then_removes_once(cast: Cast) -> None:
    """The question changes nothing; the button does; again, and nothing more happens; the person is told."""
    access = share(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.installer)
    url = reverse("sharing:remove", args=[cast.site.uuid, access.uuid])
    question = client.get(url)
    assert "Remove Contractor?" in text_of(question) and "Keep access" in text_of(question)
    assert Location.objects.visible_to(cast.contractor).exists()
    for _ in range(2):
        page = client.post(url, follow=True)
        assert page.status_code == 200 and "no longer has access by this way" in said(page)
    assert not Location.objects.visible_to(cast.contractor).exists()
    assert Activity.objects.filter(verb=Verb.ACCESS_REMOVED).count() == 1
    assert OutgoingEmail.objects.filter(kind="access-removed", address="contractor@test.example").count() == 1
    assert "nothing to remove" in said(client.get(url, follow=True))
    assert signed_in(cast.contractor).get(tab(cast.site)).status_code == 404


@pytest.mark.parametrize("keep", [False, True])
def test_removing_shows_what_was_shared_on_and_asks_about_it(cast: Cast, keep: bool) -> None:
    """Preset: it ends as well."""
    access = share(cast.site, cast.installer, cast.contractor)
    share(cast.site, cast.contractor, cast.customer, Level.VIEW)
    client = signed_in(cast.installer)
    url = reverse("sharing:remove", args=[cast.site.uuid, access.uuid])
    assert "Customer" in main_of(client.get(url)) and "keep_given_on" in main_of(client.get(url))
    client.post(url, {"keep_given_on": "on"} if keep else {})
    assert Location.objects.visible_to(cast.customer).exists() is keep


def test_leaving_leads_to_the_list(cast: Cast) -> None:
    """Who left can no longer see the tab."""
    access = share(cast.site, cast.installer, cast.contractor)
    url = reverse("sharing:remove", args=[cast.site.uuid, access.uuid])
    client = signed_in(cast.contractor)
    assert "Leave Havnevej 2?" in text_of(client.get(url))
    page = client.post(url, follow=True)
    assert page.redirect_chain[-1][0] == reverse("locations:list") and page.status_code == 200
    assert Activity.objects.filter(verb=Verb.ACCESS_LEFT).count() == 1


def test_a_tab_left_open_says_what_changed_meanwhile(cast: Cast) -> None:
    """Two tabs: the right to share was lost while the other was open."""
    access = share(cast.site, cast.installer, cast.contractor)
    invitation = invite(cast.site, cast.contractor, cast.customer)
    client = signed_in(cast.contractor)
    changing.change_level(access=access, by=cast.installer, level=Level.VIEW)
    for name in ("resend", "withdraw"):
        assert do(client, name, cast.site, invitation).status_code == 403
    removing.remove_access(access=access, by=cast.installer)
    assert do(client, "withdraw", cast.site, invitation).status_code == 404


def test_nobody_gives_more_than_they_have(cast: Cast) -> None:
    """A made-up form may say what it likes."""
    share(cast.site, cast.installer, cast.contractor, Level.CONFIGURE)
    make_owner(cast.site, cast.customer, cast.installer)
    access = Access.objects.get(user=cast.contractor)
    assert do(signed_in(cast.contractor), "change_level", cast.site, access, level="3").status_code == 403
    access.refresh_from_db()
    assert access.level == Level.CONFIGURE


@pytest.mark.parametrize("name", ["invite", "code", "remove", "address"])
def test_htmx_gets_the_sheet_and_a_browser_the_page(cast: Cast, name: str) -> None:
    """Both show the same; the sheet comes without the frame."""
    client = signed_in(cast.installer)
    access = share(cast.site, cast.installer, cast.contractor)
    code = make_code(cast.site, cast.installer)
    waiting = invite(cast.site, cast.installer, cast.customer)
    url, method = {
        "invite": (reverse("sharing:invite", args=[cast.site.uuid]), client.get),
        "code": (reverse("sharing:show_code", args=[cast.site.uuid, code.uuid]), client.post),
        "remove": (reverse("sharing:remove", args=[cast.site.uuid, access.uuid]), client.get),
        "address": (reverse("sharing:correct_address", args=[cast.site.uuid, waiting.uuid]), client.get),
    }[name]
    sheet = method(url, headers={"HX-Request": "true"}).content.decode()
    page = method(url).content.decode()
    assert "<html" not in sheet and "sheet-head" in sheet and "<html" in page
    heading = re.findall(r"<h1[^>]*>(.*?)</h1>", sheet)
    assert heading and heading[0] in page
    # Read first: not the box that lets others keep their access.
    assert name != "remove" or '<h1 tabindex="-1" autofocus>' in sheet


def test_htmx_gets_errors_in_the_sheet(cast: Cast) -> None:
    """422, so that htmx swaps it in."""
    client = signed_in(cast.installer)
    url = reverse("sharing:invite", args=[cast.site.uuid])
    answer = client.post(url, {"kind": "person", "level": "3"}, headers={"HX-Request": "true"})
    body = answer.content.decode()
    assert answer.status_code == 422 and "<html" not in body and "Enter the e-mail address" in body

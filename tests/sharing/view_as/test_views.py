"""View as: those with Manage see the location as an entry of the list would, and can press nothing there."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access, ChargePoint, Circuit
from organisations.services import add_member, create_organisation
from portal.errors import Refusal
from portal.models import Activity, OutgoingEmail, User
from portal.verbs import Verb
from sharing.access import removing
from sharing.invitations import services as invitations
from sharing.permissions import Viewer
from sharing.view_as import services as view_as
from sharing.view_as.inert import stand_still
from sharing.view_as.views import LASTS, MARKER
from tests.cast import ADMINISTRATOR, MEMBER, Cast, accept, invite, make_owner, make_person, share
from tests.pages import Scene, Visitor, changes, main_of, make_code, said, signed_in, text_of

pytestmark = pytest.mark.pages

VIEW, CONFIGURE, MANAGE = Level
PAGES = ("view_as", "view_as_permissions", "view_as_activity", "view_as_settings")


def address(access: Access, name: str = "view_as") -> str:
    return reverse(f"sharing:{name}", args=[access.location.uuid, access.uuid])


def looking_as(user: User, access: Access) -> Client:
    """A browser in which `user` has begun to look as this entry."""
    client = signed_in(user)
    assert client.post(address(access)).status_code == 302
    return client


def seen(user: User, access: Access, name: str = "view_as_permissions") -> HttpResponse:
    page: HttpResponse = looking_as(user, access).get(address(access, name))
    assert page.status_code == 200
    return page


def below_the_banner(page: HttpResponse) -> str:
    return main_of(page).partition('class="page-head"')[2]


def to_nordlys(cast: Cast, level: Level = VIEW) -> Access:
    """Shared with the operators' organisation, of which the installer is no member."""
    invitation = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="n", level=level
    )
    return accept(invitation, cast.operator)


# --- What is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "tabs", "addresses", "buttons"),
    [
        (VIEW, ["Overview", "Permissions", "Activity"], False, {"Leave"}),
        (CONFIGURE, ["Overview", "Permissions", "Activity", "Settings"], False, {"Leave"}),
        (MANAGE, ["Overview", "Permissions", "Activity", "Settings"], True, {"Invite partner", "Leave"}),
    ],
)
def test_it_is_what_the_person_sees_at_their_level(
    cast: Cast, level: Level, tabs: list[str], addresses: bool, buttons: set[str]
) -> None:
    """The tabs, the addresses and the buttons are theirs, letter by letter; only the buttons are dead."""
    invite(cast.site, cast.installer, make_person("nameless@test.example"))
    access = share(cast.site, cast.installer, cast.contractor, level)
    own = main_of(signed_in(cast.contractor).get(reverse("sharing:permissions", args=[cast.site.uuid])))
    page = seen(cast.installer, access)
    assert "You see this location as Contractor would." in text_of(page)
    shown = below_the_banner(page)
    assert words(shown) == words(own.partition('class="page-head"')[2])
    assert re.findall(r'<a href="[^"]*/view/[^"]*"[^>]*>([^<]+)</a>', shown) == tabs
    assert ("nameless@test.example" in shown) is addresses
    dead = {words(one) for one in re.findall(r"<button[^>]* disabled[^>]*>(.*?)</button>", shown, re.DOTALL)}
    assert {one.replace(" Contractor", "") for one in dead} == buttons


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.mark.parametrize(("level", "pin"), [(VIEW, False), (CONFIGURE, True)])
def test_the_overview_says_what_they_can_do_and_shows_what_they_are_shown(
    cast: Cast, level: Level, pin: bool
) -> None:
    circuit = Circuit.objects.create(location=cast.site, name="A", fuse=16)
    ChargePoint.objects.create(circuit=circuit, serial_number="SN-1", model="M", pin="48151623")
    page = seen(cast.installer, share(cast.site, cast.installer, cast.contractor, level), "view_as")
    assert f"You can {level.label}" in text_of(page)
    assert ("48151623" in page.content.decode()) is pin


def test_a_location_without_settings_for_them_has_none_here(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    answer = looking_as(cast.installer, access).get(address(access, "view_as_settings"))
    assert (answer.status_code, answer["Location"]) == (302, address(access))


def test_the_settings_offer_archiving_to_whom_they_offer_it(cast: Cast) -> None:
    """Manage alone is not enough, as a person or as an organisation."""
    owner = make_owner(cast.site, cast.customer, cast.installer)
    accesses = {
        owner: True,
        cast.site.accesses.get(reason="installed"): True,
        share(cast.site, cast.installer, cast.contractor, MANAGE): False,
        to_nordlys(cast, MANAGE): False,
    }
    for access, offered in accesses.items():
        page = seen(cast.installer, access, "view_as_settings")
        assert ("Archive location" in text_of(page)) is offered, access


def test_activity_masks_addresses_as_it_does_for_them(cast: Cast) -> None:
    invite(cast.site, cast.installer, make_person("nameless@test.example"))
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    client = looking_as(cast.installer, access)
    page = client.get(address(access, "view_as_activity"))
    assert "n•••@test.example" in text_of(page) and "nameless@" not in page.content.decode()
    found = client.get(address(access, "view_as_activity"), {"what": "invitations"})
    assert "invited" in text_of(found) and "created the location" not in text_of(found)


def test_an_organisation_is_seen_as_any_member_sees_it(cast: Cast) -> None:
    """Its buttons are a Member's: leaving for all is its Administrators'."""
    page = seen(cast.installer, to_nordlys(cast))
    assert "You see this location as a member of Nordlys would." in text_of(page)
    assert "2 " not in below_the_banner(page).partition("Nordlys")[0]
    assert "Leave" not in below_the_banner(page)


def test_one_sees_ones_own_organisation_as_a_member(cast: Cast) -> None:
    """Whom it means is known to who belongs to it."""
    page = seen(cast.installer, cast.site.accesses.get(reason="installed"))
    assert "colleague@test.example" in page.content.decode()


def test_ways_through_an_organisation_of_both_count(cast: Cast) -> None:
    """The colleague has View by mail, and Manage by the firm: so does the installer know."""
    access = accept(make_code(cast.site, cast.installer), cast.contractor)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    page = seen(cast.installer, access, "view_as")
    assert "You can Manage" in text_of(page)
    assert "Via Strøm & Søn · you personally" in text_of(page)


# --- What is not shown ----------------------------------------------------------------------------


def test_ways_through_organisations_the_looker_does_not_know_of_stay_unknown(cast: Cast) -> None:
    """The operator has Manage through Nordlys; who does not belong to it sees their View alone."""
    to_nordlys(cast, MANAGE)
    access = accept(make_code(cast.site, cast.installer), make_person("both@test.example", "Both"))
    add_member(organisation=cast.operators, user=access.user, role=ADMINISTRATOR, by=cast.operator)
    assert Viewer.of(access.user, cast.site).level == MANAGE
    for name in PAGES[:3]:
        page = seen(cast.installer, access, name)
        assert "nordlys" not in text_of(page).lower() or name != "view_as"
    page = seen(cast.installer, access)
    assert "Invite partner" not in below_the_banner(page)
    assert "Your organisation" not in text_of(page) and "another way gives more" not in text_of(page)
    overview = seen(cast.installer, access, "view_as")
    assert "You can View" in text_of(overview) and "Via" not in text_of(overview)


def test_the_people_of_an_organisation_are_counted_to_others_and_not_named(cast: Cast) -> None:
    """Nor does an entry of theirs say that there is a second way, which would tell that they belong to it."""
    personal = accept(make_code(cast.site, cast.installer), cast.operator2)
    page = seen(cast.installer, to_nordlys(cast, MANAGE))
    shown = below_the_banner(page)
    assert "operator@test.example" not in shown
    assert "Its members read here who belongs to it." in shown and '<span class="count">2</span>' in shown
    entry = shown.partition(f'id="access-{personal.uuid}"')[2].partition("</li>")[0]
    assert entry and "another way gives more" not in entry


def test_bait_other_places_and_organisations_of_the_person_are_on_no_page(cast: Cast) -> None:
    other = create_organisation(name="Hemmelig El", by=cast.contractor)
    bait = share(cast.bait, cast.stranger, cast.contractor)
    access = share(cast.site, cast.installer, cast.contractor)
    for name in PAGES:
        content = seen(cast.installer, access, name).content.decode()
        assert other.name not in content and str(bait.location.uuid) not in content
        assert "Vestkysten" not in content and f"no. {cast.bait.number}" not in content


def test_why_a_mail_failed_is_told_to_who_answers_for_it_alone(cast: Cast) -> None:
    """The contractor manages, but does not answer for the installer's invitations: as the Owner they still
    are not told more than that it did not arrive."""
    owner = make_owner(cast.site, cast.customer, cast.installer)
    share(cast.site, cast.installer, cast.contractor, MANAGE)
    invitation = invite(cast.site, cast.installer, make_person("ib@test.example"))
    OutgoingEmail.objects.filter(about=invitation.uuid).update(status="bounced", failure="address")
    mine = seen(cast.installer, owner)
    theirs = seen(cast.contractor, owner)
    assert "does not exist" in text_of(mine) and "does not exist" not in text_of(theirs)


# --- Nothing can be changed -----------------------------------------------------------------------


def test_no_page_has_anything_to_press(scene: Scene) -> None:
    """No form that posts, no link out, nothing that scripts listen to, no token, no address of an act."""
    manager = scene.cast.contractor
    for access in Access.objects.live().filter(location=scene.own.location).exclude(user=manager):
        client = looking_as(manager, access)
        for name in PAGES:
            answer = client.get(address(access, name))
            if answer.status_code == 302:
                continue
            shown = below_the_banner(answer)
            assert shown
            alive = re.search(
                r".{50}(method=|action=|data-(?!label|tint)|hx-|csrfmiddlewaretoken).{50}", shown, re.S
            )
            assert not alive, alive
            links = set(re.findall(r'href="([^"]*)"', shown))
            allowed = {address(access, page) for page in PAGES}
            assert {link for link in links if not link.startswith(("?", "/static/"))} <= allowed


STILL = {
    '<form method="post" class="inline"><input type="hidden" name="t">': '<div class="inline">',
    '<form action="/x"></form>': "<div></div>",
    '<form class="search"><input name="q"></form>': '<form class="search"><input name="q"></form>',
    '<a href="/x" data-dialog>y</a>': '<span class="">y</span>',
    '<a href="javascript:x">y</a>': '<span class="">y</span>',
    '<a href="/real/" class="tab">y</a>': '<a href="/still/" class="tab">y</a>',
    '<a class="button" href="/x" download>y</a>': '<button type="button" class="button" disabled>y</button>',
    '<button formaction="/x" data-x="1">y</button>': '<button type="button" disabled>y</button>',
    '<select name="n" hx-get="/x"><option selected>1': "<select disabled><option selected>1",
    "<p title='&quot;'>&lt;&#229;<svg><use /></svg>": "<p title='&quot;'>&lt;&#229;<svg><use /></svg>",
    '<input value="&quot;&gt;" />': '<input value="&quot;&gt;" disabled>',
}


@pytest.mark.parametrize(("html", "still"), STILL.items())
def test_whatever_a_page_has_stands_still(html: str, still: str) -> None:
    assert stand_still(html, {"/real/": "/still/"}) == still


def test_acts_are_the_lookers_own_and_never_the_partys(scene: Scene) -> None:
    """Looking as the Owner, a manager ends nobody's access that they could not end otherwise."""
    manager, owner = scene.cast.contractor, Access.objects.get(location=scene.own.location, reason="owner")
    client = looking_as(manager, owner)
    with changes() as noted:
        for name in ("remove", "change_level", "entry"):
            url = reverse(f"sharing:{name}", args=[scene.own.location.uuid, scene.own.access.uuid])
            client.post(url, {"level": "3"})
        for name in PAGES[1:]:
            assert client.post(address(owner, name)).status_code == 405
    assert noted.tables == set()


# --- On the record --------------------------------------------------------------------------------


def test_beginning_is_on_the_record_and_looking_is_not(cast: Cast) -> None:
    """Who looked as whom, when; the party reads it too, and it stands under a kind one can filter by."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    client = looking_as(cast.installer, access)
    with changes() as noted:
        for name in PAGES:
            client.get(address(access, name))
    assert noted.tables == set()
    entry = Activity.objects.get(verb=Verb.VIEWED_AS)
    assert (entry.actor_id, entry.party_name, entry.location_id) == (
        cast.installer.pk,
        "Contractor",
        cast.site.pk,
    )
    record = reverse("locations:activity", args=[cast.site.uuid])
    page = signed_in(cast.contractor).get(record, {"what": "access"})
    assert "looked at the location as somebody else sees it: Contractor" in text_of(page)


def test_without_beginning_there_is_nothing_to_see(cast: Cast) -> None:
    """An address alone, somebody else's session, another entry's beginning, or one long ago."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    other = share(cast.site, cast.installer, cast.operator, VIEW)
    fresh, begun = signed_in(cast.installer), looking_as(cast.installer, other)
    old = looking_as(cast.installer, access)
    session = old.session
    session[MARKER] = [str(access.uuid), int(timezone.now().timestamp()) - 1]
    session.save()
    for client in (fresh, begun, old, looking_as(cast.colleague, access)):
        for name in PAGES:
            answer = client.get(address(access, name))
            if client not in (fresh, begun, old):
                assert answer.status_code in (200, 302)
                continue
            assert answer["Location"] == reverse("sharing:entry", args=[cast.site.uuid, access.uuid])
    assert timedelta(seconds=LASTS) == timedelta(hours=1)


def test_leaving_ends_it(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    client = looking_as(cast.installer, access)
    answer = client.post(address(access, "view_as_leave"))
    assert answer["Location"] == reverse("sharing:permissions", args=[cast.site.uuid])
    assert client.get(address(access)).status_code == 302
    assert MARKER not in client.session


def test_it_ends_with_the_access_and_with_the_lookers_own(cast: Cast) -> None:
    """Asked anew on every page."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    looker = share(cast.site, cast.installer, cast.operator, MANAGE)
    client, manager = looking_as(cast.installer, access), looking_as(cast.operator, access)
    removing.remove_access(access=looker, by=cast.installer)
    assert manager.get(address(access)).status_code == 404
    removing.remove_access(access=access, by=cast.installer)
    assert "This access has ended." in said(client.get(address(access), follow=True))


def test_the_button_is_there_for_whom_it_works(cast: Cast) -> None:
    """Those with Manage, on every entry but their own; and a refusal says so in a sentence."""
    viewer = share(cast.site, cast.installer, cast.contractor, VIEW)
    manager = share(cast.site, cast.installer, cast.operator, MANAGE)

    def offers(user: User, access: Access) -> bool:
        page = signed_in(user).get(reverse("sharing:entry", args=[cast.site.uuid, access.uuid]))
        return address(access) in page.content.decode()

    assert offers(cast.installer, viewer) and offers(cast.operator, viewer)
    assert not offers(cast.operator, manager) and not offers(cast.contractor, manager)
    answer = signed_in(cast.operator).post(address(manager), follow=True)
    assert "You can look only as somebody whose access you manage." in said(answer)
    with pytest.raises(Refusal):
        view_as.begin(access=viewer, by=cast.contractor)
    with pytest.raises(Refusal):
        removing.remove_access(access=viewer, by=cast.installer)
        view_as.begin(access=viewer, by=cast.installer)


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_it_costs_the_same_for_any_number_of_entries(
    cast: Cast, django_assert_num_queries: Callable[..., Any], rows: int
) -> None:
    for number in range(rows):
        share(cast.site, cast.installer, make_person(f"p{number}@test.example", f"P{number}"), VIEW)
    access = to_nordlys(cast, MANAGE)
    client = looking_as(cast.installer, access)
    for name, expected in zip(PAGES, (9, 11, 9, 7), strict=True):
        client.get(address(access, name))
        with django_assert_num_queries(expected):
            client.get(address(access, name))


def test_the_view_is_refused_to_visitors_without_manage(scene: Scene) -> None:
    for role in ("viewer", "configurer"):
        client = Visitor(scene.people[role]).client()
        assert client.post(address(scene.own.access)).status_code == 403

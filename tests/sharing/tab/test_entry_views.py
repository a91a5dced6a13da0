"""One entry of the Permissions tab by itself, extending in one click, and a page that is gone."""

import gzip
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access, Location
from locations.services import archive_location
from organisations.services import add_member, end_membership
from portal.lib.humanize import last_day
from portal.mail import outbox
from portal.models import OutgoingEmail, Throttle, User
from sharing.access import removing
from sharing.invitations import services as invitations
from sharing.permissions import Viewer
from sharing.tab.entries import tab_of
from tests.cast import MEMBER, Cast, accept, invite, make_location, make_person, share
from tests.pages import changes, grouped, main_of, make_code, said, signed_in, text_of
from tests.tools import in_days, run_out

pytestmark = pytest.mark.pages

VIEW, CONFIGURE, MANAGE = Level


def tab(location: Location) -> str:
    return reverse("sharing:permissions", args=[location.uuid])


def address(access: Access, name: str = "entry") -> str:
    return reverse(f"sharing:{name}", args=[access.location.uuid, access.uuid])


def look(user: User, access: Access) -> HttpResponse:
    return signed_in(user).get(address(access))


def row(page: HttpResponse, access: Access) -> str:
    return main_of(page).partition(f'id="access-{access.uuid}"')[2].partition("</li>")[0]


def midnight(days: int) -> datetime:
    now = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return timezone.make_aware(now + timedelta(days=days))


# --- What it says -------------------------------------------------------------------------------


def test_it_says_who_what_why_by_whom_since_and_until(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=midnight(40))
    said_of = text_of(look(cast.installer, access))
    for words in ("contractor@test.example", "Can view", "by e-mail", "Installer", last_day(midnight(40))):
        assert words in said_of, words
    assert "Access in several ways" not in said_of


def test_a_code_is_named_by_its_end_once_it_is_dead(cast: Cast) -> None:
    """A live one is shown on asking, which is on the record; and neither to those with less than Manage."""
    code = make_code(cast.site, cast.installer, CONFIGURE)
    access = accept(code, cast.contractor)
    ending = grouped(code)[-4:]
    client = signed_in(cast.installer)
    assert ending not in row(client.get(tab(cast.site)), access)
    invitations.withdraw(invitation=code, by=cast.installer)
    assert f"by code ending …{ending}" in row(client.get(tab(cast.site)), access)
    assert f"by code ending …{ending}" in text_of(look(cast.installer, access))
    mine = signed_in(cast.contractor)
    assert "by invitation code" in row(mine.get(tab(cast.site)), access)
    assert ending not in mine.get(address(access)).content.decode()


def test_two_ways_are_both_shown_and_which_one_counts(cast: Cast) -> None:
    lesser = share(cast.site, cast.installer, cast.contractor, VIEW)
    more = accept(
        make_code(cast.site, cast.installer, CONFIGURE, access_ends_at=in_days(30)), cast.contractor
    )
    page = signed_in(cast.installer).get(tab(cast.site))
    assert "another way gives more" in row(page, lesser)
    assert "this one of several ways counts" in row(page, more)
    for access in (lesser, more):
        main = main_of(look(cast.installer, access))
        assert "Access in several ways" in main
        assert main.index("Can configure · ") < main.index("Can view · ")


def test_a_way_through_an_organisation_is_told_to_its_members_alone(cast: Cast) -> None:
    """Of other organisations' people nobody is told, not even the Owner or those with Manage."""
    add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator)
    personal = share(cast.site, cast.installer, cast.contractor, VIEW)
    accept(make_code(cast.site, cast.installer, MANAGE), cast.operator, cast.operators)
    assert "counts" not in row(signed_in(cast.installer).get(tab(cast.site)), personal)
    assert "several ways" not in text_of(look(cast.installer, personal))
    for insider in (cast.operator, cast.contractor):
        assert "another way gives more" in row(signed_in(insider).get(tab(cast.site)), personal)
        assert f"through {cast.operators}" in text_of(look(insider, personal))


def test_of_thousands_of_members_the_first_are_read_and_the_rest_counted(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number is everybody's, and whoever is further down and has access twice is still told so."""
    monkeypatch.setattr("sharing.tab.entries.MEMBERS_SHOWN", 1)
    last = make_person("zoe@test.example", "Zoe")
    add_member(organisation=cast.operators, user=last, role=MEMBER, by=cast.operator)
    personal = share(cast.site, cast.installer, last, VIEW)
    accept(make_code(cast.site, cast.installer, MANAGE), cast.operator, cast.operators)
    found = tab_of(Viewer.of(cast.operator2, cast.site))
    assert [m.user for m in found.own[0].members] == [cast.operator] and found.own[0].more == 2
    assert [entry.counts for entry in found.shared if entry.access == personal] == [False]


def test_whom_an_organisations_access_means(cast: Cast) -> None:
    """Its members read their names; those with Manage how many they are; those with less nothing."""
    add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    access = accept(make_code(cast.site, cast.installer, VIEW), cast.operator, cast.operators)
    share(cast.site, cast.installer, cast.contractor, VIEW)
    people = {each.user.email for each in cast.operators.memberships.all()}
    inside, manages, views = (
        main_of(look(user, access)) for user in (cast.customer, cast.installer, cast.contractor)
    )
    assert all(each in inside for each in people)
    for outside in (manages, views):
        assert not any(each in outside for each in people)
    assert f"{len(people)} people belong to it now" in manages and "to its own members only" in manages
    assert "belong" not in views


def test_an_entry_that_is_over_leads_back(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    removing.remove_access(access=access, by=cast.installer)
    client = signed_in(cast.installer)
    for answer in (client.get(address(access), follow=True), client.post(address(access), follow=True)):
        assert "This access has ended." in said(answer)


def test_the_giver_without_a_name_is_masked(cast: Cast) -> None:
    nameless = make_person("secret-giver@test.example")
    share(cast.site, cast.installer, nameless)
    access = share(cast.site, nameless, cast.contractor, VIEW)
    assert "secret-giver" not in signed_in(cast.contractor).get(tab(cast.site)).content.decode()
    assert "from secret-giver@test.example" in row(signed_in(cast.installer).get(tab(cast.site)), access)


# --- What it does -------------------------------------------------------------------------------


def test_level_and_end_are_saved_together(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    client, day = signed_in(cast.installer), timezone.localdate() + timedelta(days=20)
    page = client.post(address(access), {"level": "2", "access_ends": day.isoformat()}, follow=True)
    assert f"Contractor: Can configure, until {last_day(midnight(21))}." in said(page)
    access.refresh_from_db()
    assert (access.level, access.ends_at) == (CONFIGURE, midnight(21))
    assert f'value="{day.isoformat()}"' in main_of(client.get(address(access)))
    page = client.post(address(access), {"level": "2", "access_ends": ""}, follow=True)
    assert "Contractor: Can configure." in said(page)
    access.refresh_from_db()
    assert access.ends_at is None


def test_a_day_that_was_not_changed_keeps_its_moment(cast: Cast) -> None:
    """An end that was cut to the giver's own need not be a midnight."""
    end = midnight(20) + timedelta(hours=9, minutes=30)
    access = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=end)
    day = timezone.localtime(end).date().isoformat()
    signed_in(cast.installer).post(address(access), {"level": "3", "access_ends": day})
    access.refresh_from_db()
    assert (access.level, access.ends_at) == (MANAGE, end)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"level": "3", "access_ends": "2020-01-01"}, "This day has passed"),
        ({"level": "9"}, "Select a valid choice"),
        ({"level": "2", "access_ends": "x"}, "Enter a date"),
    ],
)
def test_what_is_no_level_or_day_is_said_beside_the_field(cast: Cast, data: Any, words: str) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    client = signed_in(cast.installer)
    with changes() as noted:
        page = client.post(address(access), data)
    assert page.status_code == 422 and words in text_of(page) and noted.tables == set()


def test_giving_beyond_ones_own_end_is_said_beside_the_day(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor, access_ends_at=midnight(10))
    access = share(cast.site, cast.contractor, cast.customer, VIEW)
    page = signed_in(cast.contractor).post(address(access), {"level": "1"})
    assert page.status_code == 422
    assert f"Your own access ends on {last_day(midnight(10))}" in text_of(page)


def test_lowering_oneself_asks_first_and_says_what_is_lost(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    invite(cast.site, cast.contractor, cast.customer)
    client, day = signed_in(cast.contractor), timezone.localdate() + timedelta(days=9)
    lower = {"level": "1", "access_ends": day.isoformat()}
    with changes() as noted:
        asked = client.post(address(access), lower)
    assert noted.tables == set()
    for words in ("Give up part of your access", "see everything but PINs", last_day(midnight(10))):
        assert words in text_of(asked)
    assert "1 open invitation is withdrawn" in text_of(asked)
    client.post(address(access), lower | {"sure": "1"})
    access.refresh_from_db()
    assert (access.level, access.ends_at) == (VIEW, midnight(10))
    more = client.post(address(access), {"level": "1", "access_ends": ""})
    assert more.status_code == 422 and "not give yourself more" in text_of(more)


def test_another_way_with_manage_keeps_ones_invitations(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(20))
    accept(make_code(cast.site, cast.installer, MANAGE), cast.contractor)
    invite(cast.site, cast.contractor, cast.customer)
    lower = {"level": "1", "access_ends": timezone.localdate().isoformat()}
    asked = signed_in(cast.contractor).post(address(access), lower)
    assert "Give up part" in text_of(asked) and "invitation is withdrawn" not in text_of(asked)


def test_one_click_extends_what_ends_soon_and_a_second_does_nothing(cast: Cast) -> None:
    soon = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=midnight(10))
    later = share(cast.site, cast.installer, cast.customer, VIEW, access_ends_at=midnight(20))
    client = signed_in(cast.installer)
    page = client.get(tab(cast.site))
    assert "Extend by 30 days" in row(page, soon) and "Extend" not in row(page, later)
    assert "Extend" not in row(signed_in(cast.contractor).get(tab(cast.site)), soon)
    shown = row(page, soon).partition('name="ends" value="')[2].partition('"')[0].replace("&#x27;", "")
    for _ in range(2):
        page = client.post(address(soon, "extend"), {"ends": shown}, follow=True)
        assert f"Contractor: Can view, until {last_day(midnight(40))}." in said(page)
    soon.refresh_from_db()
    assert soon.ends_at == midnight(40)
    assert "out of date" in said(client.post(address(soon, "extend"), {"ends": "soon"}, follow=True))


def test_an_archived_location_offers_no_terms(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=midnight(10))
    archive_location(location=cast.site, by=cast.installer)
    assert "<select" in main_of(signed_in(cast.installer).get(tab(cast.site)))
    assert "Extend" not in main_of(signed_in(cast.installer).get(tab(cast.site)))
    assert "access_ends" not in main_of(look(cast.installer, access))


# --- A page that is gone ------------------------------------------------------------------------


def test_who_lost_a_location_reads_since_when_and_nobody_else_does(cast: Cast) -> None:
    """On every page of it and to every button; never its name, which may be another by now."""
    access = share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    removing.remove_access(access=access, by=cast.installer)
    Location.objects.filter(pk=cast.site.pk).update(name="Secret new name")
    client, stranger = signed_in(cast.contractor), signed_in(cast.stranger)
    gets = [tab(cast.site), reverse("locations:detail", args=[cast.site.uuid]), address(access)]
    for url in gets:
        gone = client.get(url)
        assert gone.status_code == 404 and "Your access to this location ended on" in text_of(gone)
        assert "Secret" not in gone.content.decode() and "Havnevej" not in gone.content.decode()
        assert "cannot find this page" in text_of(stranger.get(url))
    posted = client.post(address(access, "remove"))
    assert posted.status_code == 404 and "Your access to this location ended" in text_of(posted)
    # An open page is fetched again, and then says so.
    assert client.post(address(access, "remove"), headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "HX-Refresh" not in stranger.post(address(access, "remove"), headers={"HX-Request": "true"})


@pytest.mark.parametrize(("days", "told"), [(29, True), (31, False)])
def test_it_is_said_for_thirty_days(cast: Cast, days: int, told: bool) -> None:
    """Of an end that came by itself too, tidied or not."""
    access = share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(5))
    for over in ({"ends_at": in_days(-days)}, {"ended_at": in_days(-days), "ends_at": None}):
        Access.objects.filter(pk=access.pk).update(**over)
        cast.site.user_permissions.all().delete()
        assert ("Your access" in text_of(signed_in(cast.contractor).get(tab(cast.site)))) is told


def test_members_read_it_who_were_members_at_the_time(cast: Cast) -> None:
    add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    left = add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator)
    access = accept(make_code(cast.site, cast.installer, VIEW), cast.operator, cast.operators)
    end_membership(membership=left, by=cast.operator)
    removing.remove_access(access=access, by=cast.installer)
    add_member(organisation=cast.operators, user=cast.stranger, role=MEMBER, by=cast.operator)
    for user, told in ((cast.customer, True), (cast.contractor, False), (cast.stranger, False)):
        assert ("Your access" in text_of(signed_in(user).get(tab(cast.site)))) is told, user


# --- Withdrawn ----------------------------------------------------------------------------------


def test_who_was_sent_an_invitation_is_told_that_it_was_withdrawn(cast: Cast) -> None:
    """Once; nobody whom no e-mail has reached, nor once the invitation had expired anyway."""
    made = invite(cast.site, cast.installer, cast.contractor)
    unsent = invite(cast.site, cast.installer, cast.customer)
    late = run_out(invite(cast.site, cast.installer, cast.operator))
    OutgoingEmail.objects.filter(about__in=[made.uuid, late.uuid]).update(status="sent")
    for each in (made, made, unsent, late):
        invitations.withdraw(invitation=each, by=cast.installer)
    told = OutgoingEmail.objects.get(kind="withdrawn")
    letter = outbox.render(told)
    assert told.address == "contractor@test.example" and letter is not None
    assert letter.subject == "The invitation to Havnevej 2 was withdrawn" and made.code not in letter.body
    invitations.share_with_person(location=cast.site, by=cast.installer, email=told.address, level=VIEW)
    assert outbox.render(told) is None


def test_administrators_are_told_of_a_withdrawal_while_they_are_ones(cast: Cast) -> None:
    made = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="test", level=VIEW
    )
    OutgoingEmail.objects.update(status="sent")
    invitations.withdraw(invitation=made, by=cast.installer)
    rows = list(OutgoingEmail.objects.filter(kind="withdrawn"))
    assert {row.recipient for row in rows} == {
        each.user for each in cast.operators.memberships.administrators()
    }
    cast.operators.memberships.update(role=MEMBER)
    assert [outbox.render(row) for row in OutgoingEmail.objects.filter(kind="withdrawn")] == [None] * len(
        rows
    )


# --- Many ---------------------------------------------------------------------------------------


def test_two_hundred_parties(cast: Cast, django_assert_num_queries: Any) -> None:
    """As many queries as for one, and less than 60 kB over the wire."""
    code = make_code(cast.site, cast.installer, VIEW)
    for number in range(200):
        person = make_person(f"party{number}@test.example", f"Party {number}")
        accept(code, person) if number % 2 else share(cast.site, cast.installer, person, VIEW)
        Throttle.objects.all().delete()
    invitations.withdraw(invitation=code, by=cast.installer)
    client = signed_in(cast.installer)
    client.get(tab(cast.site))
    with django_assert_num_queries(10):
        page = client.get(tab(cast.site))
    assert page.content.decode().count('id="access-') == 201
    assert len(gzip.compress(page.content)) < 60_000


def test_a_long_list_is_searched_and_folded(cast: Cast) -> None:
    """By what is shown; who sees no addresses finds nobody by one."""
    for number in range(12):
        share(cast.site, cast.installer, make_person(f"p{number}@test.example", f"Party {number}"), VIEW)
    client, url = signed_in(cast.installer), tab(cast.site)
    page = main_of(client.get(url))
    assert "2 more" in page and 'type="search"' in page
    last = share(cast.site, cast.installer, cast.customer, VIEW, access_ends_at=midnight(5))
    page = main_of(client.get(url))
    assert page.index(f"access-{last.uuid}") < page.index("Party 0")
    found = main_of(client.get(url, {"q": "party P11@"}))
    assert "Party 11" in found and "Party 1<" not in found and "more</summary>" not in found
    nobody = client.get(url, {"q": "\0<nobody>"})
    assert "Nobody here matches “<nobody>”." in text_of(nobody) and "Show all" in text_of(nobody)
    viewer = signed_in(User.objects.get(email="p3@test.example"))
    assert "Nobody here matches" in text_of(viewer.get(url, {"q": "p4@test.example"}))


def test_a_short_list_has_no_search(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor, VIEW)
    assert 'type="search"' not in main_of(signed_in(cast.installer).get(tab(cast.site)))


# --- Whom else other terms reach ---------------------------------------------------------------------


def given_on(cast: Cast) -> tuple[Access, Access]:
    """The contractor's access, and the stranger's, to whom they gave it on."""
    access = share(cast.site, cast.installer, cast.contractor)
    return access, share(cast.site, cast.contractor, cast.stranger, CONFIGURE)


def test_a_new_end_names_those_it_is_for_as_well(cast: Cast) -> None:
    """Asked before, of that very day and of no other."""
    access, on = given_on(cast)
    client, days = signed_in(cast.installer), [f"{midnight(day):%Y-%m-%d}" for day in (20, 30)]
    page = client.post(address(access), {"level": "3", "access_ends": days[0]})
    assert "Those they gave it on to lose it on the same day: Stranger" in text_of(page)
    assert "Nothing is saved yet." in text_of(page)
    sure = {"level": "3", "sure": "3", "sure_ends": days[0]}
    page = client.post(address(access), sure | {"access_ends": days[1]})
    assert "Nothing is saved yet." in text_of(page)
    on.refresh_from_db()
    assert on.ends_at is None
    page = client.post(address(access), sure | {"access_ends": days[0]}, follow=True)
    assert "Contractor: Can manage, until" in said(page)
    access.refresh_from_db()
    on.refresh_from_db()
    assert on.ends_at == access.ends_at is not None


def test_a_lower_level_names_those_who_keep_theirs(cast: Cast) -> None:
    access, on = given_on(cast)
    client = signed_in(cast.installer)
    chosen = text_of(client.get(address(access), {"level": "1"}))
    assert "Those they gave it on to keep theirs: Stranger (Configure)" in chosen
    assert "lose it on the same day" not in chosen
    unchanged = text_of(client.get(address(on), {"level": "1"}))
    assert "keep theirs" not in unchanged and "Nothing is saved yet." not in unchanged


def test_what_was_done_says_whom_else_it_reached_and_undoing_that_the_code_is_new(cast: Cast) -> None:
    access, _on = given_on(cast)
    make_code(cast.site, cast.installer)
    client = signed_in(cast.installer)
    page = client.post(address(access, "remove"), follow=True)
    assert "Those they gave it on to have lost it too: Stranger." in said(page)
    assert "so it was withdrawn" in said(page)
    undo = page.context["undo"]
    # Acting elsewhere leaves the Undo of this location.
    other = share(make_location(cast.installer, cast.firm, "Elsewhere"), cast.installer, cast.contractor)
    client.post(address(other, "remove"))
    assert client.get(tab(cast.site)).context["undo"] == undo
    page = client.post(reverse("sharing:undo", args=[cast.site.uuid, undo.uuid]), follow=True)
    assert "Undone. The invitation code is a new one; pass it on again." in said(page)
    assert client.get(tab(other.location)).context["undo"] is not None


def test_the_page_of_an_entry_says_that_the_code_went(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    make_code(cast.site, cast.installer, MANAGE)
    page = signed_in(cast.installer).post(address(access), {"level": "1", "sure": "1"}, follow=True)
    assert "Contractor: Can view. They may know the invitation code, so it was withdrawn." in said(page)

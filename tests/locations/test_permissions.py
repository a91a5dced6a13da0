"""Who sees what: exact sets, with bait that could leak (docs/decisions/0001-permissions.md)."""

import datetime
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404
from guardian.models import UserObjectPermission
from guardian.shortcuts import get_objects_for_user
from hypothesis import given
from hypothesis import strategies as st

from locations.backend import LocationPermissionBackend
from locations.levels import Level
from locations.models import Access, Location, LocationGroupPermission, LocationUserPermission
from locations.permissions import level_of
from locations.projection import project
from locations.services import archive_location, change_location, give_access, restore_location
from organisations.models import Membership, Organisation
from organisations.services import add_member, create_organisation
from portal.models import Throttle, User
from sharing.access import removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from tests.cast import MEMBER, Cast, accept, invite, make_location, make_owner, make_person, share
from tests.tools import examples, in_days, matching, projected, projection, undone

VIEW, CONFIGURE, MANAGE = Level
TABLES = (LocationUserPermission, LocationGroupPermission)


def seen(user: Any, at_least: Level = VIEW) -> set[str]:
    return {location.name for location in Location.objects.visible_to(user, at_least)}


def let_time_pass(days: int) -> None:
    """As if it were that many days later and no worker had run: every end is that much nearer."""
    for model in (Access, *TABLES):
        model._default_manager.filter(ends_at__isnull=False).update(
            ends_at=F("ends_at") - datetime.timedelta(days=days)
        )


def leave(user: User, organisation: Organisation) -> None:
    """What leaving will do: membership and group go together."""
    Membership.objects.get(user=user, organisation=organisation).delete()
    user.groups.remove(organisation.group)


@pytest.fixture
def world(cast: Cast) -> Cast:
    """The contractor has a location in every way there is; each other one is bait."""
    by, firm = cast.installer, cast.firm

    def site(name: str) -> Location:
        Throttle.objects.all().delete()  # so many invitations to one person are no part of this
        return make_location(by, firm, name)

    for level in Level:
        share(site(f"own {level.label}"), by, cast.contractor, level)
    share(site("until tomorrow"), by, cast.contractor, MANAGE, access_ends_at=in_days(3))
    share(site("until yesterday"), by, cast.contractor, MANAGE, access_ends_at=in_days(1))
    both = site("one way ended")
    share(both, by, cast.contractor, MANAGE, access_ends_at=in_days(1))
    give_access(
        location=both, party=cast.contractor, level=VIEW, reason=Access.Reason.CODE, by=by, ends_at=None
    )
    removing.remove_access(access=share(site("removed"), by, cast.contractor), by=by)
    removing.remove_access(access=share(site("left"), by, cast.contractor), by=cast.contractor)
    archived = site("archived")
    share(archived, by, cast.contractor)
    archive_location(location=archived, by=by)

    invite(site("invited"), by, cast.contractor)
    invitations.withdraw(invitation=invite(site("withdrawn"), by, cast.contractor), by=by)
    declined = invite(site("declined"), by, cast.contractor)
    invitations_accepting.decline(invitation=declined, by=cast.contractor, nonce=declined.nonce)
    invitations_codes.create_code(location=site("live code"), by=by, level=MANAGE)
    site("the firm's alone")
    share(site("another's"), by, cast.customer)

    add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator)
    for level in Level:
        give_access(
            location=site(f"organisation {level.label}"),
            party=cast.operators,
            level=level,
            reason=Access.Reason.ORGANISATION,
            by=by,
        )
    make_location(cast.operator, cast.operators, "organisation installed")
    former = create_organisation(name="Former", by=cast.operator)
    add_member(organisation=former, user=cast.contractor, role=MEMBER, by=cast.operator)
    make_location(cast.operator, former, "of a former employer")
    leave(cast.contractor, former)
    make_location(cast.contractor, None, "own alone")
    make_owner(site("owned"), cast.contractor, by)
    let_time_pass(2)
    return cast


AT_LEAST_MANAGE = {
    *{"own Manage", "until tomorrow", "archived", "organisation Manage", "organisation installed"},
    *{"own alone", "owned"},
}
AT_LEAST_CONFIGURE = AT_LEAST_MANAGE | {"own Configure", "organisation Configure"}
AT_LEAST_VIEW = AT_LEAST_CONFIGURE | {"own View", "organisation View", "one way ended"}
EXPECTED = {VIEW: AT_LEAST_VIEW, CONFIGURE: AT_LEAST_CONFIGURE, MANAGE: AT_LEAST_MANAGE}


def test_a_person_sees_exactly_what_they_have_at_each_level(world: Cast) -> None:
    """Each level includes the one before; ended by date needs no worker (product rule 3)."""
    for level, expected in EXPECTED.items():
        assert seen(world.contractor, level) == expected
    assert seen(world.contractor) == AT_LEAST_VIEW


def test_every_question_gives_the_same_answer(world: Cast) -> None:
    """visible_to, get_visible, level_of and has_perm: one funnel (docs/decisions/0001-permissions.md)."""
    backend = LocationPermissionBackend()
    locations = list(Location.objects.all())
    for person in (world.contractor, world.operator, world.stranger):
        for location in locations:
            level = level_of(person, location)
            for wanted in Level:
                expected = level is not None and level >= wanted
                visible = Location.objects.visible_to(person, wanted).filter(pk=location.pk).exists()
                assert visible == expected, (person, location, wanted)
                for perm in (f"locations.{wanted.codename}", wanted.codename):
                    assert backend.has_perm(person, perm, location) == expected
                assert person.has_perm(f"locations.{wanted.codename}", location) == expected
                if level is None:
                    with pytest.raises(Http404):
                        Location.objects.get_visible(person, location.uuid, wanted)
                elif not expected:
                    with pytest.raises(PermissionDenied):
                        Location.objects.get_visible(person, location.uuid, wanted)
                else:
                    found = Location.objects.get_visible(person, location.uuid, wanted)
                    assert (found, found.level) == (location, level)


def test_the_stranger_sees_nothing_of_the_others(world: Cast) -> None:
    """Habit 14: a stranger in every file."""
    assert seen(world.stranger) == {"Havnevej 2"}
    assert Location.objects.visible_to(world.stranger).get() == world.bait
    assert world.bait not in Location.objects.visible_to(world.contractor)


def test_the_others_see_exactly_theirs(world: Cast) -> None:
    organisation = {"organisation View", "organisation Configure", "organisation Manage"}
    assert seen(world.operator2) == organisation | {"organisation installed"}
    assert seen(world.operator) == organisation | {"organisation installed", "of a former employer"}
    assert seen(world.customer) == {"another's"}
    assert seen(world.colleague) == seen(world.installer)
    assert seen(world.installer) == set(Location.objects.values_list("name", flat=True)) - {
        "organisation installed",
        "of a former employer",
        "own alone",
    }


def test_support_staff_see_nothing(world: Cast) -> None:
    """Support never gets a location's data in the portal itself (product rule 7)."""
    assert world.support.is_staff
    assert seen(world.support) == set()
    assert level_of(world.support, world.site) is None
    assert not world.support.has_perm("locations.view_location", world.site)


def test_nobody_sees_nothing(world: Cast) -> None:
    nobody = AnonymousUser()
    assert seen(nobody) == set()
    assert level_of(nobody, world.site) is None
    assert not LocationPermissionBackend().has_perm(nobody, "locations.view_location", world.site)
    with pytest.raises(Http404):
        Location.objects.get_visible(nobody, world.site.uuid)


def test_who_may_not_sign_in_sees_nothing(world: Cast) -> None:
    """guardian lists for inactive people too; the portal does not."""
    location = Location.objects.get(name="own Manage")
    User.objects.filter(pk=world.contractor.pk).update(is_active=False)
    person = User.objects.get(pk=world.contractor.pk)
    assert seen(person) == set()
    assert level_of(person, location) is None
    assert not person.has_perm("locations.view_location", location)
    assert not LocationPermissionBackend().has_perm(person, "locations.view_location", location)
    with pytest.raises(Http404):
        Location.objects.get_visible(person, location.uuid)


def test_who_may_not_sign_in_administers_nothing(cast: Cast) -> None:
    """Nothing of an organisation waits for them, and no code can be taken for it."""
    assert list(Organisation.objects.administered_by(cast.operator)) == [cast.operators]
    User.objects.filter(pk=cast.operator.pk).update(is_active=False)
    assert not Organisation.objects.administered_by(cast.operator).exists()


def test_an_unknown_location_and_a_hidden_one_are_one_and_the_same(cast: Cast) -> None:
    """404 alike, so a stranger learns nothing about whether it exists (product rule 4, ask for access)."""
    said = []
    for uuid in (uuid4(), cast.bait.uuid):
        with pytest.raises(Http404) as caught:
            Location.objects.get_visible(cast.installer, uuid)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_a_right_on_all_locations_gives_none(cast: Cast) -> None:
    """guardian's accept_global_perms would list everything to whoever holds the model permission."""
    for codename in ("view_location", "change_location", "manage_location"):
        cast.contractor.user_permissions.add(Permission.objects.get(codename=codename))
    person = User.objects.get(pk=cast.contractor.pk)
    assert person.has_perm("locations.view_location")
    assert seen(person) == set()
    assert not person.has_perm("locations.view_location", cast.site)


def test_guardians_generic_rows_give_nothing(cast: Cast) -> None:
    """A row in guardian's generic table, where nobody reads, lets nobody in."""
    permission = Permission.objects.get(codename="view_location")
    UserObjectPermission.objects.create(
        user=cast.contractor,
        permission=permission,
        content_type=permission.content_type,
        object_pk=str(cast.site.pk),
    )
    assert seen(cast.contractor) == set()
    assert level_of(cast.contractor, cast.site) is None


def test_a_group_that_is_no_organisation_of_theirs_gives_nothing(cast: Cast) -> None:
    """Membership and group are written by one service; neither alone is trusted for the other's locations."""
    assert seen(cast.contractor) == set()
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    assert seen(cast.contractor) == {"Havnevej 2"}
    leave(cast.contractor, cast.firm)
    assert seen(cast.contractor) == set()


@pytest.mark.parametrize(
    "perm",
    [
        "locations.veiw_location",
        "locations.delete_location",
        "locations.add_location",
        "sharing.view_location",
        "locations.view_access",
        "",
        ".",
        "view_location.locations",
    ],
)
def test_a_permission_there_is_not_is_held_by_nobody(cast: Cast, perm: str) -> None:
    assert level_of(cast.installer, cast.site) == MANAGE
    assert not LocationPermissionBackend().has_perm(cast.installer, perm, cast.site)


def test_a_permission_on_something_else_is_not_the_funnels_to_give(cast: Cast) -> None:
    backend = LocationPermissionBackend()
    for thing in (None, cast.firm, cast.installer, Access.objects.first()):
        assert not backend.has_perm(cast.installer, "locations.view_location", thing)


def test_later_members_get_it_and_leavers_lose_it(cast: Cast) -> None:
    """An organisation's grant covers those who are members at the time of asking (product rule 3)."""
    newcomer = make_person("new@test.example")
    assert seen(newcomer) == set()
    add_member(organisation=cast.elsewhere, user=newcomer, role=MEMBER, by=cast.stranger)
    assert Location.objects.visible_to(newcomer).get() == cast.bait
    leave(newcomer, cast.elsewhere)
    assert seen(newcomer) == set()


def test_an_end_holds_to_the_second_without_a_worker(cast: Cast) -> None:
    """It ends by itself at that moment even if no worker runs (product rule 3)."""
    access = share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(1))
    for seconds, holds in ((2, True), (0, False), (-1, False)):
        end = in_days(0) + datetime.timedelta(seconds=seconds)
        for rows in (Access.objects.filter(pk=access.pk), LocationUserPermission.objects.all()):
            rows.update(ends_at=end)
        assert (seen(cast.contractor) == {"Havnevej 2"}) is holds
        assert (level_of(cast.contractor, cast.site) == MANAGE) is holds
        assert Access.objects.live().filter(pk=access.pk).exists() is holds
        assert Access.objects.over().filter(pk=access.pk).exists() is not holds
        assert Access.objects.mark_live().get(pk=access.pk).holds_now is holds
    access.refresh_from_db()
    assert access.ended_at is None


def deactivate(user: User) -> None:
    """Nothing can be given to them from now on; what they have stays."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    user.is_active = False


# --- The list by name -------------------------------------------------------------------------


@pytest.mark.parametrize("arms", [0, 1, 4])
def test_the_list_by_name_is_what_is_visible_in_order(
    world: Cast, monkeypatch: pytest.MonkeyPatch, arms: int
) -> None:
    """One arm per organisation or one for all (decision 0001): the same list, for everybody there is."""
    monkeypatch.setattr("locations.permissions.MOST_ARMS", arms)
    inactive = make_person("gone@test.example")
    add_member(organisation=world.operators, user=inactive, role=MEMBER, by=world.operator)
    deactivate(inactive)
    everybody = [*User.objects.all(), inactive, AnonymousUser()]
    for person in everybody:
        for size in (2, 50):
            pages_are_the_whole_list(person, size)
    assert Location.objects.visible_page(inactive).locations == []
    assert Location.objects.visible_page(world.support).locations == []


@pytest.mark.parametrize("size", [1, 2, 3])
def test_locations_of_one_name_are_each_listed_once(cast: Cast, size: int) -> None:
    """Name alone is no place in the list: the number decides, whatever organisation it comes through."""
    add_member(organisation=cast.elsewhere, user=cast.installer, role=MEMBER, by=cast.stranger)
    for by, organisation in [(cast.installer, cast.firm), (cast.stranger, cast.elsewhere)] * 3:
        make_location(by, organisation)
    assert len(Location.objects.first_visible(cast.installer)) == 8
    pages_are_the_whole_list(cast.installer, size)


def test_what_is_seen_in_two_ways_is_listed_once(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    accept_code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    accept(accept_code, cast.operator, cast.operators)
    add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator)
    assert Location.objects.visible_page(cast.contractor).locations == [cast.site]
    assert len(Location.objects.first_visible(cast.contractor)) == 1


def test_the_count_of_the_list_stops_past_its_cap(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locations.querysets.COUNT_CAP", 2)
    for number in range(4):
        make_location(cast.installer, cast.firm, f"Site {number}")
    assert len(Location.objects.first_visible(cast.installer)) == 3
    assert len(Location.objects.first_visible(cast.stranger)) == 1


def test_copies_follow_archiving_restoring_and_a_new_name(world: Cast) -> None:
    """The permission rows carry name and archived; the list is read from them alone (decision 0001)."""
    place = Location.objects.get(name="own Manage")
    for change in (archive_location, restore_location):
        change(location=place, by=place.accesses.get(reason="installed").given_by)
        pages_are_the_whole_list(world.contractor)
        pages_are_the_whole_list(world.installer)
    change_location(location=place, by=world.contractor, name="Åben")
    pages_are_the_whole_list(world.contractor)
    pages_are_the_whole_list(world.installer)
    assert Location.objects.visible_page(world.contractor).locations[-1] == place


def test_access_given_by_a_stale_copy_of_the_location_is_listed_right(cast: Cast) -> None:
    """Under the lock the location may have another name by now, or be archived: that is what is copied."""
    stale = Location.objects.get(pk=cast.site.pk)
    change_location(location=cast.site, by=cast.installer, name="Åben")
    archive_location(location=cast.site, by=cast.installer)
    give_access(
        location=stale, party=cast.contractor, level=VIEW, reason=Access.Reason.CODE, by=cast.installer
    )
    row = LocationUserPermission.objects.get(user=cast.contractor)
    fresh = Location.objects.get(pk=cast.site.pk)
    assert (row.sort_name, row.archived) == (fresh.sort_name, True)


@pytest.mark.parametrize("cursor", ["\x00~1", "~", "x~" + "9" * 19, "'; --~1", "😀~1", "x~²"])
def test_a_hostile_cursor_of_the_list_gives_a_page(cast: Cast, cursor: str) -> None:
    for page in (
        Location.objects.visible_page(cast.installer, after=cursor),
        Location.objects.visible_page(cast.installer, before=cursor),
    ):
        assert set(page.locations) <= {cast.site}


# --- Random data ------------------------------------------------------------------------------


@dataclass
class Row:
    """One Access row to be: `ends` in days, of which two will pass."""

    location: int
    person: int | None
    organisation: int | None
    level: Level
    ends: int | None
    ended: bool
    reason: str = field(default="")


rows = st.builds(
    Row,
    location=st.integers(0, 2),
    person=st.integers(0, 3),
    organisation=st.one_of(st.none(), st.integers(0, 2)),
    level=st.sampled_from(Level),
    ends=st.sampled_from([None, None, 1, 3, 4]),
    ended=st.booleans(),
    reason=st.sampled_from(["email", "organisation", "code"]),
)
memberships = st.sets(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=6)


@pytest.fixture
def few(cast: Cast) -> tuple[list[User], list[Organisation], list[Location]]:
    """Four people of whom the last will not be able to sign in, three organisations, three locations."""
    people = [make_person(f"p{number}@test.example") for number in range(4)]
    organisations = [create_organisation(name=f"o{number}", by=cast.stranger) for number in range(3)]
    locations = [make_location(cast.stranger, cast.elsewhere, f"l{number}") for number in range(3)]
    return people, organisations, locations


@given(
    rows=st.lists(rows, max_size=12),
    memberships=memberships,
    archived=st.sets(st.integers(0, 2)),
    arms=st.sampled_from([1, 4]),
)
@examples(25)
def test_random_data_is_seen_as_guardian_and_plain_python_see_it(
    cast: Cast,
    few: tuple[list[User], list[Organisation], list[Location]],
    rows: list[Row],
    memberships: set[tuple[int, int]],
    archived: set[int],
    arms: int,
) -> None:
    """The funnel is proven equal to guardian's own answer, and to the Access rows it stands for."""
    people, organisations, locations = few[0], few[1], list(few[2])
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("locations.permissions.MOST_ARMS", arms)
        for number in archived:
            locations[number] = archive_location(location=locations[number], by=cast.stranger)
        for person, organisation in sorted(memberships):
            add_member(
                organisation=organisations[organisation], user=people[person], role=MEMBER, by=people[0]
            )
        _write(rows, people, organisations, locations)
        deactivate(people[3])
        let_time_pass(2)
        for location in locations:
            assert projected(location) == projection(location)
        accesses = list(Access.objects.select_related("location"))
        for number, person in enumerate(people):
            mine = {organisations[belongs].pk for who, belongs in memberships if who == number}
            levels = {place.pk: level_of(person, place) or 0 for place in locations}
            for level in Level:
                found = set(Location.objects.visible_to(person, level))
                assert found == (_plain(accesses, person, mine, level) if person.is_active else set())
                assert found & set(locations) == {place for place in locations if levels[place.pk] >= level}
            pages_are_the_whole_list(person)
        for model in TABLES:
            model._default_manager.filter(ends_at__lte=in_days(0)).delete()
        for person in people[:3]:
            for level in Level:
                by_guardian = get_objects_for_user(
                    person,
                    f"locations.{level.codename}",
                    Location,
                    accept_global_perms=False,
                    with_superuser=False,
                )
                assert set(by_guardian) == set(Location.objects.visible_to(person, level))


def pages_are_the_whole_list(person: Any, size: int = 2) -> None:
    """The fast path of the Locations list, forwards and backwards, is `visible_to` in order of name;
    searched, it is what of that is `matching`."""
    for archived, query in [(False, ""), (True, ""), (False, "a 8000"), (False, "e")]:
        seen = Location.objects.visible_to(person).filter(archived_at__isnull=not archived)
        whole = list(matching(seen, query).order_by("sort_name", "pk"))
        found = Location.objects.found_by(person, query).filter(archived_at__isnull=not archived)
        assert set(found) == set(whole)
        wanted: dict[str, Any] = {"archived": archived, "query": query}
        assert len(Location.objects.first_visible(person, **wanted)) == len(whole)
        page = Location.objects.visible_page(person, size=size, **wanted)
        forwards, backwards = [page], []
        while page.next:
            page = Location.objects.visible_page(person, size=size, after=page.next, **wanted)
            forwards.append(page)
        backwards = [page]
        while page.previous:
            page = Location.objects.visible_page(person, size=size, before=page.previous, **wanted)
            backwards.insert(0, page)
        for pages in (forwards, backwards):
            assert [location for page in pages for location in page.locations] == whole
            assert all(len(page.locations) == size for page in pages[:-1])


def _write(
    rows: list[Row], people: list[User], organisations: list[Organisation], locations: list[Location]
) -> None:
    """The Access rows, as constraints allow them, and their projection."""
    taken, touched = set(), set()
    for row in rows:
        location = locations[row.location]
        party: Any = people[row.person or 0] if row.organisation is None else organisations[row.organisation]
        key = (location, party, row.reason, row.level)
        if not row.ended and key in taken:
            continue
        taken |= set() if row.ended else {key}
        Access.objects.create(
            location=location,
            level=row.level,
            reason=row.reason,
            ends_at=row.ends and in_days(row.ends),
            ended_at=in_days(0) if row.ended else None,
            **{"user" if isinstance(party, User) else "organisation": party},
        )
        touched.add((location, party))
    for location, party in touched:
        project(location, party)


def _plain(accesses: list[Access], person: User, mine: set[int], at_least: Level) -> set[Location]:
    """The same question, asked of the Access rows in plain Python."""
    now = in_days(0)
    return {
        access.location
        for access in accesses
        if access.ended_at is None
        and (access.ends_at is None or access.ends_at > now)
        and access.level >= at_least
        and (access.user_id == person.pk or access.organisation_id in mine)
    }


def test_two_ways_behind_one_permission_row_carry_the_latest_end(cast: Cast) -> None:
    """By e-mail until June, by code for good: what stays is the longer."""
    soon, later = in_days(5), in_days(9)

    def give(level: Level, reason: str, ends_at: Any) -> None:
        give_access(
            location=cast.site,
            party=cast.contractor,
            level=level,
            reason=Access.Reason(reason),
            by=cast.installer,
            ends_at=ends_at,
        )

    give(MANAGE, "email", soon)
    give(VIEW, "code", later)
    person = cast.contractor.pk
    mine = {row[2:] for row in projected(cast.site) if row[:2] == ("user", person)}
    assert mine == {("view_location", later), ("change_location", soon), ("manage_location", soon)}
    give(CONFIGURE, "organisation", None)
    mine = {row[2:] for row in projected(cast.site) if row[:2] == ("user", person)}
    assert mine == {("view_location", None), ("change_location", None), ("manage_location", soon)}

"""Literal query counts, the same for 1, 3 and 50 rows (quality.md, tests; habit 17)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from locations.grantees import Ways
from locations.levels import Level
from locations.models import Access, ChargePoint, Circuit, Location
from locations.permissions import level_of, levels_of
from locations.services import give_access
from organisations.services import create_organisation
from portal.activity.sentences import lines
from portal.models import Activity, Throttle
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.models import Invitation
from sharing.permissions import Viewer
from sharing.tab.entries import tab_of
from tests.cast import Cast, accept, invite, make_location, make_person, share

Counted = Callable[[int], Any]
ROWS = [1, 3, 50]


@pytest.fixture
def counted(django_assert_num_queries: Counted) -> Counted:
    return django_assert_num_queries


def make_sites(cast: Cast, rows: int) -> None:
    """As many locations that the contractor sees, by an organisation and personally in turn."""
    own = create_organisation(name="Own", by=cast.contractor)
    for number in range(rows):
        location = make_location(cast.installer, cast.firm, f"Site {number}")
        party = own if number % 2 else cast.contractor
        give_access(
            location=location, party=party, level=Level.VIEW, reason=Access.Reason.CODE, by=cast.installer
        )
        circuit = Circuit.objects.create(location=location, name="A", fuse=16)
        ChargePoint.objects.create(circuit=circuit, serial_number=str(number), model="m")


@pytest.mark.parametrize("rows", ROWS)
def test_a_page_of_locations_takes_one_query(cast: Cast, counted: Counted, rows: int) -> None:
    """The rows with their charge points; searching adds none, nor does a later page."""
    make_sites(cast, rows)
    with counted(1):
        page = Location.objects.visible_to(cast.contractor).with_charge_points().page_by_name()
        found = [(site.name, site.address, site.charge_points) for site in page.locations]
    assert len(found) == rows
    with counted(1):
        searched = Location.objects.found_by(cast.contractor, "site aarhus")
        page = searched.page_by_name(after="site 0~0", size=20)
    assert len(page.locations) == min(rows, 20)
    with counted(1):
        assert Location.objects.visible_to(cast.contractor).capped_count() == rows


@pytest.mark.parametrize("rows", ROWS)
def test_the_list_by_name_takes_three_queries(cast: Cast, counted: Counted, rows: int) -> None:
    """Organisations, keys, rows; searched or not."""
    make_sites(cast, rows)
    with counted(3):
        page = Location.objects.visible_page(cast.contractor)
        found = [(site.name, site.address) for site in page.locations]
    assert len(found) == rows
    with counted(3):
        Location.objects.visible_page(cast.contractor, after="site 0~0", size=20)
    with counted(3):
        page = Location.objects.visible_page(cast.contractor, query="site aarhus")
    assert len(page.locations) == rows
    with counted(2):
        assert len(Location.objects.first_visible(cast.contractor, query="site")) == rows
    with counted(0):
        Location.objects.visible_page(AnonymousUser())


@pytest.mark.parametrize("rows", ROWS)
def test_the_level_on_a_location_takes_one_query(cast: Cast, counted: Counted, rows: int) -> None:
    make_sites(cast, rows)
    location = Location.objects.filter(name__startswith="Site").first()
    with counted(1):
        assert level_of(cast.contractor, location) == Level.VIEW
    with counted(1):
        assert Location.objects.get_visible(cast.contractor, location.uuid).level == Level.VIEW


@pytest.mark.parametrize("rows", ROWS)
def test_the_levels_on_a_page_take_one_query(cast: Cast, counted: Counted, rows: int) -> None:
    """As many as it is asked about; by all ways, whether they are known beforehand or not."""
    make_sites(cast, rows)
    share(cast.site, cast.installer, cast.contractor, Level.CONFIGURE)
    locations = list(Location.objects.all())
    singly = {each.pk: level_of(cast.contractor, each) for each in locations}
    ways = Ways.of(cast.contractor)
    for known in (None, ways):
        with counted(1):
            levels = levels_of(cast.contractor, locations, known)
        assert levels == {pk: level for pk, level in singly.items() if level}
    assert levels[cast.site.pk] == Level.CONFIGURE and len(levels) == rows + 1
    with counted(0):
        assert levels_of(AnonymousUser(), locations) == {}


def fill_tab(cast: Cast, rows: int) -> None:
    """As many people and organisations with access, invitations, and entries of the record."""
    share(cast.site, cast.installer, cast.contractor)
    accept(
        invitations.share_with_organisation(
            location=cast.site, by=cast.installer, key=cast.operators.key, network="n", level=Level.VIEW
        ),
        cast.operator,
    )
    invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    for number in range(rows):
        Throttle.objects.all().delete()
        person = make_person(f"p{number}@test.example", f"P{number}")
        share(cast.site, cast.contractor, person, Level.CONFIGURE)
        invitations.share_with_person(
            location=cast.site, by=cast.contractor, email=f"new{number}@test.example", level=Level.VIEW
        )


@pytest.mark.parametrize("rows", ROWS)
def test_the_tab_takes_six_queries(cast: Cast, counted: Counted, rows: int) -> None:
    """Level, accesses with roles, members, invitations, the next Owner, delivery: however many entries."""
    fill_tab(cast, rows)
    with counted(6):
        tab = tab_of(Viewer.of(cast.installer, cast.site))
        shown = [(entry.name, str(entry.access.given_by)) for entry in tab.shared]
        waiting = [(each.name, str(each.invitation.invited_by)) for each in tab.waiting]
        members = [str(member.user) for own in tab.own for member in own.members]
    assert (len(shown), len(waiting), members) == (rows + 2, rows + 1, ["Colleague", "Installer"])
    with counted(5):
        tab = tab_of(Viewer.of(cast.contractor, cast.site))
        assert [entry.name for entry in tab.shared if entry.is_you] == ["Contractor"]
    viewer = make_person("viewer@test.example")
    share(cast.site, cast.installer, viewer, Level.VIEW)
    with counted(5):
        tab = tab_of(Viewer.of(viewer, cast.site))
    assert (len(tab.waiting), len(tab.shared), bool(tab.installer)) == (rows + 1, rows + 3, True)
    assert not any(one.may_renew or one.may_withdraw for one in tab.waiting)


@pytest.mark.parametrize("rows", ROWS)
def test_the_lines_of_the_record_take_two_queries(cast: Cast, counted: Counted, rows: int) -> None:
    """The entries, and who has deleted their account since."""
    fill_tab(cast, rows)
    with counted(2):
        entries = Activity.objects.filter(location_id=cast.site.pk).order_by("-at", "-pk")[:rows]
        assert len(lines(entries, may_see_addresses=True)) == rows


@pytest.mark.parametrize("rows", ROWS)
def test_what_waits_for_somebody_takes_one_query(cast: Cast, counted: Counted, rows: int) -> None:
    for number in range(rows):
        Throttle.objects.all().delete()
        invite(make_location(cast.installer, cast.firm, f"Site {number}"), cast.installer, cast.operator)
    with counted(1):
        found = [
            (str(each.location), str(each.invited_by), str(each.organisation))
            for each in Invitation.objects.waiting_for(cast.operator)
        ]
    assert len(found) == rows


def statements(act: Callable[[], Any]) -> int:
    """How many statements it takes, savepoints and the like left out."""
    with CaptureQueriesContext(connection) as captured:
        act()
    return sum(
        not query["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))
        for query in captured.captured_queries
    )


# Of these three or four ask what waits for the same people and is settled by it.
ACCEPT = {"person": 18, "organisation": 18, "code": 16}


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("kind", ACCEPT)
def test_accepting_takes_as_many_statements_whatever_there_is(cast: Cast, kind: str, rows: int) -> None:
    fill_tab(cast, rows)
    invitations.withdraw(
        invitation=Invitation.objects.live_code_of(cast.site),
        by=cast.installer,  # type: ignore[arg-type]
    )
    by = cast.stranger
    if kind == "person":
        invitation = invite(cast.site, cast.installer, by)
    elif kind == "organisation":
        invitation = invitations.share_with_organisation(
            location=cast.site, by=cast.installer, key=cast.elsewhere.key, network="n", level=Level.VIEW
        )
    else:
        invitation, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    invitation = Invitation.objects.with_all().get(pk=invitation.pk)
    assert ACCEPT[kind] == statements(
        lambda: invitations_accepting.accept(invitation=invitation, by=by, nonce=invitation.nonce)
    )


@pytest.mark.parametrize("rows", ROWS)
def test_a_viewer_takes_two_queries(cast: Cast, counted: Counted, rows: int) -> None:
    fill_tab(cast, rows)
    with counted(2):
        viewer = Viewer.of(cast.contractor, cast.site)
        assert sum(viewer.may_end(access) for access in viewer.live) == rows + 1

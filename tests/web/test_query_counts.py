"""Literal query counts of whole pages, the same for 1, 3 and 50 rows (figures: "query counts")."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from locations.levels import Level
from locations.models import ChargePoint, Circuit
from organisations.inviting import invite as invite_members
from organisations.services import add_member, create_organisation
from portal.activity.record import record
from portal.models import Throttle
from portal.verbs import Verb
from sharing.invitations import services as invitations
from sharing.requests import services as requests
from sharing.transfers import services as transfers
from tests.cast import MEMBER, Cast, make_location, make_person, share
from tests.pages import signed_in

pytestmark = pytest.mark.pages

ROWS = [1, 3, 50]
Counter = Callable[..., Any]


def count(counter: Counter, cast: Cast, user: str, url: str, expected: int, rows: int, row: str) -> None:
    """Fetch the page twice: the first visit also warms what is kept per process."""
    client = signed_in(getattr(cast, user))
    client.get(url)
    with counter(expected):
        content = client.get(url).getvalue().decode()
    # Not an empty page that is cheap: the rows are there.
    assert content.count(row) >= rows


@pytest.mark.parametrize("rows", ROWS)
def test_locations_list(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """Session, person, how much waits, organisations, keys (which are counted, too), rows."""
    for number in range(rows - 1):
        location = make_location(cast.installer, cast.firm, f"Havnevej {number}")
        circuit = Circuit.objects.create(location=location, name="A", fuse=16)
        ChargePoint.objects.create(circuit=circuit, serial_number=f"S{number}", model="M")
    url = reverse("locations:list")
    count(django_assert_num_queries, cast, "installer", url, 6, rows, "row-link")
    # By which of two organisations each is there costs one more, and so do the keys of a later page.
    create_organisation(name="Anden El", by=cast.installer)
    for address, queries in ((url, 7), (f"{url}?by={cast.firm.uuid}", 7), (f"{url}?after=a~1", 8)):
        count(django_assert_num_queries, cast, "installer", address, queries, rows, "row-link")


@pytest.mark.parametrize("rows", ROWS)
def test_permissions_tab(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """People, organisations, waiting invitations, requests and members: no entry costs a query of its own."""
    for number in range(rows):
        person = make_person(f"p{number}@test.example", f"P{number}")
        share(cast.site, cast.installer, person, Level.VIEW)
        member = make_person(f"m{number}@test.example", f"M{number}")
        add_member(organisation=cast.firm, user=member, role=MEMBER, by=cast.installer)
        inviter = make_person(f"i{number}@test.example", f"I{number}")
        share(cast.site, cast.installer, inviter, Level.MANAGE)
        invitations.share_with_person(
            location=cast.site, by=inviter, email=f"w{number}@test.example", level=Level.VIEW
        )
        Throttle.objects.all().delete()
    url = reverse("sharing:permissions", args=[cast.site.uuid])
    count(django_assert_num_queries, cast, "installer", url, 10, rows * 3, 'class="row-main"')
    # Somebody invited to become Owner costs nothing.
    transfers.start(location=cast.site, by=cast.installer, email=cast.contractor.email)
    count(django_assert_num_queries, cast, "installer", url, 10, rows * 3 + 1, 'class="row-main"')


@pytest.mark.parametrize("rows", [1, 3, 20])
def test_entry(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """An organisation's people in one query, however many; other entries cost nothing."""
    for number in range(rows):
        member = make_person(f"m{number}@test.example", f"M{number}")
        add_member(organisation=cast.firm, user=member, role=MEMBER, by=cast.installer)
        share(cast.site, cast.installer, make_person(f"p{number}@test.example", f"P{number}"), Level.VIEW)
    access = cast.site.accesses.get(reason="installed")
    url = reverse("sharing:entry", args=[cast.site.uuid, access.uuid])
    count(django_assert_num_queries, cast, "installer", url, 7, rows, 'class="row-main"')


@pytest.mark.parametrize("rows", ROWS)
def test_activity(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """The record carries its names, so a line costs nothing."""
    for _ in range(rows):
        record(Verb.LOCATION_CHANGED, by=cast.installer, location=cast.site, changes={"name": ["a", "b"]})
    url = reverse("locations:activity", args=[cast.site.uuid])
    count(django_assert_num_queries, cast, "installer", url, 6, rows, 'class="row-main"')
    # All of them as a file cost no more than a page.
    url = reverse("locations:activity_csv", args=[cast.site.uuid])
    count(django_assert_num_queries, cast, "installer", url, 5, rows, "changed the location")


@pytest.mark.parametrize("rows", ROWS)
def test_organisation(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """Members in one query, those invited in one, what keeps their mail in one, who asks to be in another."""
    for number in range(rows):
        person = make_person(f"m{number}@test.example", f"M{number}")
        add_member(organisation=cast.firm, user=person, role=MEMBER, by=cast.installer)
        invite_members(
            organisation=cast.firm, by=cast.installer, addresses=[f"w{number}@test.example"], role=MEMBER
        )
        Throttle.objects.all().delete()
    url = reverse("organisations:detail", args=[cast.firm.uuid])
    count(django_assert_num_queries, cast, "installer", url, 10, rows * 2, 'class="row-main"')


@pytest.mark.parametrize("rows", [1, 3, 6])
def test_add_page(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """How much waits, and what: one query for each kind (the page shows twenty)."""
    for number in range(rows):
        made = create_organisation(name=f"Firm {number}", by=cast.installer)
        invite_members(organisation=made, by=cast.installer, addresses=[cast.customer.email], role=MEMBER)
        location = make_location(cast.installer, cast.firm, f"Havnevej {number}")
        invitations.share_with_person(
            location=location, by=cast.installer, email=cast.customer.email, level=Level.VIEW
        )
        transfers.start(location=location, by=cast.installer, email=cast.customer.email)
        Throttle.objects.all().delete()
    count(django_assert_num_queries, cast, "customer", reverse("sharing:add"), 6, rows * 3, "row-link")


@pytest.mark.parametrize("rows", ROWS)
def test_overview(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """Charge points with their circuits in one query; by which ways the location is there in another."""
    circuit = Circuit.objects.create(location=cast.site, name="A", fuse=16)
    for number in range(rows):
        ChargePoint.objects.create(circuit=circuit, serial_number=f"S{number}", model="M", pin="1234")
    url = reverse("locations:detail", args=[cast.site.uuid])
    count(django_assert_num_queries, cast, "installer", url, 7, rows, '<th scope="row">')


@pytest.mark.parametrize("organisations", [0, 1, 3])
def test_invitation_page(cast: Cast, django_assert_num_queries: Counter, organisations: int) -> None:
    """What somebody sees who was sent an invitation; more organisations cost no more."""
    for number in range(organisations):
        create_organisation(name=f"O{number}", by=cast.customer)
    invitation = invitations.share_with_person(
        location=cast.site, by=cast.installer, email=cast.customer.email, level=Level.VIEW
    )
    url = reverse("sharing:invitation", args=[invitation.uuid])
    count(django_assert_num_queries, cast, "customer", url, 10, 1, "Havnevej")


@pytest.mark.parametrize("rows", ROWS)
def test_transfer_pages(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """What changes for whom, and who has access now: no party costs a query of its own."""
    for number in range(rows):
        share(cast.site, cast.installer, make_person(f"p{number}@test.example", f"P{number}"), Level.VIEW)
        Throttle.objects.all().delete()
    url = reverse("sharing:transfer", args=[cast.site.uuid])
    count(django_assert_num_queries, cast, "installer", url, 5, 1, "Everybody else keeps")
    found = transfers.start(location=cast.site, by=cast.installer, email=cast.customer.email)
    url = reverse("sharing:invitation", args=[found.uuid])
    count(django_assert_num_queries, cast, "customer", url, 10, rows, "by e-mail invitation")


@pytest.mark.parametrize("rows", [1, 3, 20])
def test_organisation_activity(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """One query for who has deleted their account since, not one per line."""
    for _ in range(rows):
        record(Verb.JOIN_ASKED, by=cast.customer, organisation=cast.firm, party_address="x@test.example")
    url = reverse("organisations:activity", args=[cast.firm.uuid])
    count(django_assert_num_queries, cast, "installer", url, 6, rows, 'class="row-main"')


@pytest.mark.parametrize("rows", ROWS)
def test_delete_account(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """What stands in the way, in one query per kind."""
    for number in range(rows):
        make_location(cast.contractor, None, f"Havnevej {number}")
    count(django_assert_num_queries, cast, "contractor", reverse("delete_account"), 6, rows, "row-link")


@pytest.mark.parametrize("rows", [1, 3, 20])
def test_support_finds(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """Session, person, two of the admin itself, people, organisations, locations: a line costs no more."""
    for number in range(rows):
        create_organisation(name=f"Findes {number}", by=cast.customer)
    client = signed_in(cast.support)
    with django_assert_num_queries(7):
        page = client.post(reverse("support_find"), {"text": "Findes"})
    assert page.content.decode().count('<th scope="row">') == rows


@pytest.mark.parametrize("rows", [1, 3, 10])
def test_invitations(cast: Cast, django_assert_num_queries: Counter, rows: int) -> None:
    """What waits, who asks, what was sent and how its mail fares, of each kind; what was asked for."""
    for number in range(rows):
        made = create_organisation(name=f"Firm {number}", by=cast.installer)
        invite_members(organisation=made, by=cast.installer, addresses=[cast.customer.email], role=MEMBER)
        location = make_location(cast.customer, None, f"Havnevej {number}")
        sent = invitations.share_with_person(
            location=location, by=cast.customer, email="x@test.example", level=Level.VIEW
        )
        requests.ask_for_approval(invitation=sent, by=cast.stranger)
        requests.ask_for_access(number=900 + number, by=cast.customer, sentence="x", network=str(number))
        Throttle.objects.all().delete()
    url = reverse("sharing:invitations")
    count(django_assert_num_queries, cast, "customer", url, 8, rows * 4, 'class="row-main"')

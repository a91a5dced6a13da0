"""Archiving and restoring: whose it is, who is named and told, and the pages (product rule 2)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from locations.archiving import may_archive, those_who_lose
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import level_of
from locations.services import archive_location, give_access, restore_location
from organisations.services import end_membership
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, User
from portal.verbs import Verb
from sharing.access import removing
from tests.cast import Cast, accept, invite_operators, make_location, make_owner, make_person, share
from tests.organisations.tools import membership
from tests.pages import letter, main_of, said, signed_in, text_of
from tests.tools import mails, refused, send_all

VIEW, CONFIGURE, MANAGE = Level
ONLY_THOSE = "Only the Owner of a location and whoever installed it"


def address(location: Location, verb: str = "archive") -> str:
    return reverse(f"locations:{verb}", args=[location.uuid])


def besides(location: Location, user: User) -> None:
    """Manage for the person, who has it through an organisation as well."""
    give_access(location=location, party=user, level=MANAGE, reason=Access.Reason.EMAIL, by=None)


@pytest.fixture
def shared(cast: Cast) -> Location:
    """Of the firm and the customer; with Manage in the hands of a contractor and of Nordlys."""
    make_owner(cast.site, cast.customer, cast.installer)
    share(cast.site, cast.installer, cast.contractor)
    accept(invite_operators(cast), cast.operator)
    share(cast.site, cast.installer, make_person("viewer@test.example", "Vera"), VIEW)
    OutgoingEmail.objects.all().delete()
    return cast.site


def test_it_is_the_owners_and_the_installing_partys_alone(cast: Cast, shared: Location) -> None:
    """With Manage, however it was given, one shares and leaves; nobody's location is taken from everybody."""
    for by in (cast.customer, cast.installer, cast.colleague):
        assert archive_location(location=shared, by=by).archived_at
        assert restore_location(location=shared, by=by).archived_at is None
    for by in (cast.contractor, cast.operator, cast.operator2):
        with refused(ONLY_THOSE):
            archive_location(location=shared, by=by)
    archive_location(location=shared, by=cast.customer)
    for by in (cast.contractor, cast.operator, cast.operator2):
        with refused(ONLY_THOSE):
            restore_location(location=shared, by=by)
    for by in (User.objects.get(email="viewer@test.example"), cast.stranger, cast.support):
        with refused("no longer have the right"):
            restore_location(location=shared, by=by)


def test_what_made_it_theirs_counts_as_long_as_it_holds(cast: Cast, shared: Location) -> None:
    """A share that stays is none; who leaves the installing organisation, or has its access ended, is out."""
    besides(shared, cast.colleague)
    end_membership(membership=membership(cast.colleague, cast.firm), by=cast.colleague)
    assert level_of(cast.colleague, shared) == MANAGE
    assert not may_archive(cast.colleague, shared, MANAGE)
    besides(shared, cast.installer)
    installed = shared.accesses.get(reason="installed")
    removing.remove_access(access=installed, by=cast.customer, also_given_on=False)
    assert level_of(cast.installer, shared) == MANAGE
    with refused(ONLY_THOSE):
        archive_location(location=shared, by=cast.installer)
    User.objects.filter(pk=cast.customer.pk).update(is_active=False)
    cast.customer.refresh_from_db()
    with refused("no longer have the right"):
        archive_location(location=shared, by=cast.customer)


def test_everybody_who_loses_it_is_named_once(cast: Cast, shared: Location) -> None:
    make_owner(make_location(cast.installer, None, "Another"), cast.stranger, cast.installer)
    besides(shared, cast.operator)
    names = ["Contractor", "Customer", "Nordlys", "Operator", "Strøm & Søn", "Vera"]
    assert [str(party) for party in those_who_lose(shared, cast.installer)] == names
    assert [str(party) for party in those_who_lose(shared, cast.customer)] == [
        name for name in names if name != "Customer"
    ]


def test_everybody_who_loses_it_is_told_once_and_that_it_is_back(cast: Cast, shared: Location) -> None:
    """People, and of organisations the Administrators; not who did it, nor who cannot sign in."""
    besides(shared, cast.operator)
    share(shared, cast.contractor, make_person("gone@test.example", "Gone"), VIEW)
    User.objects.filter(email="gone@test.example").update(is_active=False)
    OutgoingEmail.objects.all().delete()
    readers = ["contractor", "installer", "operator2", "operator", "viewer"]
    archive_location(location=shared, by=cast.customer)
    assert mails() == [("location-archived", f"{name}@test.example") for name in readers]
    send_all()
    archive_location(location=shared, by=cast.customer)
    restore_location(location=shared, by=cast.customer)
    restore_location(location=shared, by=cast.customer)
    assert mails("location-restored") == [("location-restored", f"{name}@test.example") for name in readers]
    send_all()
    assert set(OutgoingEmail.objects.values_list("status", flat=True)) == {OutgoingEmail.Status.SENT}
    # Another time is another e-mail.
    archive_location(location=shared, by=cast.customer)
    assert len(mails("location-archived")) == 2 * len(readers)


def test_what_the_emails_say(cast: Cast, shared: Location) -> None:
    archive_location(location=shared, by=cast.customer)
    text = letter(kind="location-archived", recipient=cast.operator)
    assert "Havnevej 2 has been archived" in text and "Customer has archived the location" in text
    assert "under Archived locations" in text and "ask Customer" in text
    restore_location(location=shared, by=cast.installer)
    text = letter(kind="location-restored", recipient=cast.operator)
    assert "Havnevej 2 is in use again" in text and "Installer has restored the location" in text
    User.objects.filter(pk=cast.contractor.pk).update(language="da")
    archive_location(location=shared, by=cast.customer)
    assert OutgoingEmail.objects.filter(recipient=cast.contractor).latest("created_at").language == "da"


def test_nothing_is_said_of_what_is_over_or_no_longer_theirs(cast: Cast, shared: Location) -> None:
    """Undone before anybody was told, nobody is; and who has no access left does not hear of it."""
    archive_location(location=shared, by=cast.customer)
    restore_location(location=shared, by=cast.customer)
    send_all()
    assert set(OutgoingEmail.objects.values_list("status", flat=True)) == {OutgoingEmail.Status.OBSOLETE}
    archive_location(location=shared, by=cast.customer)
    access = shared.accesses.get(user=cast.contractor)
    removing.remove_access(access=access, by=cast.customer, also_given_on=False)
    row = OutgoingEmail.objects.filter(kind="location-archived", recipient=cast.contractor).latest(
        "created_at"
    )
    assert outbox.render(row) is None


def test_more_parties_cost_no_more_statements(cast: Cast, shared: Location) -> None:
    client = signed_in(cast.installer)

    def cost() -> list[int]:
        counts = []
        for method, verb in (("get", "archive"), ("post", "archive"), ("post", "restore")):
            with CaptureQueriesContext(connection) as queries:
                getattr(client, method)(address(shared, verb))
            counts.append(len(queries))
        return counts

    cost()
    few = cost()
    for number in range(12):
        share(shared, cast.installer, make_person(f"p{number}@test.example"), VIEW)
    assert cost() == few


# --- The pages ----------------------------------------------------------------------------------


@pytest.mark.pages
def test_it_is_asked_first_and_can_be_undone(cast: Cast, shared: Location) -> None:
    client = signed_in(cast.installer)
    settings = reverse("locations:settings", args=[shared.uuid])
    assert f'href="{address(shared)}" data-dialog' in main_of(client.get(settings))
    asked = client.get(address(shared))
    for text in ("Archive Havnevej 2?", "Contractor", "Nordlys", "Customer", "Everything in it is kept"):
        assert text in text_of(asked)
    assert "can restore it at any time" in text_of(asked)
    sheet = client.get(address(shared), headers={"HX-Request": "true"})
    assert sheet.content.decode().lstrip().startswith("<form") and "Nordlys" in sheet.content.decode()
    shared.refresh_from_db()
    assert shared.archived_at is None
    done = client.post(address(shared), follow=True)
    assert "was archived" in said(done) and f'action="{address(shared, "restore")}"' in main_of(done)
    # The question is over; opening it again, or the address of the button, leads to where it stands.
    for verb in ("archive", "restore"):
        assert client.get(address(shared, verb)).headers["Location"] == settings
    assert "in use again" in said(client.post(address(shared, "restore"), follow=True))
    verbs = Activity.objects.filter(verb__in=[Verb.LOCATION_ARCHIVED, Verb.LOCATION_RESTORED])
    assert verbs.count() == 2


@pytest.mark.pages
def test_of_many_the_first_are_named_and_the_rest_is_folded(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locations.views.NAMED_FOLDED", 12)
    for number in range(13):
        share(cast.site, cast.installer, make_person(f"p{number}@test.example", f"Person {number:02}"), VIEW)
    html = main_of(signed_in(cast.installer).get(address(cast.site)))
    before, _, folded = html.partition("<summary>")
    assert "Person 09" in before and "Person 10" not in before
    assert folded.startswith("4 more") and "Person 11" in folded and "And 2 more." in folded


@pytest.mark.pages
def test_somebody_alone_reads_so(cast: Cast) -> None:
    own = make_location(cast.contractor, None, "Own")
    assert "Nobody else has access" in text_of(signed_in(cast.contractor).get(address(own)))


@pytest.mark.pages
def test_a_recipient_with_manage_gets_no_button_and_is_refused(cast: Cast, shared: Location) -> None:
    settings = reverse("locations:settings", args=[shared.uuid])
    for user in (cast.contractor, cast.operator2):
        client = signed_in(user)
        assert "/archive/" not in main_of(client.get(settings))
        for method in (client.get, client.post):
            assert method(address(shared)).status_code == 403
    archive_location(location=shared, by=cast.customer)
    page = signed_in(cast.contractor).get(settings)
    assert "/restore/" not in main_of(page) and "whoever installed it can restore it" in text_of(page)
    assert signed_in(cast.contractor).post(address(shared, "restore")).status_code == 403
    shared.refresh_from_db()
    assert shared.archived_at

"""Deleting an organisation, and handing over what nobody else manages (product rules 1 to 3)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from locations import handover
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from locations.services import archive_location, create_location, give_access
from organisations import closing, joining, services
from organisations.models import Organisation
from portal.models import Activity, User
from portal.verbs import Verb
from sharing.access import removing
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.models import Invitation
from sharing.permissions import Viewer
from tests.cast import (
    ADMINISTRATOR,
    MEMBER,
    Cast,
    accept,
    invite,
    make_location,
    make_owner,
    make_person,
    share,
)
from tests.organisations.tools import (
    assert_sound,
    forget_throttles,
    last_entry,
    mails_to,
    membership,
    seen,
    verbs,
)
from tests.tools import mails, refused

VIEW, CONFIGURE, MANAGE = Level
LEFT = "There are locations that nobody else manages"
INSTALLED = Access.Reason.INSTALLED


def close(cast: Cast, name: str = "Strøm & Søn", by: User | None = None) -> None:
    closing.close_organisation(organisation=cast.firm, by=by or cast.installer, name=name)


def left(organisation: Organisation) -> set[str]:
    return set(Location.objects.managed_by_nobody_but(organisation).values_list("name", flat=True))


def give(cast: Cast, to: Party, **terms: Any) -> Access:
    """Manage on the site by another way than the firm's."""
    return give_access(
        location=cast.site,
        party=to,
        by=cast.installer,
        **{"level": MANAGE, "reason": Access.Reason.EMAIL} | terms,
    )


def installing(location: Location) -> Party:
    return Access.objects.live().get(location=location, reason=INSTALLED).party


@pytest.fixture
def shared(cast: Cast) -> Cast:
    """The firm's only location is managed by the contractor too."""
    share(cast.site, cast.installer, cast.contractor)
    return cast


# --- What must be handed over first -------------------------------------------------------------


def test_what_nobody_else_manages_is_in_the_way(cast: Cast) -> None:
    """The stranger's location, and those the firm was given, are not."""
    make_location(cast.installer, cast.firm, "Second")
    make_location(cast.installer, None, "My own")
    given = make_location(cast.operator, cast.operators, "Given")
    give_access(
        location=given,
        party=cast.firm,
        level=MANAGE,
        reason=Access.Reason.ORGANISATION,
        by=cast.operator,
    )
    assert left(cast.firm) == {"Havnevej 2", "Second"}
    with refused(LEFT):
        close(cast)


@pytest.mark.parametrize(
    ("terms", "counts"),
    [
        ({}, True),
        ({"level": CONFIGURE}, False),
        ({"ends_at": timezone.now() + timedelta(days=300)}, False),
        ({"reason": Access.Reason.OWNER}, True),
    ],
)
def test_only_manage_without_an_end_keeps_a_location(cast: Cast, terms: Any, counts: bool) -> None:
    give(cast, cast.contractor, **terms)
    assert (left(cast.firm) == set()) is counts


def test_somebody_who_cannot_sign_in_manages_nothing(cast: Cast) -> None:
    give(cast, cast.contractor)
    User.objects.filter(pk=cast.contractor.pk).update(is_active=False)
    assert left(cast.firm) == {"Havnevej 2"}
    give(cast, cast.operators, reason=Access.Reason.ORGANISATION)
    assert left(cast.firm) == set()
    User.objects.filter(memberships__organisation=cast.operators).update(is_active=False)
    assert left(cast.firm) == {"Havnevej 2"}


def test_what_was_taken_back_counts_no_more(shared: Cast) -> None:
    theirs = Access.objects.get(user=shared.contractor)
    removing.remove_access(access=theirs, by=shared.installer)
    assert left(shared.firm) == {"Havnevej 2"}


def test_an_archived_location_counts_too(cast: Cast) -> None:
    """Its history must stay somebody's."""
    archive_location(location=cast.site, by=cast.installer)
    assert left(cast.firm) == {"Havnevej 2"}


# --- Handing over -------------------------------------------------------------------------------


def test_all_of_it_goes_to_one_other(cast: Cast) -> None:
    """Archived ones as well; what others manage stays where it is, and the rest is told on the record."""
    services.add_member(
        organisation=cast.operators, user=cast.installer, role=ADMINISTRATOR, by=cast.operator
    )
    archived = make_location(cast.installer, cast.firm, "Archived")
    archive_location(location=archived, by=cast.installer)
    kept = make_location(cast.installer, cast.firm, "Kept")
    share(kept, cast.installer, cast.contractor)
    viewer = share(cast.site, cast.installer, cast.customer, VIEW)
    assert handover.hand_over(organisation=cast.firm, to=cast.operators, by=cast.installer) == 2
    assert [installing(each) for each in (cast.site, archived, kept)] == [
        cast.operators,
        cast.operators,
        cast.firm,
    ]
    assert seen(cast.colleague) == {kept}
    assert seen(cast.operator2) == {cast.site, archived}
    assert viewer in Viewer.of(cast.operator2, cast.site).live
    assert Viewer.of(cast.operator2, cast.site).may_end(viewer)
    entries = Activity.objects.filter(location_id=cast.site.pk).order_by("-pk")[:2]
    assert [(entry.verb, entry.party_name) for entry in entries] == [
        (Verb.ACCESS_GIVEN, "Nordlys"),
        (Verb.ACCESS_LEFT, "Strøm & Søn"),
    ]
    assert last_entry(cast.operators).verb == Verb.ACCESS_GIVEN
    assert left(cast.firm) == set()
    close(cast)
    assert seen(cast.operator2) == {cast.site, archived}


def test_to_oneself(cast: Cast) -> None:
    assert handover.hand_over(organisation=cast.firm, to=cast.installer, by=cast.installer) == 1
    assert installing(cast.site) == cast.installer
    assert (seen(cast.installer), seen(cast.colleague)) == ({cast.site}, set())


def test_many_at_once_and_not_one_by_one(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same statements for 3 and for 40; in batches, none is lost."""
    costs = []
    for count in (2, 39):
        for number in range(count):
            make_location(cast.installer, cast.firm, f"L{count}-{number}")
        with CaptureQueriesContext(connection) as queries:
            handover.hand_over(organisation=cast.firm, to=cast.installer, by=cast.installer)
        costs.append(len(queries))
    assert costs[0] == costs[1]
    for number in range(5):
        make_location(cast.installer, cast.firm, f"B{number}")
    monkeypatch.setattr(handover, "BATCH", 2)
    assert handover.hand_over(organisation=cast.firm, to=cast.installer, by=cast.installer) == 5
    assert len(seen(cast.installer)) == 47
    assert left(cast.firm) == set()


def test_only_to_oneself_or_where_one_is_administrator(cast: Cast) -> None:
    services.add_member(organisation=cast.operators, user=cast.installer, role=MEMBER, by=cast.operator)
    for to in (cast.operators, cast.elsewhere, cast.colleague, cast.firm):
        with refused("Choose yourself or another organisation", field="to"):
            handover.hand_over(organisation=cast.firm, to=to, by=cast.installer)
    with refused("Only an Administrator"):
        handover.hand_over(organisation=cast.firm, to=cast.colleague, by=cast.colleague)


def test_what_its_people_had_open_there_is_withdrawn(cast: Cast) -> None:
    """They may no longer share it, and they know its code."""
    services.add_member(
        organisation=cast.operators, user=cast.installer, role=ADMINISTRATOR, by=cast.operator
    )
    theirs = invite(cast.site, cast.colleague, cast.customer)
    mine = invite(cast.site, cast.installer, cast.contractor)
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    elsewhere = invite(make_location(cast.colleague, None, "Own"), cast.colleague, cast.customer)
    handover.hand_over(organisation=cast.firm, to=cast.operators, by=cast.installer)
    states = {row.pk: row.state for row in Invitation.objects.all()}
    assert states == {
        theirs.pk: "withdrawn",
        mine.pk: "pending",
        code.pk: "withdrawn",
        elsewhere.pk: "pending",
    }


# --- Deleting -----------------------------------------------------------------------------------


def test_everything_ends_with_it(shared: Cast) -> None:
    cast = shared
    joining.ask_to_join(organisation=cast.firm, by=cast.stranger, sentence="")
    invitations.share_with_organisation(
        location=cast.bait, by=cast.stranger, key=cast.firm.key, network="n", level=MANAGE
    )
    given = make_location(cast.operator, cast.operators, "Given")
    give_access(location=given, party=cast.firm, level=VIEW, reason=Access.Reason.CODE, by=cast.operator)
    mine = invite(cast.site, cast.colleague, cast.customer)
    key = cast.firm.key
    User.objects.filter(pk=cast.colleague.pk).update(language="da")
    forget_throttles()
    close(cast, " strøm &  SØN ")
    assert_sound()
    assert (seen(cast.installer), seen(cast.colleague)) == (set(), set())
    assert cast.firm.join_requests.get().state == "refused"
    assert Invitation.objects.get(organisation=cast.firm).state == "withdrawn"
    assert Invitation.objects.get(pk=mine.pk).state == "withdrawn"
    with refused("No organisation has this key"):
        services.find_by_key(key=key, by=cast.stranger, network="n")
    assert mails_to("organisation-closed") == {
        ("installer@test.example", "en-gb"),
        ("colleague@test.example", "da"),
    }
    assert mails_to("join-refused") == {("stranger@test.example", "en-gb")}
    assert verbs(cast.firm)[-1] == Verb.ORGANISATION_CLOSED
    for role in (ADMINISTRATOR, MEMBER):
        assert role not in Organisation.objects.get(pk=cast.firm.pk).memberships.values_list(
            "role", flat=True
        )
    again = services.create_organisation(name=cast.firm.name, by=cast.colleague)
    assert again.pk != cast.firm.pk


def test_its_place_goes_to_who_managed_longest(cast: Cast) -> None:
    """What was shared on stays, and somebody must be there who cannot simply leave."""
    for number, user in enumerate((cast.customer, cast.contractor, cast.operator)):
        access = share(cast.site, cast.installer, user, VIEW if user == cast.customer else MANAGE)
        since = timezone.now() - timedelta(days=30 - number)
        Access.objects.filter(pk=access.pk).update(since=since)
    close(cast)
    assert installing(cast.site) == cast.contractor
    assert all(cast.site in seen(user) for user in (cast.customer, cast.contractor, cast.operator))
    viewer = Viewer.of(cast.contractor, cast.site)
    assert not viewer.may_end(Access.objects.live().get(reason=INSTALLED, user=cast.contractor))
    assert not Viewer.of(cast.operator, cast.site).may_end(
        Access.objects.live().get(reason=INSTALLED, user=cast.contractor)
    )


def test_an_owner_needs_nobody_beside_them(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor)
    make_owner(cast.site, cast.customer, by=cast.installer)
    close(cast)
    assert not Access.objects.live().filter(location=cast.site, reason=INSTALLED).exists()
    assert seen(cast.customer) == {cast.site}


def test_a_code_its_people_know_ends(shared: Cast) -> None:
    """Who is put out cannot come back by it."""
    code, _ = invitations_codes.create_code(location=shared.site, by=shared.contractor, level=VIEW)
    close(shared)
    code.refresh_from_db()
    assert code.state == "withdrawn"


def test_who_may_not_and_who_mistypes(shared: Cast) -> None:
    with refused("Only an Administrator"):
        close(shared, by=shared.colleague)
    with refused("Only an Administrator"):
        close(shared, by=shared.stranger)
    with refused("Type the name as it stands here: Strøm & Søn", field="name"):
        close(shared, "Strøm")


def test_nothing_begins_there_any_more(shared: Cast) -> None:
    cast = shared
    asked = joining.ask_to_join(organisation=cast.firm, by=cast.stranger, sentence="")
    place = membership(cast.colleague, cast.firm)
    sent = invitations.share_with_organisation(
        location=cast.bait, by=cast.stranger, key=cast.firm.key, network="n", level=VIEW
    )
    forget_throttles()
    close(cast)
    gone = "This organisation has been deleted"
    for act in (
        lambda: close(cast),
        lambda: services.add_member(
            organisation=cast.firm, user=cast.customer, role=MEMBER, by=cast.installer
        ),
        lambda: services.end_membership(membership=place, by=cast.colleague),
        lambda: joining.ask_to_join(organisation=cast.firm, by=cast.customer, sentence=""),
        lambda: joining.approve(request=asked, by=cast.installer, role=MEMBER),
        lambda: make_location(cast.installer, cast.firm, "New"),
        lambda: invitations.renew(invitation=sent, by=cast.stranger),
        lambda: handover.hand_over(organisation=cast.firm, to=cast.installer, by=cast.installer),
    ):
        with refused(gone):
            act()


def test_a_request_is_told_why(shared: Cast) -> None:
    from portal.mail import outbox
    from portal.models import OutgoingEmail

    joining.ask_to_join(organisation=shared.firm, by=shared.stranger, sentence="")
    close(shared)
    message = outbox.render(OutgoingEmail.objects.get(kind="join-refused"))
    assert message
    assert "nobody can join it any more" in message.body


# --- The page -----------------------------------------------------------------------------------


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(organisation: Organisation) -> str:
    return reverse("sharing:delete_organisation", args=[organisation.uuid])


def test_the_page_leads_from_the_list_to_the_end(cast: Cast) -> None:
    """Settings, what is left and who takes it, the name, and it is gone from everywhere."""
    client = sign_in(cast.installer)
    settings = client.get(reverse("organisations:settings", args=[cast.firm.uuid])).content.decode()
    assert url(cast.firm) in settings
    page = client.get(url(cast.firm)).content.decode()
    assert "Nobody else manages 1 of its locations." in page
    assert reverse("sharing:invite", args=[cast.site.uuid]) in page
    assert "2 memberships" in page
    for wrong, error in (
        ("", "Type the name of the organisation to delete it"),
        ("x", "Type the name as it"),
    ):
        answer = client.post(url(cast.firm), {"name": wrong})
        assert (answer.status_code, error in answer.content.decode()) == (422, True)
        # Nothing is handed over by the way: the others would lose it without being told.
        assert installing(cast.site) == cast.firm
    answer = client.post(url(cast.firm), {"name": "Strøm & Søn"}, follow=True)
    assert "Strøm &amp; Søn was deleted." in answer.content.decode()
    assert installing(cast.site) == cast.installer
    assert ("organisation-closed", cast.colleague.email) in mails()
    for name in ("organisations:detail", "organisations:settings", "organisations:activity"):
        assert client.get(reverse(name, args=[cast.firm.uuid])).status_code == 404
    for address in (
        "/organisations/",
        "/locations/new/",
        reverse("sharing:permissions", args=[cast.site.uuid]),
    ):
        assert cast.firm.name not in client.get(address).content.decode().replace("&amp;", "&")


def test_nothing_is_taken_by_a_party_that_is_not_ones_own(cast: Cast) -> None:
    client = sign_in(cast.installer)
    for to in (cast.elsewhere.uuid, cast.firm.uuid):
        answer = client.post(url(cast.firm), {"to": str(to), "name": "Strøm & Søn"})
        assert answer.status_code == 422
        assert "Choose yourself or another organisation" in answer.content.decode()
    assert installing(cast.site) == cast.firm


@pytest.mark.parametrize("count", [3, 60])
def test_fifty_to_a_page_and_the_same_queries(cast: Cast, count: int) -> None:
    for number in range(count - 1):
        create_location(
            by=cast.installer,
            organisation=cast.firm,
            name=f"L{number:02}",
            street="A",
            postal_code="8000",
            city="Aarhus",
        )
    client = sign_in(cast.installer)
    client.get(url(cast.firm))
    with CaptureQueriesContext(connection) as queries:
        page = client.get(url(cast.firm))
    assert len(queries) == 11
    assert page.content.decode().count('class="row-main"') == min(count, 50)
    if count > 50:
        following = client.get(url(cast.firm), {"after": page.context["page"].next})
        assert following.content.decode().count('class="row-main"') == 10


def test_another_organisation_can_be_chosen(cast: Cast) -> None:
    """Only those this person administers, and not the one that is to go."""
    other = services.create_organisation(name="Arvtager", by=cast.installer)
    services.add_member(organisation=cast.operators, user=cast.installer, role=MEMBER, by=cast.operator)
    client = sign_in(cast.installer)
    choices = client.get(url(cast.firm)).context["form"].fields["to"].choices
    assert [label for _, label in choices] == ["Me", "Arvtager"]
    client.post(url(cast.firm), {"to": str(other.uuid), "name": "Strøm & Søn"})
    assert installing(cast.site) == other


def test_accepting_for_it_is_over(shared: Cast) -> None:
    """An invitation that was looked at before is nobody's to accept."""
    sent = invitations.share_with_organisation(
        location=shared.bait, by=shared.stranger, key=shared.firm.key, network="n", level=VIEW
    )
    close(shared)
    with refused():
        accept(sent, shared.installer)
    assert make_person("x@test.example") is not None


def test_whoever_has_it_for_longer_already_keeps_that(cast: Cast) -> None:
    """The way that is handed over adds nothing then, and nothing breaks."""
    terms = {"location": cast.site, "level": Level.MANAGE, "reason": Access.Reason.ORGANISATION}
    day = timezone.now().replace(microsecond=0) + timedelta(days=9)
    longer = give_access(party=cast.operators, by=cast.installer, ends_at=day, **terms)
    again = give_access(party=cast.operators, by=cast.installer, ends_at=day - timedelta(days=4), **terms)
    assert again == longer
    assert Access.objects.live().get(organisation=cast.operators).ends_at == day


def test_nobody_is_left_in_the_group_of_a_deleted_one(cast: Cast) -> None:
    """What somebody wrote past the services is mended there too."""
    handover.hand_over_and_close(
        organisation=cast.firm, to=cast.installer, by=cast.installer, name=cast.firm.name
    )
    cast.stranger.groups.add(cast.firm.group)
    services.mend_group(cast.firm)
    assert not cast.firm.group.user_set.exists()

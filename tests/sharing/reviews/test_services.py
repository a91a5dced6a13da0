"""Access review: exactly what one may end, answers on the record once, and a mark at what nobody opens."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from locations.last_opened import note_opened
from locations.levels import Level
from locations.models import Access, Location, Opening
from organisations.services import add_member
from portal.errors import Refusal
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, User
from portal.verbs import Verb
from sharing.access import removing
from sharing.models import AccessReview
from sharing.permissions import Viewer
from sharing.reviews import services as reviews
from tests.cast import MEMBER, Cast, accept, make_location, make_owner, make_person, share
from tests.pages import Scene, make_code
from tests.tools import in_days, mails

VIEW, CONFIGURE, MANAGE = Level


def found(user: User) -> set[int]:
    return {item.access.pk for item in reviews.items_of(user)}


def one_by_one(user: User) -> set[int]:
    """The same, asked as the Permissions tab asks: of each location by itself."""
    return {
        access.pk
        for location in Location.objects.all()
        for viewer in [Viewer.of(user, location)]
        for access in viewer.live
        if viewer.level and viewer.may_end(access) and not viewer.holds(access)
    }


def opened(location: Location, user: User) -> None:
    note_opened(Location.objects.get_visible(user, location.uuid), user)


def a_year_ago(access: Access) -> None:
    Access.objects.filter(pk=access.pk).update(since=in_days(-370))


# --- Whose it is to review -------------------------------------------------------------------------


def test_everybody_reviews_exactly_what_they_may_end_of_others(scene: Scene) -> None:
    """Of every role: what the tab of each location would let them end, bait included, and nothing else."""
    cast = scene.cast
    make_owner(cast.bait, cast.customer, cast.stranger)
    second = make_location(cast.contractor)
    through = share(second, cast.contractor, cast.operator)
    given = share(second, cast.operator, cast.customer, VIEW)
    share(second, cast.contractor, cast.stranger, VIEW)
    ended = share(second, cast.contractor, cast.installer)
    share(second, cast.installer, cast.colleague, VIEW)
    removing.remove_access(access=ended, by=cast.contractor, also_given_on=False)
    for role, user in scene.people.items():
        if user is not None:
            assert found(user) == one_by_one(user), role
    assert found(cast.operator) == {given.pk}
    assert through.pk not in found(cast.operator)
    nobody = ("viewer", "configurer", "invitee", "support", "operator_member")
    assert [role for role in nobody if found(scene.people[role])] == []


def test_the_sets_by_hand(cast: Cast) -> None:
    """The installing organisation's people: the shares. The Owner: the installer too. Never one's own."""
    to_viewer = share(cast.site, cast.installer, cast.contractor, VIEW)
    to_all = accept(make_code(cast.site, cast.installer, VIEW), cast.operator, cast.operators)
    bait = share(cast.bait, cast.stranger, cast.contractor, VIEW)
    owner = make_owner(cast.site, cast.customer, cast.installer)
    installed = cast.site.accesses.get(reason="installed")
    assert found(cast.installer) == found(cast.colleague) == {to_viewer.pk, to_all.pk}
    assert found(cast.customer) == {to_viewer.pk, to_all.pk, installed.pk}
    assert found(cast.stranger) == {bait.pk}
    assert owner.pk not in found(cast.installer) | found(cast.customer)
    assert found(cast.operator) == found(cast.contractor) == set()


def test_what_has_ended_is_not_to_review(cast: Cast) -> None:
    """By hand, by its date though no worker has tidied it, or because the reviewer is none any more."""
    first = share(cast.site, cast.installer, cast.contractor, VIEW)
    second = share(cast.site, cast.installer, cast.customer, VIEW, access_ends_at=in_days(5))
    assert found(cast.installer) == {first.pk, second.pk}
    Access.objects.filter(pk=second.pk).update(ends_at=in_days(-1))
    removing.remove_access(access=first, by=cast.installer)
    assert found(cast.installer) == set()
    share(cast.site, cast.installer, cast.contractor, VIEW)
    User.objects.filter(pk=cast.installer.pk).update(is_active=False)
    assert found(User.objects.get(pk=cast.installer.pk)) == set()


def test_a_party_is_one_group_however_many_locations_and_ways(cast: Cast) -> None:
    other = make_location(cast.installer, cast.firm, "Anden vej 1")
    share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=in_days(9))
    accept(make_code(other, cast.installer, VIEW), cast.contractor)
    share(other, cast.installer, cast.contractor, MANAGE)
    share(other, cast.installer, cast.customer, VIEW)
    groups = reviews.groups_of(reviews.items_of(cast.installer))
    assert [str(group.party) for group in groups] == ["Contractor", "Customer"]
    group = groups[0]
    assert [location.name for location in group.locations] == ["Anden vej 1", "Havnevej 2"]
    assert group.levels == [VIEW, MANAGE] and len(group.items) == 3
    assert group.since <= timezone.now()
    # Only once all of it ends by itself.
    assert [one.ends_at for one in groups] == [None, None]
    last = in_days(30)
    Access.objects.filter(user=cast.contractor, ends_at=None).update(ends_at=last)
    assert reviews.groups_of(reviews.items_of(cast.installer))[0].ends_at == last
    assert reviews.group_of(cast.installer, cast.contractor.uuid) is not None
    assert reviews.group_of(cast.installer, cast.stranger.uuid) is None


@pytest.mark.parametrize("parties", [1, 3, 50])
def test_as_many_queries_for_one_as_for_many(
    cast: Cast, django_assert_num_queries: Any, parties: int
) -> None:
    """Memberships, locations, access, people, organisations, openings."""
    accept(make_code(cast.site, cast.installer, VIEW), cast.operator, cast.operators)
    for number in range(parties):
        location = make_location(cast.installer, cast.firm, f"Vej {number}")
        person = make_person(f"p{number}@test.example")
        reviews.keep(accesses=[_given(location, person, cast)], by=cast.installer, seen=timezone.now())
    with django_assert_num_queries(6):
        groups = reviews.groups_of(reviews.items_of(cast.installer))
        assert [group.unused for group in groups] == [0] * (parties + 1)
        assert reviews.given_on(groups[0].items) == []


def _given(location: Location, person: User, cast: Cast) -> Access:
    from locations.services import give_access

    return give_access(
        location=location, party=person, level=VIEW, reason=Access.Reason.EMAIL, by=cast.installer
    )


# --- When it was opened ----------------------------------------------------------------------------


def test_opening_is_noted_for_the_person_and_their_organisations_once_a_day(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    """Not for an organisation of theirs that has no access; nothing is written again the same day."""
    add_member(organisation=cast.operators, user=cast.colleague, role=MEMBER, by=cast.operator)
    opened(cast.site, cast.colleague)
    rows = {(row.user, row.organisation, row.day) for row in Opening.objects.all()}
    today = timezone.localdate()
    assert rows == {(cast.colleague, None, today), (None, cast.firm, today)}
    location = Location.objects.get_visible(cast.colleague, cast.site.uuid)
    with django_assert_num_queries(0):
        note_opened(location, cast.colleague)
    Opening.objects.update(day=today - timedelta(days=400))
    opened(cast.site, cast.colleague)
    assert set(Opening.objects.values_list("day", flat=True)) == {today} and Opening.objects.count() == 2


def test_what_a_party_has_not_opened_for_a_year_is_marked(cast: Cast) -> None:
    """Never since it got it over a year ago, or last over a year ago; not what is younger."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW)

    def item() -> reviews.Item:
        return reviews.items_of(cast.installer)[0]

    assert (item().is_unused, item().opened) == (False, None)
    a_year_ago(access)
    assert item().is_unused
    opened(cast.site, cast.colleague)
    assert item().is_unused  # somebody else did
    opened(cast.site, cast.contractor)
    assert (item().is_unused, item().opened) == (False, timezone.localdate())
    for days, unused in ((365, False), (366, True)):
        Opening.objects.update(day=timezone.localdate() - timedelta(days=days))
        assert item().is_unused == unused


def test_one_of_an_organisation_opened_it_for_all(cast: Cast) -> None:
    """And that one may have left it since."""
    access = accept(make_code(cast.site, cast.installer, VIEW), cast.operator, cast.operators)
    a_year_ago(access)
    assert reviews.groups_of(reviews.items_of(cast.installer))[0].unused == 1
    opened(cast.site, cast.operator2)
    cast.operators.memberships.filter(user=cast.operator2).delete()
    group = reviews.groups_of(reviews.items_of(cast.installer))[0]
    assert (group.unused, group.opened) == (0, timezone.localdate())


# --- Keep ------------------------------------------------------------------------------------------


def test_keeping_is_on_the_record_once(cast: Cast) -> None:
    """A second click, and a second Administrator who saw the same page, change nothing."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    seen = timezone.now()
    assert reviews.keep(accesses=[access], by=cast.installer, seen=seen) == [access]
    assert reviews.keep(accesses=[access], by=cast.installer, seen=seen) == []
    assert reviews.keep(accesses=[access], by=cast.colleague, seen=seen) == []
    entry = Activity.objects.get(verb=Verb.REVIEWED)
    assert (entry.actor_id, entry.location_id, entry.party_name) == (
        cast.installer.pk,
        cast.site.pk,
        "Contractor",
    )
    group = reviews.groups_of(reviews.items_of(cast.installer))[0]
    assert group.review is not None and group.review.by == cast.installer and group.unanswered == 0
    # Looked at again later, it is another answer.
    assert reviews.keep(accesses=[access], by=cast.colleague, seen=timezone.now()) == [access]
    assert AccessReview.objects.get().by == cast.colleague
    assert Activity.objects.filter(verb=Verb.REVIEWED).count() == 2


def test_an_organisation_kept_stands_in_its_own_record_too(cast: Cast) -> None:
    access = accept(make_code(cast.site, cast.installer, VIEW), cast.operator, cast.operators)
    reviews.keep(accesses=[access], by=cast.installer, seen=timezone.now())
    entry = Activity.objects.get(verb=Verb.REVIEWED)
    assert (entry.organisation_id, entry.party_name) == (cast.operators.pk, "Nordlys")


def test_what_was_given_after_the_page_was_seen_is_not_kept_unseen(cast: Cast) -> None:
    first = share(cast.site, cast.installer, cast.contractor, VIEW)
    seen = timezone.now()
    second = share(make_location(cast.installer, cast.firm), cast.installer, cast.contractor, MANAGE)
    assert reviews.keep(accesses=[first, second], by=cast.installer, seen=seen) == [first]
    group = reviews.groups_of(reviews.items_of(cast.installer))[0]
    assert (group.unanswered, group.review) == (1, None)


def test_an_old_answer_is_to_be_given_again(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    reviews.keep(accesses=[access], by=cast.installer, seen=timezone.now())
    AccessReview.objects.update(at=in_days(-183))
    item = reviews.items_of(cast.installer)[0]
    assert not item.is_answered and item.review is not None


@pytest.mark.parametrize("who", ["stranger", "contractor", "operator", "support"])
def test_nobody_keeps_what_is_not_theirs_to_end(cast: Cast, who: str) -> None:
    access = share(cast.site, cast.installer, cast.contractor, MANAGE)
    with pytest.raises(Refusal, match="no longer yours to review"):
        reviews.keep(accesses=[access], by=getattr(cast, who), seen=timezone.now())
    assert not AccessReview.objects.exists() and not Activity.objects.filter(verb=Verb.REVIEWED).exists()


def test_of_several_only_those_that_are_theirs_are_kept(cast: Cast) -> None:
    mine = share(cast.site, cast.installer, cast.contractor, VIEW)
    bait = share(cast.bait, cast.stranger, cast.contractor, VIEW)
    assert reviews.keep(accesses=[mine, bait], by=cast.installer, seen=timezone.now()) == [mine]


# --- End -------------------------------------------------------------------------------------------


def test_ending_all_a_party_has_tells_it_once(cast: Cast) -> None:
    """With what it had given on, each reader once; an organisation's Administrators each."""
    sites = [cast.site, *(make_location(cast.installer, cast.firm, f"Vej {n}") for n in range(2))]
    accesses = [
        accept(make_code(site, cast.installer, MANAGE), cast.operator, cast.operators) for site in sites
    ]
    on = share(cast.site, cast.operator, cast.contractor, VIEW)
    items = reviews.items_of(cast.installer)
    assert reviews.given_on([item for item in items if item.access in accesses]) == [on]
    assert reviews.given_on(items) == []
    OutgoingEmail.objects.all().delete()
    assert set(reviews.end(accesses=accesses, by=cast.installer)) == {*accesses, on}
    assert mails() == [
        ("access-removed", "contractor@test.example"),
        ("accesses-removed", "operator2@test.example"),
        ("accesses-removed", "operator@test.example"),
    ]
    assert reviews.end(accesses=accesses, by=cast.installer) == []
    assert len(mails()) == 3 and found(cast.installer) == set()
    row = OutgoingEmail.objects.filter(kind="accesses-removed").first()
    assert row is not None
    letter = outbox.render(row)
    assert letter is not None and letter.subject == "Your access to 3 locations has ended"
    assert all(name in letter.body for name in ("Havnevej 2", "Vej 0", "Vej 1"))


def test_of_many_locations_some_are_named(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sharing.invitations.emails.NAMED", 1)
    sites = [cast.site, make_location(cast.installer, cast.firm, "Vej 1")]
    accesses = [share(site, cast.installer, cast.contractor, VIEW) for site in sites]
    reviews.end(accesses=accesses, by=cast.installer)
    letter = outbox.render(OutgoingEmail.objects.get(kind="accesses-removed"))
    assert letter is not None and "Havnevej 2" in letter.body and "1 more, in the portal" in letter.body


def test_what_was_given_on_may_stay(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    on = share(cast.site, cast.contractor, cast.customer, VIEW)
    assert reviews.end(accesses=[access], by=cast.installer, also_given_on=False) == [access]
    assert found(cast.installer) == {on.pk}


def test_one_that_is_not_theirs_ends_nothing(cast: Cast) -> None:
    mine = share(cast.site, cast.installer, cast.contractor, VIEW)
    bait = share(cast.bait, cast.stranger, cast.contractor, VIEW)
    with pytest.raises(Refusal):
        reviews.end(accesses=[mine, bait], by=cast.installer)
    assert found(cast.installer) == {mine.pk} and found(cast.stranger) == {bait.pk}


def test_no_more_than_so_many_at_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews, "MOST_AT_ONCE", 1)
    other = make_location(cast.installer, cast.firm, "Vej 1")
    accesses = [share(site, cast.installer, cast.contractor, VIEW) for site in (cast.site, other)]
    assert reviews.end(accesses=accesses, by=cast.installer) == accesses[:1]

"""The verbs of locations: what each does, and every refusal."""

from locations import services as locations
from locations.levels import Level
from locations.models import Access
from locations.services import settle_ended_access
from portal.models import Activity, User
from portal.verbs import Verb
from tests.cast import (
    Cast,
    make_location,
    share,
)
from tests.tools import in_days, live, refused, state_of_everything, verbs

VIEW, CONFIGURE, MANAGE = Level


def test_a_location_belongs_to_the_organisation_chosen_or_to_the_person_alone(cast: Cast) -> None:
    assert live(make_location(cast.colleague, cast.firm)) == {("Strøm & Søn", "installed", 3)}
    assert live(make_location(cast.colleague)) == {("Colleague", "installed", 3)}
    assert Activity.objects.filter(verb=Verb.LOCATION_CREATED).count() == 4


def test_a_location_is_not_made_for_an_organisation_one_is_not_in(cast: Cast) -> None:
    with refused("no longer a member", field="organisation"):
        make_location(cast.stranger, cast.firm)


def test_a_change_is_recorded_with_old_and_new_value_and_no_change_is_not(cast: Cast) -> None:
    """Product rule 6: configuration changed (old and new value)."""
    share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    locations.change_location(
        location=cast.site, by=cast.contractor, name="Ny", main_fuse=35, street=cast.site.street
    )
    entry = Activity.objects.latest("pk")
    assert (entry.verb, entry.actor_name) == (Verb.LOCATION_CHANGED, "Contractor")
    assert entry.details == {"changes": {"name": ["Havnevej 2", "Ny"], "main_fuse": ["16", "35"]}}
    before = state_of_everything()
    locations.change_location(location=cast.site, by=cast.contractor, name="Ny")
    assert state_of_everything() == before


def test_a_location_is_changed_by_configure(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.operator, VIEW)
    for by in (cast.operator, cast.stranger, cast.support):
        with refused("no longer have the right"):
            locations.change_location(location=cast.site, by=by, name="Ny")


def test_archived_and_restored_each_once(cast: Cast) -> None:
    """Nothing with history is deleted: a location is archived, and can be restored (product rule 2)."""
    archived = locations.archive_location(location=cast.site, by=cast.installer)
    again = locations.archive_location(location=cast.site, by=cast.installer)
    assert archived.archived_at == again.archived_at is not None
    with refused("is archived"):
        locations.change_location(location=cast.site, by=cast.installer, name="Ny")
    for _ in range(2):
        assert locations.restore_location(location=cast.site, by=cast.installer).archived_at is None
    assert verbs(cast.site) == ["location_created", "access_given", "location_archived", "location_restored"]


def test_access_that_ended_is_tidied_once(cast: Cast) -> None:
    ended = share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(1))
    kept = share(cast.site, cast.installer, cast.customer, access_ends_at=in_days(1))
    Access.objects.filter(pk=ended.pk).update(ends_at=in_days(0))
    assert [settle_ended_access() for _ in range(3)] == [1, 0, 0]
    ended.refresh_from_db()
    kept.refresh_from_db()
    assert (ended.ended_at, kept.ended_at) == (ended.ends_at, None)
    assert not cast.site.user_permissions.filter(user=cast.contractor).exists()
    assert cast.site.user_permissions.filter(user=cast.customer).count() == 3
    assert Activity.objects.filter(verb=Verb.ACCESS_ENDED).count() == 1


def test_who_undoes_reads_no_more_of_whom_they_give_back_to_than_anybody(cast: Cast) -> None:
    """The giver may be the person themselves, who reads that they work for support; nobody else does."""
    User.objects.filter(pk=cast.contractor.pk).update(is_staff=True)
    giving = {"location": cast.site, "party": cast.contractor, "level": Level.VIEW}
    with refused("Nothing can be given to this account"):
        locations.give_access(
            **giving, reason=Access.Reason.CODE, by=cast.contractor, recorded_by=cast.installer
        )

"""Two at once in an access review, really at once on PostgreSQL: one answer, one entry, one e-mail."""

import pytest
from django.utils import timezone

from locations.last_opened import note_opened
from locations.levels import Level
from locations.models import Access, Location, Opening
from organisations.services import add_member
from portal.models import Activity, OutgoingEmail
from portal.verbs import Verb
from sharing.reviews import reminders as reviews_reminders
from sharing.reviews import services as reviews
from tests.cast import ADMINISTRATOR, Cast, make_location, share
from tests.sharing.test_races import at_once, people, rounds
from tests.tools import in_days, mails

pytestmark = [pytest.mark.postgres, pytest.mark.heavy, pytest.mark.django_db(transaction=True)]

__all__ = ["people"]


def test_two_administrators_keep_at_once(people: Cast) -> None:
    """One of them has answered; the other is told so by an empty list, and the record has one entry."""
    add_member(organisation=people.firm, user=people.customer, role=ADMINISTRATOR, by=people.installer)
    for location in rounds(people):
        access, seen = share(location, people.installer, people.contractor, Level.VIEW), timezone.now()
        outcomes = at_once(
            lambda a=access, s=seen: reviews.keep(accesses=[a], by=people.installer, seen=s),
            lambda a=access, s=seen: reviews.keep(accesses=[a], by=people.customer, seen=s),
        )
        assert sorted(map(len, outcomes)) == [0, 1]
        assert Activity.objects.filter(verb=Verb.REVIEWED, location_id=location.pk).count() == 1


def test_one_keeps_what_another_ends(people: Cast) -> None:
    """Whoever comes second finds it so: kept and then ended, or ended and no longer to keep."""
    for location in rounds(people):
        access, seen = share(location, people.installer, people.contractor, Level.VIEW), timezone.now()
        review_kept, ended = at_once(
            lambda a=access, s=seen: reviews.keep(accesses=[a], by=people.installer, seen=s),
            lambda a=access: reviews.end(accesses=[a], by=people.colleague),
        )
        assert ended == [access] and not Access.objects.live().filter(pk=access.pk).exists()
        kept = Activity.objects.filter(verb=Verb.REVIEWED, location_id=location.pk).count()
        assert kept == (review_kept == [access])


def test_two_end_the_same_party_on_many_locations(people: Cast) -> None:
    """In whatever order they name them: nobody waits for ever, and the party is told once."""
    for location in rounds(people):
        OutgoingEmail.objects.all().delete()
        other = make_location(people.installer, people.firm)
        accesses = [share(one, people.installer, people.contractor) for one in (location, other)]
        outcomes = at_once(
            lambda a=accesses: reviews.end(accesses=a, by=people.installer),
            lambda a=accesses: reviews.end(accesses=a[::-1], by=people.colleague),
        )
        assert sorted(map(len, outcomes)) == [0, 2]
        assert mails("accesses-removed") == [("accesses-removed", "contractor@test.example")]


def test_two_workers_ask_at_once(people: Cast) -> None:
    """One e-mail for each person and round."""
    access = share(people.site, people.installer, people.contractor, Level.VIEW)
    Access.objects.filter(pk=access.pk).update(since=in_days(-400))
    assert sorted(at_once(reviews_reminders.ask_those_due, reviews_reminders.ask_those_due)) == [0, 1]
    assert mails(reviews_reminders.KIND) == [(reviews_reminders.KIND, "installer@test.example")]


def test_one_opens_a_location_twice_at_once(people: Cast) -> None:
    for location in rounds(people):
        found = Location.objects.get_visible(people.colleague, location.uuid)
        at_once(*[lambda one=found: note_opened(one, people.colleague)] * 4)
        assert Opening.objects.filter(location=location).count() == 2

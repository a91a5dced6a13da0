"""Many at once against everybody else, on PostgreSQL with real threads: one outcome, nothing half done."""

from collections.abc import Callable
from typing import Any

import pytest

from locations.levels import Level
from locations.models import Access, Location
from portal.errors import Refusal
from portal.models import Activity, OutgoingEmail, Throttle
from portal.verbs import Verb
from sharing.access import removing
from sharing.bulk import jobs, offers
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import services as invitations
from sharing.models import BulkJob, Invitation, Offer
from sharing.models.bulk import CHANGING
from tests.cast import Cast, make_location, share
from tests.sharing.replay import as_it_is, replay
from tests.sharing.test_races import at_once, people

__all__ = ["people"]

pytestmark = [pytest.mark.postgres, pytest.mark.heavy, pytest.mark.django_db(transaction=True)]

ROUNDS = 10
MANAGE = Level.MANAGE


@pytest.fixture(autouse=True)
def _nobody_nudges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    monkeypatch.setattr(jobs, "BATCHES", (2, 1))


@pytest.fixture
def sites(people: Cast) -> list[Location]:
    return [make_location(people.installer, people.firm, f"Plads {number}") for number in range(4)]


def queued(cast: Cast, sites: list[Location], email: str, by: Any, **terms: Any) -> BulkJob:
    job = BulkJob(by=by, act="share", email=email, level=MANAGE, language="da", **terms)
    jobs.draft(job, sites)
    jobs.confirm(job=job, by=by)
    Throttle.objects.all().delete()
    return job


def invited(email: str) -> set[int]:
    return set(Invitation.objects.open().filter(email=email).values_list("location_id", flat=True))


def test_bulk_share_against_removal_of_the_sharer(people: Cast, sites: list[Location]) -> None:
    """Wherever the sharer was put out, no invitation of theirs is left, whichever came first."""
    for number in range(ROUNDS):
        ways = [share(site, people.installer, people.contractor, MANAGE) for site in sites]
        email = f"new-{number}@test.example"
        job = queued(people, sites, email, people.contractor)
        endings: list[Callable[[], Any]] = [
            lambda way=way: removing.remove_access(access=way, by=people.installer) for way in ways[:2]
        ]
        at_once(jobs.work_off, *endings)
        jobs.work_off()
        job.refresh_from_db()
        assert job.is_done
        assert invited(email) == {site.pk for site in sites[2:]}
        changed = set(job.rows.filter(outcome__in=CHANGING).values_list("location_id", flat=True))
        asked = Activity.objects.filter(verb=Verb.INVITED, party_address=email)
        assert changed == set(asked.values_list("location_id", flat=True))
        # Those which came first were invited, and are withdrawn.
        gone = Invitation.objects.filter(email=email, state="withdrawn")
        assert set(gone.values_list("location_id", flat=True)) == changed - {site.pk for site in sites[2:]}
        for way in ways[2:]:
            removing.remove_access(access=way, by=people.installer)
    assert replay() == as_it_is()


def test_two_workers_and_one_job(people: Cast, sites: list[Location]) -> None:
    """Each row is done once, and one e-mail goes out."""
    for number in range(ROUNDS):
        email = f"new-{number}@test.example"
        job = queued(people, sites, email, people.installer)
        done = at_once(*[jobs.work_off] * 3)
        assert sum(done) == 2 and BulkJob.objects.get(pk=job.pk).is_done
        assert Activity.objects.filter(verb=Verb.INVITED, party_address=email).count() == len(sites)
        assert OutgoingEmail.objects.filter(kind="offer", address=email).count() == 1


def test_a_worker_given_up_for_dead_and_the_one_after_it(people: Cast, sites: list[Location]) -> None:
    """The earlier one wakes up while the later one works: it does nothing more."""
    for number in range(ROUNDS):
        email = f"new-{number}@test.example"
        job = queued(people, sites, email, people.installer)
        first = jobs.claim()
        BulkJob.objects.filter(pk=job.pk).update(due_at=job.created_at)
        at_once(jobs.work_off, lambda first=first: jobs.step(first))
        BulkJob.objects.filter(pk=job.pk).update(due_at=job.created_at)
        jobs.work_off()
        assert Activity.objects.filter(verb=Verb.INVITED, party_address=email).count() == len(sites)
        assert OutgoingEmail.objects.filter(kind="offer", address=email).count() == 1


def test_a_double_click_on_the_preview(people: Cast, sites: list[Location]) -> None:
    for number in range(ROUNDS):
        job = BulkJob(by=people.installer, act="share", email=f"n{number}@test.example", level=MANAGE)
        jobs.draft(job, sites)
        same = [BulkJob.objects.get(pk=job.pk) for _ in range(3)]
        clicks = [lambda one=one: jobs.confirm(job=one, by=people.installer) for one in same]
        assert sorted(at_once(*clicks)) == [False, False, True]
        Throttle.objects.all().delete()


def test_accepting_all_against_declining_all_and_withdrawing_all(people: Cast, sites: list[Location]) -> None:
    """One of them happens, to all of it; whoever loses is told why."""
    for number in range(ROUNDS):
        queued(people, sites, people.contractor.email, people.installer)
        jobs.work_off()
        offer = Offer.objects.with_all().order_by("-pk")[0]
        outcomes = at_once(
            lambda offer=offer: offers.accept(offer=offer, by=people.contractor, nonce=offer.nonce),
            lambda offer=offer: offers.OFFERS.decline(
                invitation=offer, by=people.contractor, nonce=offer.nonce
            ),
            lambda offer=offer: offers.withdraw(offer=offer, by=people.installer),
        )
        jobs.work_off()
        offer.refresh_from_db()
        states = set(Invitation.objects.filter(offer=offer).values_list("state", flat=True))
        assert states == {offer.state}, (number, outcomes)
        assert sum(isinstance(one, Refusal) for one in outcomes) >= 1
        held = Access.objects.live().filter(user=people.contractor)
        assert held.count() == (len(sites) if offer.state == "accepted" else 0)
        for access in held:
            removing.remove_access(access=access, by=people.installer)
    assert replay() == as_it_is()


def test_accepting_all_against_accepting_and_withdrawing_one(people: Cast, sites: list[Location]) -> None:
    """The one is answered once; the others are added."""
    for _ in range(ROUNDS):
        queued(people, sites, people.contractor.email, people.installer)
        jobs.work_off()
        offer = Offer.objects.with_all().order_by("-pk")[0]
        first, second, *_rest = Invitation.objects.filter(offer=offer).with_all().order_by("location_id")
        offers.accept(offer=offer, by=people.contractor, nonce=offer.nonce)
        at_once(
            jobs.work_off,
            lambda one=first: invitations_accepting.accept(
                invitation=one, by=people.contractor, nonce=one.nonce
            ),
            lambda one=second: invitations.withdraw(invitation=one, by=people.installer),
        )
        jobs.work_off()
        held = Access.objects.live().filter(user=people.contractor)
        withdrawn = Invitation.objects.filter(offer=offer, state="withdrawn").count()
        assert held.count() == len(sites) - withdrawn
        for access in held:
            removing.remove_access(access=access, by=people.installer)
    assert replay() == as_it_is()


def test_declining_all_against_withdrawing_the_last_of_it(people: Cast, sites: list[Location]) -> None:
    """The envelope is locked before what is in it by both, so neither waits for the other for ever."""
    for _ in range(ROUNDS):
        queued(people, sites[:1], people.contractor.email, people.installer)
        jobs.work_off()
        offer = Offer.objects.with_all().order_by("-pk")[0]
        one = Invitation.objects.with_all().get(offer=offer)
        at_once(
            lambda offer=offer: offers.OFFERS.decline(
                invitation=offer, by=people.contractor, nonce=offer.nonce
            ),
            lambda one=one: invitations.withdraw(invitation=one, by=people.installer),
        )
        offer.refresh_from_db()
        one.refresh_from_db()
        assert offer.state == one.state and offer.state in ("declined", "withdrawn")


def test_two_who_take_out_the_last_two(people: Cast, sites: list[Location]) -> None:
    """The envelope in which nothing is left is withdrawn, whoever came last."""
    for _ in range(ROUNDS):
        queued(people, sites[:2], people.contractor.email, people.installer)
        jobs.work_off()
        offer = Offer.objects.with_all().order_by("-pk")[0]
        inside = Invitation.objects.with_all().filter(offer=offer)
        at_once(
            *[lambda one=one: invitations.withdraw(invitation=one, by=people.installer) for one in inside]
        )
        offer.refresh_from_db()
        assert offer.state == "withdrawn"

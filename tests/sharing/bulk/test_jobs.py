"""Many locations at once: what becomes of each, asked again at the time of work, and one e-mail for all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import level_of
from locations.services import archive_location, give_access
from organisations.services import replace_key
from portal.invitations.answering import Holder, Situation
from portal.invitations.models import VALIDITY
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, Throttle
from portal.verbs import Verb
from sharing import kinds
from sharing.access import removing
from sharing.bulk import jobs, offers
from sharing.bulk.selection import Selection, parties_on, party_of
from sharing.inbox import listing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import BulkJob, Invitation, Offer
from sharing.models.bulk import Outcome
from sharing.permissions import Viewer, access_to_share_by, ways_to_share_by
from tests.cast import Cast, accept, invite, make_location, make_owner, make_person, share
from tests.sharing.replay import as_it_is, replay
from tests.tools import in_days, refused

VIEW, CONFIGURE, MANAGE = Level
Act = BulkJob.Act
NEW_ADDRESS = "ny@test.example"


def sites_of(cast: Cast, count: int) -> list[Location]:
    return [make_location(cast.installer, cast.firm, f"Plads {number}") for number in range(count)]


def order(cast: Cast, act: str, locations: list[Location], **terms: Any) -> BulkJob:
    """A preview, by the installer unless somebody else is named."""
    by = terms.pop("by", cast.installer)
    if act == Act.SHARE:
        terms = {"level": MANAGE} | terms
    found = Location.objects.filter(pk__in=[location.pk for location in locations])
    return jobs.draft(BulkJob(by=by, act=act, language="en-gb", **terms), found)


def work(job: BulkJob) -> dict[str, str]:
    """Confirm it, let a worker do it, and say by name of location what became of each."""
    jobs.confirm(job=job, by=job.by)
    jobs.work_off()
    job.refresh_from_db()
    assert job.is_done
    return outcomes(job)


def outcomes(job: BulkJob) -> dict[str, str]:
    return dict(job.rows.values_list("location__name", "outcome"))


def letters(kind: str = "") -> list[tuple[str, str]]:
    rows = OutgoingEmail.objects.filter(kind__startswith=kind) if kind else OutgoingEmail.objects.all()
    return sorted(rows.values_list("kind", "address"))


def share_all(cast: Cast, locations: list[Location], **terms: Any) -> Offer:
    """Shared and worked off; the offer that came of it."""
    job = order(cast, Act.SHARE, locations, **terms)
    work(job)
    assert job.offer
    return job.offer


def take_up(offer: Offer, by: Any) -> BulkJob:
    offer.refresh_from_db()
    job = offers.accept(offer=offer, by=by, nonce=offer.nonce)
    jobs.work_off()
    job.refresh_from_db()
    return job


# --- Sharing --------------------------------------------------------------------------------------


def test_every_row_has_its_own_outcome(cast: Cast) -> None:
    """New, more, again, already, archived, somebody else's invitation, less than Manage: each told apart."""
    sites = sites_of(cast, 6)
    share(sites[1], cast.installer, cast.contractor, VIEW)
    invite(sites[2], cast.installer, cast.contractor, VIEW)
    share(sites[3], cast.installer, cast.contractor, MANAGE)
    share(sites[5], cast.installer, cast.operator, MANAGE)
    only_view = make_location(cast.stranger, cast.elsewhere, "Kun set")
    share(only_view, cast.stranger, cast.installer, CONFIGURE)
    invitations.share_with_person(location=sites[5], by=cast.operator, email=NEW_ADDRESS, level=VIEW)
    archive_location(location=sites[4], by=cast.installer)
    job = order(cast, Act.SHARE, [*sites, only_view], email=cast.contractor.email)
    assert outcomes(job) == {
        "Plads 0": "new",
        "Plads 1": "again",  # the accepted invitation is renewed
        "Plads 2": "again",
        "Plads 3": "has_access",
        "Plads 4": "archived",
        "Plads 5": "new",
        "Kun set": "not_yours",
    }
    assert letters("offer") == [] and not Offer.objects.exists()  # a preview does nothing
    assert work(job)["Plads 0"] == "new"
    assert letters("offer") == [("offer", cast.contractor.email)]
    # The operator may not renew what the firm has sent, nor know that it is not theirs to.
    by_operator = order(cast, Act.SHARE, [sites[5]], email=cast.contractor.email, by=cast.operator)
    assert outcomes(by_operator) == {"Plads 5": "others"}


def test_a_higher_level_is_told_apart(cast: Cast) -> None:
    """Somebody who came by another way and has less is offered more."""
    site = sites_of(cast, 1)[0]
    code, _ = invitations_codes.create_code(location=site, by=cast.installer, level=VIEW)
    accept(code, cast.contractor)
    assert outcomes(order(cast, Act.SHARE, [site], email=cast.contractor.email)) == {"Plads 0": "more"}


def test_one_e_mail_for_all_of_it_and_one_for_each_administrator(cast: Cast) -> None:
    sites = sites_of(cast, 3)
    offer = share_all(cast, sites, organisation=cast.operators, key_version=cast.operators.key_version)
    assert offer.size == 3 and offer.recipient == "Nordlys"
    assert letters() == [("offer", "operator2@test.example"), ("offer", "operator@test.example")]
    row = OutgoingEmail.objects.filter(kind="offer").first()
    email = row and outbox.render(row)
    assert email and email.subject == "Installer shares 3 locations with Nordlys"
    assert "Plads 1, Havnevej 2, 8000 Aarhus" in str(email.body)
    # Each location's tab shows its own.
    for site in sites:
        assert Invitation.objects.on_tab(site).get().recipient == "Nordlys"
        assert Activity.objects.filter(location_id=site.pk, verb=Verb.INVITED).count() == 1


def test_the_e_mail_names_twenty_and_counts_the_rest(cast: Cast) -> None:
    offer = share_all(cast, sites_of(cast, 22), email=NEW_ADDRESS, message="Velkommen")
    row = OutgoingEmail.objects.get(about=offer.uuid)
    email = outbox.render(row)
    assert email and str(email.body).count("Havnevej 2, 8000 Aarhus") == 20
    assert "2 more, in the portal" in str(email.body) and "Velkommen" in str(email.body)


def test_a_strangers_location_cannot_be_slipped_in(cast: Cast) -> None:
    """A number of a location one does not see is as if it were not there: not even its name is learned."""
    site = sites_of(cast, 1)[0]
    chosen = Selection(cast.installer, (site.pk, cast.bait.pk, 10**15))
    assert list(chosen.locations()) == [site]
    job = order(cast, Act.SHARE, list(chosen.locations()), email=NEW_ADDRESS)
    # And into the job itself, past the form.
    job.rows.create(location=cast.bait, outcome="new")
    assert work(job) == {"Plads 0": "new", "Havnevej 2": "not_yours"}
    assert not Invitation.objects.filter(location=cast.bait).exists()


def test_rights_are_asked_again_at_the_time_of_work(cast: Cast) -> None:
    """Whoever loses Manage between order and work shares nothing with it."""
    sites = sites_of(cast, 2)
    lost = share(sites[0], cast.installer, cast.contractor, MANAGE)
    share(sites[1], cast.installer, cast.contractor, MANAGE)
    job = order(cast, Act.SHARE, sites, email=NEW_ADDRESS, by=cast.contractor)
    assert set(outcomes(job).values()) == {"new"}
    removing.remove_access(access=lost, by=cast.installer)
    assert work(job) == {"Plads 0": "not_yours", "Plads 1": "new"}


def test_nobody_gives_for_longer_than_they_have(cast: Cast) -> None:
    sites = sites_of(cast, 2)
    share(sites[0], cast.installer, cast.contractor, MANAGE, access_ends_at=in_days(10))
    share(sites[1], cast.installer, cast.contractor, MANAGE)
    share_all(cast, sites, email=NEW_ADDRESS, by=cast.contractor, access_ends_at=in_days(30))
    ends = dict(Invitation.objects.filter(email=NEW_ADDRESS).values_list("location__name", "access_ends_at"))
    assert ends["Plads 0"] < ends["Plads 1"]


def test_what_would_have_ended_is_not_offered(cast: Cast) -> None:
    past = timezone.now() - timedelta(hours=1)
    job = order(cast, Act.SHARE, sites_of(cast, 1), email=NEW_ADDRESS, access_ends_at=past)
    assert set(outcomes(job).values()) == {"beyond"}
    with refused("There is nothing to do here."):
        jobs.confirm(job=job, by=cast.installer)


def test_the_organisation_is_asked_again_too(cast: Cast) -> None:
    """A replaced key stops the order, and an organisation that has stopped taking locations gets none."""
    key_version = cast.operators.key_version
    job = order(cast, Act.SHARE, sites_of(cast, 1), organisation=cast.operators, key_version=key_version)
    late = order(cast, Act.SHARE, [cast.site], organisation=cast.operators, key_version=key_version)
    jobs.confirm(job=job, by=cast.installer)
    cast.operators.accepts_shares = False
    cast.operators.save()
    jobs.work_off()
    assert set(outcomes(job).values()) == {"refused"}
    assert letters("offer") == []
    late.organisation = replace_key(organisation=cast.operators, by=cast.operator)
    with refused("No organisation has this key"):
        jobs.confirm(job=late, by=cast.installer)


def test_one_job_counts_as_one_e_mail(cast: Cast) -> None:
    """And a second click, or a second worker, does nothing more."""
    job = order(cast, Act.SHARE, sites_of(cast, 5), email=NEW_ADDRESS)
    assert jobs.confirm(job=job, by=cast.installer)
    assert not jobs.confirm(job=BulkJob.objects.get(pk=job.pk), by=cast.installer)
    assert Throttle.objects.get(key=f"invitations/account/{cast.installer.pk}").tries == 1
    jobs.work_off()
    assert jobs.work_off() == 0 and len(letters("offer")) == 1


def test_nothing_and_too_much_are_refused(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused("Choose at least one location."):
        order(cast, Act.SHARE, [], email=NEW_ADDRESS)
    monkeypatch.setattr(jobs, "MOST", 1)
    sites = sites_of(cast, 2)
    with refused("Narrow them down to 1."):
        order(cast, Act.SHARE, sites, email=NEW_ADDRESS)


def test_a_job_goes_on_where_a_killed_worker_left_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done twice, and whoever lost the job does nothing more."""
    monkeypatch.setattr(jobs, "BATCHES", (2, 1))
    job = order(cast, Act.SHARE, sites_of(cast, 5), email=NEW_ADDRESS)
    jobs.confirm(job=job, by=cast.installer)
    killed = jobs.claim()
    assert killed and jobs.step(killed)
    assert jobs.claim() is None  # under its lease nobody else gets it
    BulkJob.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert jobs.work_off() == 2
    assert not jobs.step(killed)
    assert Invitation.objects.filter(email=NEW_ADDRESS).count() == 5
    assert Activity.objects.filter(verb=Verb.INVITED, party_address=NEW_ADDRESS).count() == 5
    assert len(letters("offer")) == 1


def test_a_worker_stops_in_time_and_leaves_the_rest(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LONGEST_WORK_SECONDS", 0)
    job = order(cast, Act.SHARE, sites_of(cast, 1), email=NEW_ADDRESS)
    jobs.confirm(job=job, by=cast.installer)
    assert jobs.work_off() == 0
    job.refresh_from_db()
    assert job.state == BulkJob.State.QUEUED


Fails = Callable[[BulkJob, list[int]], bool]


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fails], list[list[int]]]:
    """A function that makes sharing a batch fail where it says so; gives the batches tried, as they come."""
    monkeypatch.setattr(jobs, "BATCHES", (5, 2, 1, 1))
    real = jobs.DOING[Act.SHARE]

    def fail_where(fails: Fails) -> list[list[int]]:
        tried: list[list[int]] = []

        def do(job: BulkJob, ids: Any) -> dict[int, Outcome]:
            tried.append(list(ids))
            if fails(job, tried[-1]):
                raise ZeroDivisionError
            return real.do(job, ids)

        monkeypatch.setitem(jobs.DOING, Act.SHARE, replace(real, do=do))
        return tried

    return fail_where


def work_until_done(job: BulkJob) -> int:
    """Let workers come again and again, each after the lease; returns how many it took."""
    for turn in range(1, 60):
        jobs.work_off()
        job.refresh_from_db()
        if job.is_done:
            return turn
        assert jobs.work_off() == 0  # not at once again: what is wrong may pass
        BulkJob.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    raise AssertionError("it never ends")


def test_what_cannot_be_done_holds_nothing_up(
    cast: Cast, tries: Callable[[Fails], list[list[int]]], caplog: pytest.LogCaptureFixture
) -> None:
    """It is found by ever smaller batches, tried twice alone, left out and said; one letter goes."""
    sites = sites_of(cast, 12)
    bad = sites[3].pk
    tried = tries(lambda job, ids: bad in ids)
    job = order(cast, Act.SHARE, sites, email=NEW_ADDRESS)
    jobs.confirm(job=job, by=cast.installer)
    assert work_until_done(job) == 4
    assert [len(ids) for ids in tried] == [5, 2, 2, 1, 1, 1, 1, 5, 2]
    expected = dict.fromkeys((site.name for site in sites), "new") | {sites[3].name: "failed"}
    assert outcomes(job) == expected
    assert jobs.Tally.of(job).failed == 1 and jobs.Tally.of(job).skipped == 0
    assert len(letters("offer")) == 1
    assert caplog.text.count(f"A batch of job {job.uuid} failed") == 4


def test_what_is_wrong_for_a_moment_costs_nobody_anything(
    cast: Cast, tries: Callable[[Fails], list[list[int]]]
) -> None:
    """However often, if not twice on one location alone. Past the place, batches are large again."""
    moments = iter([True, False, True, False, False, True, *[False] * 20])
    tried = tries(lambda job, ids: next(moments))
    sites = sites_of(cast, 16)
    job = order(cast, Act.SHARE, sites, email=NEW_ADDRESS)
    jobs.confirm(job=job, by=cast.installer)
    assert work_until_done(job) == 4
    assert set(outcomes(job).values()) == {"new"}
    assert [len(ids) for ids in tried] == [5, 2, 2, 1, 1, 1, 1, 5, 5, 1]


def test_where_nothing_can_be_done_it_ends(
    cast: Cast, tries: Callable[[Fails], list[list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_FAILED", 2)
    tries(lambda job, ids: True)
    job = order(cast, Act.SHARE, sites_of(cast, 9), email=NEW_ADDRESS)
    jobs.confirm(job=job, by=cast.installer)
    work_until_done(job)
    assert set(outcomes(job).values()) == {"failed"} and jobs.Tally.of(job).failed == 9


def test_a_person_keeps_their_last_previews(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may hold 10,000 rows. What was confirmed stays, and so does what is somebody else's."""
    monkeypatch.setattr(jobs, "DRAFTS_EACH", 2)
    confirmed = order(cast, Act.SHARE, [cast.site], email=NEW_ADDRESS)
    jobs.confirm(job=confirmed, by=cast.installer)
    theirs = order(cast, Act.SHARE, [cast.bait], email=NEW_ADDRESS, by=cast.stranger)
    mine_now = [order(cast, Act.SHARE, [cast.site], email=NEW_ADDRESS) for _ in range(4)]
    assert set(BulkJob.objects.all()) == {confirmed, theirs, *mine_now[-2:]}


def test_drafts_are_forgotten(cast: Cast) -> None:
    job = order(cast, Act.SHARE, sites_of(cast, 1), email=NEW_ADDRESS)
    assert jobs.forget_drafts() == 0
    BulkJob.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(days=2))
    assert jobs.forget_drafts() == 1 and not BulkJob.objects.exists()


# --- Answering ------------------------------------------------------------------------------------


def test_all_is_accepted_in_one_step(cast: Cast) -> None:
    """Given on by the sharer's own access, on the record of each location, and told to the sharer once."""
    sites = sites_of(cast, 3)
    offer = share_all(cast, sites, email=cast.contractor.email, level=CONFIGURE)
    assert listing.count_waiting(cast.contractor).total() == 1
    assert listing.page_of(cast.contractor).waiting == [offer]
    assert listing.page_of(cast.installer).sent == [offer]
    job = take_up(offer, cast.contractor)
    assert set(outcomes(job).values()) == {"added"}
    assert replay() == as_it_is()
    for site in sites:
        access = Access.objects.get(location=site, user=cast.contractor)
        assert (access.level, access.reason, access.given_by) == (2, "email", cast.installer)
        assert access.given_through == site.accesses.get(reason="installed")
        assert level_of(cast.contractor, site) == CONFIGURE
    assert letters("offer-accepted") == [("offer-accepted", cast.installer.email)]
    row = OutgoingEmail.objects.get(kind="offer-accepted")
    assert (email := outbox.render(row)) and "has added 3 locations" in email.subject
    assert listing.count_waiting(cast.contractor).total() == 0
    with refused("used already"):
        offers.accept(offer=offer, by=cast.contractor, nonce=offer.nonce)


def test_an_administrator_accepts_for_the_organisation(cast: Cast) -> None:
    sites = sites_of(cast, 2)
    offer = share_all(cast, sites, organisation=cast.operators)
    with refused("Only an Administrator"):
        offers.accept(offer=offer, by=cast.contractor, nonce=offer.nonce)
    take_up(offer, cast.operator2)
    held = Access.objects.live().filter(organisation=cast.operators)
    assert set(held.values_list("location__name", "reason")) == {
        ("Plads 0", "organisation"),
        ("Plads 1", "organisation"),
    }


def test_somebody_else_cannot_accept(cast: Cast) -> None:
    offer = share_all(cast, sites_of(cast, 1), email=cast.contractor.email)
    with refused("sent to another address"):
        offers.accept(offer=offer, by=cast.stranger, nonce=offer.nonce)
    with refused("renewed meanwhile"):
        offers.accept(offer=offer, by=cast.contractor, nonce="another")


def test_what_was_withdrawn_archived_or_lost_meanwhile_is_not_given(cast: Cast) -> None:
    """One by one, at the time of work: the rest is given."""
    sites = sites_of(cast, 5)
    offer = share_all(cast, sites, email=cast.contractor.email)
    invitations.withdraw(invitation=Invitation.objects.get(location=sites[0]), by=cast.installer)
    archive_location(location=sites[1], by=cast.installer)
    give_access(
        location=sites[2], party=cast.contractor, level=MANAGE, reason=Access.Reason.CODE, by=cast.installer
    )
    accept(Invitation.objects.get(location=sites[3]), cast.contractor)
    job = take_up(offer, cast.contractor)
    assert outcomes(job) == {"Plads 1": "gone", "Plads 2": "has_access", "Plads 4": "added"}


@pytest.mark.parametrize(("still_there", "outcome"), [(True, "has_access"), (False, "gone")])
def test_what_was_got_another_way_before_a_worker_came_is_there_already(
    cast: Cast, still_there: bool, outcome: str
) -> None:
    """As where it was got before all of it was accepted; not once that has ended again."""
    sites = sites_of(cast, 2)
    offer = share_all(cast, sites, email=cast.contractor.email)
    job = offers.accept(offer=offer, by=cast.contractor, nonce=offer.nonce)
    give_access(
        location=sites[0], party=cast.contractor, level=MANAGE, reason=Access.Reason.CODE, by=cast.installer
    )
    assert Invitation.objects.get(location=sites[0]).state == "withdrawn"
    if not still_there:
        Access.objects.filter(location=sites[0], user=cast.contractor).update(ended_at=timezone.now())
    jobs.work_off()
    assert outcomes(job) == {"Plads 0": outcome, "Plads 1": "added"}


def test_whoever_is_no_longer_there_gets_nothing(cast: Cast) -> None:
    """The account was closed, or the Administrator demoted, before a worker came."""
    offer = share_all(cast, sites_of(cast, 1), email=cast.contractor.email)
    job = offers.accept(offer=offer, by=cast.contractor, nonce=offer.nonce)
    cast.contractor.is_active = False
    cast.contractor.save()
    jobs.work_off()
    assert set(outcomes(job).values()) == {"gone"} and letters("offer-accepted") == []


def test_declining_declines_each(cast: Cast) -> None:
    sites = sites_of(cast, 3)
    offer = share_all(cast, sites, email=cast.contractor.email)
    accept(Invitation.objects.get(location=sites[0]), cast.contractor)
    offers.OFFERS.decline(invitation=offer, by=cast.contractor, nonce=offer.nonce)
    states = dict(Invitation.objects.values_list("location__name", "state"))
    assert states == {"Plads 0": "accepted", "Plads 1": "declined", "Plads 2": "declined"}
    assert Activity.objects.filter(verb=Verb.INVITATION_DECLINED).count() == 2
    assert letters("offer-declined") == [("offer-declined", cast.installer.email)]
    email = outbox.render(OutgoingEmail.objects.get(kind="offer-declined"))
    assert email and email.subject == "contractor@test.example does not want 3 locations"


def test_one_can_be_answered_withdrawn_or_renewed_by_itself(cast: Cast) -> None:
    """A renewed one leaves the envelope; with the last one gone, the envelope waits for nobody."""
    sites = sites_of(cast, 3)
    offer = share_all(cast, sites, email=cast.contractor.email)
    first, second, third = Invitation.objects.filter(offer=offer).order_by("location_id")
    invitations.renew(invitation=first, by=cast.installer)
    first.refresh_from_db()
    assert first.offer is None and first.is_live()
    invitations_accepting.decline(invitation=second, by=cast.contractor, nonce=second.nonce)
    assert (
        listing.count_waiting(cast.contractor).total() == 2
    )  # what is left of the offer, and the renewed one
    invitations.withdraw(invitation=third, by=cast.installer)
    offer.refresh_from_db()
    assert offer.state == "withdrawn"
    assert listing.page_of(cast.contractor).waiting == [first]


def test_what_a_sharer_with_an_end_offers_says_until_when(cast: Cast) -> None:
    """Nobody gives for longer than they have: the envelope ends with the last of what is in it."""
    sites, near, far = sites_of(cast, 2), in_days(3), in_days(30)
    for site, end in zip(sites, (near, far), strict=True):
        share(site, cast.installer, cast.contractor, MANAGE, access_ends_at=end)
    one = share_all(cast, sites[:1], by=cast.contractor, email="one@test.example", level=VIEW)
    assert one.access_ends_at == one.expires_at == near
    both = share_all(cast, sites, by=cast.contractor, email="both@test.example", level=VIEW)
    assert both.access_ends_at == far and both.expires_at == both.invited_at + VALIDITY
    assert {site.access_ends_at for site in both.invitations.all()} == {near, far}
    free = make_location(cast.contractor, None, "Free")
    all_of_it = share_all(cast, [*sites, free], by=cast.contractor, email="all@test.example", level=VIEW)
    assert all_of_it.access_ends_at is None


def test_the_sharer_withdraws_all_of_it(cast: Cast) -> None:
    sites = sites_of(cast, 2)
    offer = share_all(cast, sites, email=cast.contractor.email)
    outbox.deliver_due()
    assert offers.withdraw(offer=offer, by=cast.installer)
    assert not offers.withdraw(offer=offer, by=cast.installer)
    assert set(Invitation.objects.values_list("state", flat=True)) == {"withdrawn"}
    assert letters("offer-withdrawn") == [("offer-withdrawn", cast.contractor.email)]
    assert letters("withdrawn") == []
    email = outbox.render(OutgoingEmail.objects.get(kind="offer-withdrawn"))
    assert email and "The invitation to 2 locations was withdrawn" in email.subject
    again = share_all(cast, sites, email=cast.contractor.email)
    take_up(again, cast.contractor)
    with refused("has accepted meanwhile"):
        offers.withdraw(offer=again, by=cast.installer)


def test_nobody_answers(cast: Cast) -> None:
    """The sharer is told once, and can send it again."""
    offer = share_all(cast, sites_of(cast, 2), email=cast.contractor.email)
    week = timedelta(days=8)
    for model in (Offer, Invitation):
        for one in model.objects.all():
            model.objects.filter(pk=one.pk).update(
                invited_at=one.invited_at - week, expires_at=one.expires_at - week
            )
    assert withdrawing.settle_expired_invitations() == 3
    assert letters("expired") == [] and letters("offer-expired") == [("offer-expired", cast.installer.email)]
    assert (email := outbox.render(OutgoingEmail.objects.get(kind="offer-expired")))
    assert email.subject == "Your invitation to contractor@test.example for 2 locations has expired"
    offer.refresh_from_db()
    assert listing.page_of(cast.installer).sent == [offer]


def test_situations_of_an_offer(cast: Cast) -> None:
    """The sentences of every invitation hold for an offer of many."""
    sites = sites_of(cast, 2)
    offer = share_all(cast, sites, email=cast.contractor.email)

    def to(user: Any, **held: Any) -> str:
        return kinds.situation_of(Offer.objects.with_all().get(pk=offer.pk), Holder(user, **held))

    assert to(cast.contractor) == Situation.FINE
    assert to(cast.stranger) == Situation.UNKNOWN
    assert to(cast.stranger, has_code=True) == Situation.WRONG_ACCOUNT
    assert to(None, has_code=True) == Situation.SIGNED_OUT
    assert kinds.with_digest(offer.code_digest) == offer
    for site in sites:
        share(site, cast.installer, cast.contractor, MANAGE)
    assert to(cast.contractor) == Situation.STOPPED  # each was answered by itself
    second = share_all(cast, [cast.site], email=cast.contractor.email)
    give_access(
        location=cast.site, party=cast.contractor, level=MANAGE, reason=Access.Reason.CODE, by=cast.installer
    )
    assert kinds.situation_of(second, Holder(cast.contractor)) == Situation.HAS_ACCESS
    archive_location(location=cast.site, by=cast.installer)
    assert kinds.situation_of(second, Holder(cast.contractor)) == Situation.STOPPED
    offers.OFFERS.ask_for_new(invitation=second, by=cast.stranger)
    assert (email := outbox.render(OutgoingEmail.objects.get(kind="offer-asked-for")))
    assert "Stranger asks for a new invitation to 1 location" in email.subject


# --- Taking back, and other terms -------------------------------------------------------------------


def test_everything_that_a_party_has(cast: Cast) -> None:
    """Also what it has given on, archived ones too; not what is not ours, and each is told once."""
    sites = sites_of(cast, 3)
    for site in sites:
        share(site, cast.installer, cast.contractor, MANAGE)
        share(site, cast.contractor, cast.customer, VIEW)
    share(cast.bait, cast.stranger, cast.contractor, VIEW)
    share(cast.bait, cast.stranger, cast.installer, VIEW)
    archive_location(location=sites[2], by=cast.installer)
    everything = Selection(cast.installer, everything=True, archived="any")
    found = {(str(one.party), one.count) for one in parties_on(everything)}
    assert found == {("Contractor", 3), ("Customer", 3)}
    there = everything.locations_of(cast.contractor)
    assert {one.name for one in there} == {"Plads 0", "Plads 1", "Plads 2", "Havnevej 2"}
    OutgoingEmail.objects.all().delete()
    job = order(cast, Act.END, list(there), user=cast.contractor)
    assert work(job) == {
        "Plads 0": "ended",
        "Plads 1": "ended",
        "Plads 2": "ended",
        "Havnevej 2": "not_yours",
    }
    assert letters("access") == [
        ("accesses-removed", "contractor@test.example"),
        ("accesses-removed", "customer@test.example"),
    ]
    email = outbox.render(OutgoingEmail.objects.get(kind="accesses-removed", address="customer@test.example"))
    assert email and email.subject == "Your access to 3 locations has ended"
    for site in sites:
        assert level_of(cast.contractor, site) is None and level_of(cast.customer, site) is None
    assert replay() == as_it_is()
    assert level_of(cast.contractor, cast.bait) == VIEW


def test_what_they_gave_on_can_be_kept(cast: Cast) -> None:
    site = sites_of(cast, 1)[0]
    share(site, cast.installer, cast.contractor, MANAGE)
    share(site, cast.contractor, cast.customer, VIEW)
    work(order(cast, Act.END, [site], user=cast.contractor, also_given_on=False))
    assert level_of(cast.contractor, site) is None and level_of(cast.customer, site) == VIEW


def test_invitations_and_codes_go_with_it(cast: Cast) -> None:
    """As on a single location: what the one put out has open, an offer to others too, and the live code."""
    sites = sites_of(cast, 2)
    for site in sites:
        share(site, cast.installer, cast.contractor, MANAGE)
        invitations_codes.create_code(location=site, by=cast.installer, level=VIEW)
    invite(sites[0], cast.contractor, cast.customer)
    offer = share_all(cast, sites, email=NEW_ADDRESS, by=cast.contractor)
    work(order(cast, Act.END, sites, user=cast.contractor))
    assert not Invitation.objects.open().exists()
    offer.refresh_from_db()
    assert offer.state == "withdrawn"


def test_ending_tells_nothing_apart(cast: Cast) -> None:
    """Nothing there, and not yours: an installing party is not put out by somebody it has shared with."""
    site, other = sites_of(cast, 2)
    share(site, cast.installer, cast.contractor, MANAGE)
    job = order(cast, Act.END, [site], organisation=cast.firm, by=cast.contractor)
    assert outcomes(job) == {"Plads 0": "not_yours"}
    assert outcomes(order(cast, Act.END, [other], user=cast.contractor)) == {"Plads 1": "nothing"}
    job = order(cast, Act.END, [other, site], user=cast.contractor, by=cast.stranger)
    assert set(outcomes(job).values()) == {"not_yours"}


def test_other_terms_for_many(cast: Cast) -> None:
    """Level and end as the rules of one location say; what was given on is shortened with it."""
    sites = sites_of(cast, 4)
    for site in sites[:3]:
        share(site, cast.installer, cast.contractor, MANAGE)
    given_on = share(sites[0], cast.contractor, cast.customer, VIEW)
    share(sites[2], cast.contractor, cast.operator, VIEW)
    archive_location(location=sites[2], by=cast.installer)
    end = in_days(20)
    job = order(cast, Act.TERMS, sites, user=cast.contractor, level=VIEW, sets_end=True, access_ends_at=end)
    assert work(job) == {
        "Plads 0": "changed",
        "Plads 1": "changed",
        "Plads 2": "changed",  # less can be given on an archived location
        "Plads 3": "nothing",
    }
    held = Access.objects.live().filter(user=cast.contractor)
    assert {(access.level, access.ends_at) for access in held} == {(1, end)}
    given_on.refresh_from_db()
    assert given_on.ends_at == end
    assert outcomes(
        order(cast, Act.TERMS, sites[:1], user=cast.contractor, level=VIEW, sets_end=True, access_ends_at=end)
    ) == {"Plads 0": "the_same"}
    longer = order(cast, Act.TERMS, sites[1:3], user=cast.contractor, sets_end=True)
    assert work(longer) == {"Plads 1": "changed", "Plads 2": "archived"}
    assert replay() == as_it_is()


def test_nobody_extends_beyond_their_own_end_or_into_the_past(cast: Cast) -> None:
    site = sites_of(cast, 1)[0]
    share(site, cast.installer, cast.contractor, MANAGE, access_ends_at=in_days(30))
    share(site, cast.contractor, cast.customer, VIEW, access_ends_at=in_days(10))
    for end in (None, in_days(40), in_days(-1)):
        job = order(
            cast,
            Act.TERMS,
            [site],
            user=cast.customer,
            by=cast.contractor,
            sets_end=True,
            access_ends_at=end,
        )
        assert outcomes(job) == {"Plads 0": "beyond"}


def test_of_several_ways_each_is_changed(cast: Cast) -> None:
    """Lesser ones first, so that a way that another one replaces is not brought back."""
    site = sites_of(cast, 1)[0]
    share(site, cast.installer, cast.contractor, VIEW)
    share(site, cast.installer, cast.contractor, MANAGE, access_ends_at=in_days(9))
    assert Access.objects.live().filter(user=cast.contractor).count() == 2
    work(order(cast, Act.TERMS, [site], user=cast.contractor, level=MANAGE, sets_end=True))
    left = Access.objects.live().get(user=cast.contractor)
    assert (left.level, left.ends_at) == (3, None)
    assert replay() == as_it_is()


def test_lowering_withdraws_a_code_that_gives_more(cast: Cast) -> None:
    sites = sites_of(cast, 2)
    for site, level in zip(sites, (MANAGE, VIEW), strict=True):
        share(site, cast.installer, cast.contractor, MANAGE)
        invitations_codes.create_code(location=site, by=cast.installer, level=level)
    work(order(cast, Act.TERMS, sites, user=cast.contractor, level=VIEW))
    assert [code.location for code in Invitation.objects.open().filter(kind="code")] == [sites[1]]


# --- Who, and what, is meant --------------------------------------------------------------------------


def test_a_party_is_named_by_an_access_one_manages(cast: Cast) -> None:
    """Not by one's own, nor by one of a location one does not manage, nor by nonsense."""
    site = sites_of(cast, 1)[0]
    access = share(site, cast.installer, cast.contractor, MANAGE)
    assert party_of(cast.installer, str(access.uuid)) == access
    assert party_of(cast.contractor, str(access.uuid)) is None
    assert party_of(cast.stranger, str(access.uuid)) is None
    assert party_of(cast.installer, "x") is None
    owner = make_owner(site, cast.customer, cast.installer)
    assert party_of(cast.installer, str(owner.uuid)) is None


def test_a_selection_follows_the_filter(cast: Cast) -> None:
    sites = sites_of(cast, 3)
    archive_location(location=sites[2], by=cast.installer)

    def named(**said: Any) -> set[str]:
        return {one.name for one in Selection.of(cast.installer, said).locations()}

    assert named(all="1", q="plads") == {"Plads 0", "Plads 1"}
    assert named(all="1", archived="1") == {"Plads 2"}
    assert named(all="1", archived="any", q="plads") == {"Plads 0", "Plads 1", "Plads 2"}
    assert named(all="1", by="me", q="plads") == {"Plads 0", "Plads 1"}  # in one organisation no filter
    assert named() == set()


def test_the_rules_of_one_are_the_rules_of_many(cast: Cast) -> None:
    """The batch forms of the Viewer and of who may share give what the single ones give."""
    sites = [*sites_of(cast, 3), cast.site, cast.bait]
    share(sites[0], cast.installer, cast.contractor, MANAGE, access_ends_at=in_days(3))
    share(sites[0], cast.installer, cast.operator, MANAGE)
    share(sites[1], cast.installer, cast.contractor, VIEW)
    gone = make_person("gone@test.example", is_active=False)
    for user in (cast.installer, cast.contractor, cast.operator, cast.stranger, gone):
        viewers, ways = Viewer.of_many(user, sites), ways_to_share_by(user, sites)
        for site in sites:
            one = Viewer.of(user, site)
            assert viewers[site.pk] == one and viewers[site.pk].level == level_of(user, site)
            assert ways.get(site.pk) == access_to_share_by(user, site)
    assert set(Outcome.values) >= {"new", "ended"}

"""Where many locations at once meets leaving, deleting, support and keys: nothing of it is left."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from organisations.services import replace_key
from portal.models import Activity, Throttle
from portal.verbs import Verb
from sharing.access import changing, removing
from sharing.bulk import jobs, offers
from sharing.bulk.selection import Selection
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import BulkJob, Invitation, Offer
from sharing.support.overview import case_of
from tests.cast import Cast, invite, share
from tests.sharing.bulk.test_jobs import NEW_ADDRESS, Act, order, outcomes, share_all, sites_of
from tests.tools import in_days, refused

VIEW, CONFIGURE, MANAGE = Level


def settle(cast: Cast, how: str, ways: list[Access]) -> None:
    if how == "recipient":
        withdrawing.withdraw_sent_to(organisation=cast.operators, by=cast.operator)
    elif how == "member":
        withdrawing.withdraw_of_former_member(organisation=cast.firm, user=cast.contractor, by=cast.installer)
    else:
        removing.withdraw_after(ways, cast.installer)


@pytest.mark.parametrize("how", ["recipient", "member", "organisation"])
def test_what_was_sent_in_one_order_ends_in_as_many_statements_as_one(cast: Cast, how: str) -> None:
    """When its sharer is put out, or their organisation loses its locations, or its recipient is no more."""
    costs = []
    for count in (1, 5):
        sites = sites_of(cast, count)
        ways = [share(site, cast.installer, cast.contractor, MANAGE) for site in sites]
        Throttle.objects.all().delete()
        to: dict[str, Any] = {"email": f"{how}-{count}@test.example"}
        if how == "recipient":
            to = {"organisation": cast.operators}
        offer = share_all(cast, sites, by=cast.contractor, **to)
        if how in ("member", "organisation"):
            Access.objects.filter(pk__in=[way.pk for way in ways]).update(ended_at=timezone.now())
        with CaptureQueriesContext(connection) as captured:
            settle(cast, how, ways)
        costs.append(len(captured))
        assert not Invitation.objects.open().filter(offer=offer).exists()
        assert Offer.objects.get(pk=offer.pk).state == "withdrawn"
    assert costs[0] == costs[1]


def test_what_has_come_into_an_envelope_meanwhile_is_withdrawn_with_it(cast: Cast) -> None:
    """A page from before it was sent again with others must not leave an empty envelope waiting."""
    (site,) = sites_of(cast, 1)
    alone = invite(site, cast.installer, cast.contractor, VIEW)
    offer = share_all(cast, [site], email=cast.contractor.email, level=VIEW)
    assert invitations.withdraw(invitation=alone, by=cast.installer)
    offer.refresh_from_db()
    assert offer.state == "withdrawn"


def test_an_answer_given_meanwhile_is_not_recorded_as_withdrawn(cast: Cast) -> None:
    """Declining locks no location: what was read as open may have been answered since."""
    share_all(cast, sites_of(cast, 2), email=cast.contractor.email)
    read_before = list(Invitation.objects.open().with_all().order_by("location_id"))
    first = read_before[0]
    invitations_accepting.decline(invitation=first, by=cast.contractor, nonce=first.nonce)
    withdrawing.withdraw_all(read_before, cast.installer)
    withdrawn = Activity.objects.filter(verb=Verb.INVITATION_WITHDRAWN)
    assert [one.location_id for one in withdrawn] == [read_before[1].location_id]


def test_a_key_replaced_after_the_order_opens_nothing(cast: Cast) -> None:
    """As with one location, where the key is asked again under the lock."""
    version = cast.operators.key_version
    job = order(cast, Act.SHARE, sites_of(cast, 2), organisation=cast.operators, key_version=version)
    jobs.confirm(job=job, by=cast.installer)
    replace_key(organisation=cast.operators, by=cast.operator)
    jobs.work_off()
    assert set(outcomes(job).values()) == {"refused"}
    assert not Offer.objects.exists() and not Invitation.objects.exists()


def test_too_many_are_refused_without_being_read(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST", 2)
    sites_of(cast, 5)
    everything = Selection(cast.installer, everything=True)
    job = BulkJob(by=cast.installer, act=Act.SHARE, email=NEW_ADDRESS, level=VIEW, language="da")
    with CaptureQueriesContext(connection) as captured, refused("too many"):
        jobs.draft(job, everything.locations())
    assert any("LIMIT 3" in one["sql"] for one in captured)


def test_support_sees_the_e_mail_of_the_envelope(cast: Cast) -> None:
    """An invitation that came with others has no e-mail of its own: did the one they came in arrive?"""
    sites = sites_of(cast, 2)
    share_all(cast, sites, email=NEW_ADDRESS)
    (one,) = case_of(sites[0], cast.support).invitations
    assert [(email.kind, email.address) for email in one.emails] == [("offer", NEW_ADDRESS)]


def test_nothing_is_used_up_by_whoever_would_gain_nothing(cast: Cast) -> None:
    """The sharer's own end came nearer since: what they can still give, the recipient has already."""
    code_site, offer_site = sites_of(cast, 2)
    for site in (code_site, offer_site):
        share(site, cast.installer, cast.operator, MANAGE)
    code, _ = invitations_codes.create_code(location=code_site, by=cast.operator, level=VIEW, works_once=True)
    offer = share_all(cast, [offer_site], by=cast.operator, email=cast.contractor.email, level=VIEW)
    end = in_days(30)
    for site in (code_site, offer_site):
        share(site, cast.installer, cast.customer, MANAGE, access_ends_at=end)
        way = Access.objects.live().get(location=site, user=cast.operator)
        changing.change_terms(access=way, by=cast.installer, level=MANAGE, ends_at=end)
    code.refresh_from_db()
    with refused("already have access"):
        invitations_accepting.accept(invitation=code, by=cast.customer, nonce=code.nonce)
    Access.objects.filter(location=offer_site, user=cast.customer).update(user=cast.contractor)
    offer.refresh_from_db()
    job = offers.accept(offer=offer, by=cast.contractor, nonce=offer.nonce)
    jobs.work_off()
    assert set(outcomes(job).values()) == {"has_access"}

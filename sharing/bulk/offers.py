"""What a recipient does with an offer of many locations: accept or decline all of it in one step.

Accepting answers the offer at once, and gives the access in batches (`sharing.bulk.jobs`): each location's
own invitation is asked again then, so that nothing is given which was withdrawn meanwhile.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from organisations.permissions import is_administrator
from organisations.services import lock_organisation
from portal.accounts.receiving import can_receive
from portal.activity.record import record_all
from portal.errors import Refusal
from portal.invitations.answering import Answering, Situation
from portal.models import User
from portal.signals import invitations_over
from portal.verbs import Verb
from sharing.invitations import offer_emails
from sharing.invitations.withdrawing import withdraw_all
from sharing.models import Acceptance, BulkJob, BulkRow, Invitation, Offer
from sharing.models.bulk import Outcome
from sharing.permissions import covering, party_ways, ways_to_share_by
from sharing.record import of_invitation

State = Invitation.State
Outcomes = dict[int, Outcome]


class AnsweringOffers(Answering):
    """How offers of many locations are answered."""

    model = Offer
    sentences: ClassVar = {
        Situation.HAS_ACCESS: _("You already have access to these locations."),
        Situation.STOPPED: _("Nothing of this can be shared any more by the person who invited you."),
    }

    def of_somebody_else(self, invitation: Offer) -> Situation:
        return Situation.NOT_ADMINISTRATOR if invitation.organisation else Situation.WRONG_ACCOUNT

    def as_things_stand(self, invitation: Offer, user: User) -> Situation:
        """Fine while one location in it is in use, can still be shared by whoever did, and is new to them."""
        standing = _that_stand(invitation)
        if not standing:
            return Situation.HAS_ACCESS if self.has_it(invitation, user) else Situation.STOPPED
        held = party_ways(invitation.organisation or user, [one.location for one in standing])
        covered = [_covers(held.get(one.location_id, []), one, way) for one, way in standing.items()]
        return Situation.HAS_ACCESS if all(covered) else Situation.FINE

    def has_it(self, invitation: Offer, user: User) -> bool:
        """One in use of those in it that they got by another way."""
        there = Location.objects.filter(invitations__in=_got_another_way(invitation), archived_at=None)
        return bool(party_ways(invitation.organisation or user, list(there)))

    def about(self, invitation: Offer) -> dict[str, Any]:
        """Of many locations; the record is kept by location, so it names none."""
        return {"organisation": invitation.organisation, "kind": "offer"}

    def declined(self, invitation: Offer, by: User) -> None:
        """With it each invitation that is in it still."""
        inside = Invitation.objects.open().filter(offer=invitation).with_all()
        # Locked, so that each is answered once; whoever accepts one by itself waits, or comes first.
        answered = list(inside.select_for_update(of=("self",)).order_by("location_id"))
        inside.update(state=State.DECLINED, settled_by=by, settled_at=timezone.now())
        invitations_over.send(sender=Invitation, ids=[one.pk for one in answered])
        record_all(of_invitation(Verb.INVITATION_DECLINED, one, by) for one in answered)
        offer_emails.queue_to_sharer("offer-declined", invitation)

    def asked_for(self, invitation: Offer, by: User) -> None:
        offer_emails.queue_to_sharer(
            "offer-asked-for", invitation, by=by.pk, once=f"{by.pk}/{timezone.now()}"
        )


OFFERS = AnsweringOffers()


def left_in(offer: Offer) -> Any:
    """The invitations in it that can be answered still, by name of location; what gives less comes first."""
    inside = Invitation.objects.open().filter(offer=offer).with_all()
    return inside.order_by("level", "location__sort_name", "location_id")


@transaction.atomic
def accept(*, offer: Offer, by: User, nonce: str) -> BulkJob:
    """Take all of it up, for `by` or for the organisation it was sent to; returns the job that does it.

    Raises Refusal with the reason, `situation` in its data. Of many at once one succeeds.
    """
    party = _party(offer, by)
    if not offer.answer(State.ACCEPTED, by=by, nonce=nonce):
        raise OFFERS.why_not(offer, by, nonce)
    job = BulkJob.objects.create(
        by=by,
        act=BulkJob.Act.ACCEPT,
        state=BulkJob.State.QUEUED,
        offer=offer,
        language=by.language,
        **{"user" if isinstance(party, User) else "organisation": party},
    )
    ids = left_in(offer).order_by("location_id").values_list("location_id", flat=True)
    BulkRow.objects.bulk_create([BulkRow(job=job, location_id=pk, outcome=Outcome.ADDED) for pk in ids])
    # Said to be there already, and not that it was withdrawn.
    held = _got_another_way(offer).order_by("location_id").values_list("location_id", flat=True)
    BulkRow.objects.bulk_create(
        [BulkRow(job=job, location_id=pk, outcome=Outcome.HAS_ACCESS, done=True) for pk in held]
    )
    return job


def _party(offer: Offer, by: User) -> Party:
    """For whom it is accepted. Raises Refusal unless `by` may."""
    if offer.organisation is None and not OFFERS.is_addressed_to(offer, by):
        raise OFFERS.refusal(Situation.WRONG_ACCOUNT, offer)
    OFFERS.refuse_support(offer, by)
    if offer.organisation is None:
        return by
    organisation = lock_organisation(offer.organisation)
    if not is_administrator(by, organisation):
        raise OFFERS.refusal(Situation.NOT_ADMINISTRATOR, offer)
    return organisation


def add(job: BulkJob, ids: Collection[int]) -> Outcomes:
    """Give the access to each of these, as far as its invitation stands, in the caller's transaction."""
    if job.organisation:
        job.organisation = lock_organisation(job.organisation)
    offer, party = _of(job)
    here = {one.pk: one for one in locations.lock_locations(ids)}
    # In time is what was so when the offer was accepted, however late a worker comes.
    waits = Invitation.objects.filter(offer=offer, state=State.PENDING, expires_at__gt=offer.settled_at)
    inside = (waits | _got_another_way(offer)).filter(location__in=here)
    invitations = inside.select_for_update(of=("self",))
    outcomes = dict.fromkeys(ids, Outcome.GONE)
    if not can_receive(job.by) or (job.organisation and not is_administrator(job.by, job.organisation)):
        return outcomes
    ways = ways_to_share_by(offer.invited_by, here.values())
    held = party_ways(party, here.values())
    chosen: list[Invitation] = []
    for invitation in invitations.order_by("location_id").select_related("organisation"):
        pk = invitation.location_id
        invitation.location, invitation.invited_by = here[pk], offer.invited_by
        if here[pk].archived_at:
            continue
        if invitation.state == State.WITHDRAWN:
            outcomes[pk] = Outcome.HAS_ACCESS if pk in held else Outcome.GONE
            continue
        if pk not in ways:
            continue
        if _covers(held.get(pk, []), invitation, ways[pk]):
            outcomes[pk] = Outcome.HAS_ACCESS
            continue
        outcomes[pk] = Outcome.ADDED
        chosen.append(invitation)
    if chosen:
        _give(job, chosen, ways)
    return outcomes


def _give(job: BulkJob, chosen: list[Invitation], ways: dict[int, Access]) -> None:
    Invitation.objects.filter(pk__in=[one.pk for one in chosen]).update(
        state=State.ACCEPTED, settled_by=job.by, settled_at=timezone.now(), uses=F("uses") + 1
    )
    # One may have been lowered since all of it was sent.
    terms: dict[tuple[int, datetime | None], list[Invitation]] = defaultdict(list)
    for one in chosen:
        terms[one.level, ways[one.location_id].gives_until(one.access_ends_at)].append(one)
    offer, party = _of(job)
    reason = Access.Reason.ORGANISATION if job.organisation else Access.Reason.EMAIL
    given: dict[int, Access] = {}
    for (level, ends_at), some in terms.items():
        accesses = locations.give_all(
            locations=[one.location for one in some],
            party=party,
            level=Level(level),
            reason=reason,
            by=offer.invited_by,
            through_ids={one.location_id: ways[one.location_id].pk for one in some},
            ends_at=ends_at,
        )
        given |= {access.location_id: access for access in accesses}
    Acceptance.objects.bulk_create(
        Acceptance(invitation=one, access=given[one.location_id], by=job.by, nonce=one.nonce)
        for one in chosen
    )
    record_all(of_invitation(Verb.INVITATION_ACCEPTED, one, job.by) for one in chosen)
    # Once it is given: who asked to use one of them may have it by that.
    invitations_over.send(sender=Invitation, ids=[one.pk for one in chosen])


def finish(job: BulkJob) -> None:
    """The sharer is told once, of what was added."""
    added = job.rows.filter(outcome=Outcome.ADDED).count()
    if added:
        offer_emails.queue_to_sharer("offer-accepted", _of(job)[0], added=added)


def _of(job: BulkJob) -> tuple[Offer, Party]:
    """The offer that was accepted, and for whom."""
    return cast(Offer, job.offer), cast(Party, job.party)


@transaction.atomic
def withdraw(*, offer: Offer, by: User) -> bool:
    """Take back what is unanswered of it; whether there was anything. Raises Refusal once accepted."""
    inside = Invitation.objects.unsettled().filter(offer=offer)
    locations.lock_locations(list(inside.values_list("location_id", flat=True)))
    withdrawn = offer.withdraw(by)
    if withdrawn:
        offer_emails.queue_withdrawn(offer)
        withdraw_all(list(inside.with_all()), by)
    elif Offer.objects.filter(pk=offer.pk, state=State.ACCEPTED).exists():
        raise Refusal(
            _("{recipient} has accepted meanwhile. You can take the access away instead.").format(
                recipient=offer.recipient
            )
        )
    return withdrawn


def _got_another_way(offer: Offer) -> Any:
    """Those in it that were settled because their location was got another way."""
    return Invitation.objects.filter(offer=offer, state=State.WITHDRAWN, settled_by=None)


def _that_stand(offer: Offer) -> dict[Invitation, Access]:
    """Those in it that can be accepted: to locations in use, each with the access it would be shared by."""
    inside = [one for one in left_in(offer) if one.location.archived_at is None]
    ways = ways_to_share_by(offer.invited_by, [one.location for one in inside])
    return {one: ways[one.location_id] for one in inside if one.location_id in ways}


def _covers(held: Collection[Access], invitation: Invitation, way: Access) -> bool:
    """Whether one of these gives as much already as the invitation would, given on from `way`."""
    ends_at = way.gives_until(invitation.access_ends_at)
    return covering(held, level=Level(invitation.level), ends_at=ends_at) is not None

"""Sharing many locations with one person or organisation: what would become of each, and doing it.

The rules are those of `sharing.invitations.services`, asked of a batch: as many statements for five hundred
locations as for one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Count, Max
from django.utils.translation import override

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from organisations.services import lock_organisation
from portal.activity.record import record_all
from portal.errors import Refusal
from portal.verbs import Verb
from sharing.invitations import offer_emails
from sharing.invitations.recipients import refuse_unless_it_takes_shares, what_the_sharer_knows_of
from sharing.invitations.services import fill
from sharing.models import BulkJob, Invitation, Offer
from sharing.models.bulk import CHANGING, Outcome
from sharing.permissions import Viewer, by_location, covering, ways_to_share_by
from sharing.record import of_invitation

Outcomes = dict[int, Outcome]
_VERBS = {Outcome.NEW: Verb.INVITED, Outcome.MORE: Verb.INVITED, Outcome.AGAIN: Verb.INVITED_AGAIN}


@dataclass
class Look:
    """A batch of locations as the sharer finds them, with everything that decides about each."""

    job: BulkJob
    viewers: dict[int, Viewer]
    ways: dict[int, Access]
    held: dict[int, list[Access]]
    invitations: dict[int, Invitation]

    @property
    def level(self) -> Level:
        """What is offered."""
        return Level(cast(int, self.job.level))

    @classmethod
    def at(cls, job: BulkJob, found: Collection[Location]) -> "Look":
        """Six queries, whatever their number."""
        theirs = (
            Access.objects.live().of_party(job.organisation)
            if job.organisation
            else what_the_sharer_knows_of(job.email, job.by)
        )
        sent = Invitation.objects.filter(location__in=found, email=job.email, organisation=job.organisation)
        return cls(
            job=job,
            viewers=Viewer.of_many(job.by, found),
            ways=ways_to_share_by(job.by, found),
            held=by_location(theirs.filter(location__in=found)),
            invitations={one.location_id: one for one in sent.exclude(kind=Invitation.Kind.CODE).with_all()},
        )

    def outcomes(self) -> Outcomes:
        """What would become of each location now."""
        return {pk: self._outcome(viewer) for pk, viewer in self.viewers.items()}

    def _outcome(self, viewer: Viewer) -> Outcome:
        pk, job = viewer.location.pk, self.job
        way, held, invitation = self.ways.get(pk), self.held.get(pk, []), self.invitations.get(pk)
        if way is None:
            return Outcome.NOT_YOURS
        if viewer.location.archived_at:
            return Outcome.ARCHIVED
        if covering(held, level=self.level, ends_at=way.gives_until(job.access_ends_at)):
            return Outcome.HAS_ACCESS
        if invitation and invitation.is_live() and not viewer.answers_for(invitation):
            return Outcome.OTHERS
        try:
            self.filled(viewer.location)
        except Refusal:
            return Outcome.BEYOND
        if invitation:
            return Outcome.AGAIN
        return Outcome.MORE if held else Outcome.NEW

    def filled(self, location: Location) -> Invitation:
        """The invitation to it, with a fresh life; not saved. Raises Refusal where its time is over."""
        job, way = self.job, self.ways[location.pk]
        kind = Invitation.Kind.ORGANISATION if job.organisation else Invitation.Kind.PERSON
        invitation = self.invitations.get(location.pk) or Invitation(
            location=location, kind=kind, email=job.email, organisation=job.organisation
        )
        fill(invitation, job.by, way, self.level, job.message, job.access_ends_at)
        return invitation


def look(job: BulkJob, found: Collection[Location]) -> Outcomes:
    """What would become of each of these now. Raises Refusal where the organisation takes nothing."""
    if job.organisation:
        refuse_unless_it_takes_shares(job.organisation)
    return Look.at(job, found).outcomes()


def do(job: BulkJob, ids: Collection[int]) -> Outcomes:
    """Invite to each of these where it is still right, in the caller's transaction."""
    if job.organisation:
        # Locked first: organisation, location, invitation, access.
        job.organisation = lock_organisation(job.organisation)
        if job.key_version not in ("", job.organisation.key_version):
            # As with one location: a key that was replaced meanwhile opens nothing.
            return dict.fromkeys(ids, Outcome.REFUSED)
        try:
            refuse_unless_it_takes_shares(job.organisation)
        except Refusal:
            return dict.fromkeys(ids, Outcome.REFUSED)
    found = Look.at(job, locations.lock_locations(ids))
    outcomes = found.outcomes()
    chosen = [pk for pk, outcome in outcomes.items() if outcome in CHANGING]
    if chosen:
        with override(job.language):
            _invite(job, found, outcomes, chosen)
    return outcomes


def _invite(job: BulkJob, found: Look, outcomes: Outcomes, chosen: list[int]) -> None:
    offer = job.offer or _begin_offer(job)
    invitations = [found.filled(found.viewers[pk].location) for pk in chosen]
    for invitation in invitations:
        invitation.offer = offer
        # All of the envelope end together, unless what one offers ends sooner.
        invitation.expires_at = min(offer.expires_at, invitation.expires_at)
    known = {one.pk for one in found.invitations.values()}
    Invitation.objects.bulk_create(one for one in invitations if one.pk not in known)
    _renew([one for one in invitations if one.pk in known])
    record_all(of_invitation(_VERBS[outcomes[one.location_id]], one, job.by) for one in invitations)


def _renew(invitations: list[Invitation]) -> None:
    """Write over those there were: an INSERT that meets them, which for many is quicker than an UPDATE."""
    kept = {"id", "uuid", "location", "kind", "email", "organisation", "works_once"}
    fields = [field.name for field in Invitation._meta.concrete_fields if field.name not in kept]
    Invitation.objects.bulk_create(
        invitations, update_conflicts=True, unique_fields=["id"], update_fields=fields
    )


def _begin_offer(job: BulkJob) -> Offer:
    """The envelope, with the first invitations that go into it."""
    terms: dict[str, Any] = {"level": job.level, "access_ends_at": job.access_ends_at, "message": job.message}
    offer = Offer(email=job.email, organisation=job.organisation, **terms)
    offer.begin(job.by, until=job.access_ends_at)
    offer.save()
    job.offer = offer
    job.save(update_fields=["offer"])
    return offer


def finish(job: BulkJob) -> None:
    """One e-mail for all of it, if there is anything in it."""
    if job.offer:
        _sum_up(job.offer)
        offer_emails.queue_offer(job.offer)


def _sum_up(offer: Offer) -> None:
    """How many there are, and when the last of them ends: each ends with the sharer's own at the latest."""
    ending, last = Count("access_ends_at"), Max("access_ends_at")
    inside = offer.invitations.aggregate(n=Count("pk"), ending=ending, last=last)
    offer.size = inside["n"]
    if inside["n"] == inside["ending"]:
        offer.access_ends_at = inside["last"]
        offer.expires_at = offer.answer_before(inside["last"])
    offer.save(update_fields=["size", "access_ends_at", "expires_at"])

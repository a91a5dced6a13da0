"""What was got another way settles what waits for it (product rule 3).

Whoever has as much already, in level and in time, needs no invitation and need not ask for one: what waits is
withdrawn, or no longer asked, by nobody. Nobody is written to; it does not come back when the other way ends.
Asked whenever somebody has got more: by access (`locations.signals`), by membership, by a new address.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Self

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from locations.levels import Level
from locations.models import Access, Location
from locations.services import lock_locations
from organisations.models import Membership, Organisation
from portal.activity.record import record_all
from portal.models import User
from portal.verbs import Verb
from sharing.invitations.withdrawing import withdraw_all
from sharing.models import AccessRequest, Invitation
from sharing.permissions import by_location, covering, ways_to_share_by
from sharing.record import of_request


def settle_what_waits(locations: Collection[Location]) -> None:
    """Settle all that waits on these locations for who has as much by now, under the caller's locks on them.

    Two queries where nothing waits; else some more, whatever their number, and one for each sharer whose own
    end may have come nearer. Requests first: whoever asked to use an invitation is refused once it is over.
    """
    sent = Invitation.objects.unsettled().exclude(kind=Invitation.Kind.CODE)
    whose = EmailAddress.objects.filter(verified=True, email=OuterRef("email")).values("user")[:1]
    found = sent.filter(location__in=locations).annotate(person=Subquery(whose))
    # An address that nobody has shown to be theirs is nobody's.
    invitations = [one for one in found.with_all() if one.person or one.organisation_id]
    asked = AccessRequest.objects.waiting_on([one.pk for one in locations]).with_all()
    requests = list(asked.select_related("invitation__invited_by"))
    if not invitations and not requests:
        return
    held = _Held.by_those(invitations, requests, locations)
    settle_requests([one for one in requests if held.answers(one)])
    withdraw_all([one for one in invitations if held.covers(one)], None, tell=False)


def lock_what_waits_at(address: str) -> list[Location]:
    """Lock, and return, the locations on which an invitation waits for whoever shows this address theirs."""
    sent = Invitation.objects.unsettled().filter(kind=Invitation.Kind.PERSON, email=address)
    return lock_locations(set(sent.values_list("location_id", flat=True)))


@transaction.atomic
def settle_what_waits_at(address: str) -> None:
    """Settle what waits at an address that was just shown to be somebody's: they may have as much already."""
    settle_what_waits(lock_what_waits_at(address))


def settle_requests_of_member(organisation: Organisation, user: User) -> None:
    """Who is a member by now need not use an invitation into the organisation that was sent to others."""
    asked = AccessRequest.objects.waiting().filter(user=user, member_invitation__organisation=organisation)
    settle_requests(list(asked.with_all()))


def settle_requests(requests: Collection[AccessRequest]) -> None:
    """Who asked has it another way: nobody need answer any more."""
    settled = AccessRequest.objects.answer(requests, AccessRequest.State.SETTLED, by=None)
    # What nobody has looked up yet was never on the record.
    record_all(of_request(Verb.REQUEST_SETTLED, one, None) for one in settled if one.offer or one.location)


@dataclass
class _Held:
    """What those for whom something waits have, by whatever way."""

    organisations: dict[int, set[int]]
    ways: dict[int, list[Access]]
    locations: Collection[Location]
    # By which access each sharer that was asked about can share each location.
    through: dict[int, dict[int, Access]] = field(default_factory=dict)

    @classmethod
    def by_those(
        cls,
        invitations: Iterable[Invitation],
        requests: Iterable[AccessRequest],
        locations: Collection[Location],
    ) -> Self:
        people = {one.person for one in invitations if one.person}
        asked_by = {*people, *(one.user_id for one in requests)}
        organisations: dict[int, set[int]] = defaultdict(set)
        members = Membership.objects.filter(user__in=asked_by).values_list("user", "organisation")
        for user, organisation in members:
            organisations[user].add(organisation)
        invited = {one.organisation_id for one in invitations if one.organisation_id}
        theirs = Q(user__in=asked_by) | Q(organisation__in=invited.union(*organisations.values()))
        live = Access.objects.live().filter(theirs, location__in=locations)
        return cls(organisations, by_location(live), locations)

    def covers(self, invitation: Invitation) -> bool:
        """Whether whom it was sent to has as much."""
        return self._cover(self._of(invitation), invitation)

    def answers(self, request: AccessRequest) -> bool:
        """Whether who asked has as much: anything, where nothing more was asked for."""
        offer = request.invitation
        held = self._of_person(request.user_id, offer.location_id if offer else request.number)
        return self._cover(held, offer) if offer else bool(held)

    def _cover(self, held: Collection[Access], invitation: Invitation) -> bool:
        """Whether these give as much as it would: no longer than its sharer could give it now."""
        level, ends_at = Level(invitation.level), invitation.access_ends_at
        if covering(held, level=level, ends_at=ends_at):
            return True
        if not any(way.level >= level for way in held):
            return False
        through = self._through(invitation)
        return through is not None and bool(covering(held, level=level, ends_at=through.gives_until(ends_at)))

    def _through(self, invitation: Invitation) -> Access | None:
        """By what its sharer can share its location now. One query for each sharer."""
        sharer = invitation.invited_by
        if sharer.pk not in self.through:
            self.through[sharer.pk] = ways_to_share_by(sharer, self.locations)
        return self.through[sharer.pk].get(invitation.location_id)

    def _of(self, invitation: Invitation) -> list[Access]:
        if invitation.organisation_id:
            here = self.ways.get(invitation.location_id, [])
            return [way for way in here if way.organisation_id == invitation.organisation_id]
        return self._of_person(invitation.person, invitation.location_id)

    def _of_person(self, person: int | None, location_id: int | None) -> list[Access]:
        theirs = self.organisations.get(person or 0, set())
        here = self.ways.get(location_id or 0, [])
        return [way for way in here if way.user_id == person or way.organisation_id in theirs]

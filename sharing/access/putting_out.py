"""Whoever is put out has nothing left to come back by (product rule 3).

Put out is whose access somebody else ends or lowers: on the tab, in a review, on many locations, as support,
by what it was given on from, or with a membership. Not who leaves, whose end date has come, or who becomes
Owner. With the last of it goes all that is open to that very party there: invitations of every kind, its part
of an invitation to many, what it asks for. A lowered level lowers what was offered beyond it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from organisations.models import Organisation
from portal.accounts.addresses import verified_addresses
from portal.activity.record import record_all
from portal.models import User
from portal.verbs import Verb
from sharing.access.emails import queue_offers_taken_back
from sharing.invitations.withdrawing import withdraw_all, withdraw_pending_transfer
from sharing.models import AccessRequest, Invitation, Transfer
from sharing.permissions import party_ways
from sharing.record import of_invitation, of_request
from sharing.signals import requests_refused


@dataclass(frozen=True)
class Loss:
    """What one party loses on one location, or has lost: `had` is the level of it."""

    party: Party
    location: Location
    had: int


@dataclass
class TakenBack:
    """What goes with access that is ended or lowered: all that would give its party more than is left."""

    invitations: list[Invitation] = field(default_factory=list)
    lowered: list[tuple[Invitation, Level]] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    requests: list[AccessRequest] = field(default_factory=list)

    @property
    def offered(self) -> list[Invitation | Transfer]:
        """What is withdrawn, of whatever kind."""
        return [*self.invitations, *self.transfers]

    def __bool__(self) -> bool:
        return bool(self.offered or self.lowered or self.requests)


def taken_back_with(
    losses: Iterable[Loss],
    *,
    ending: Collection[Access] = (),
    lowering: Mapping[int, Level] | None = None,
) -> TakenBack:
    """What goes with these losses. Four queries for each party, however many locations.

    What its party has left is asked of the database, but for what is `ending` and, by primary key, `lowering`
    to another level: so it can be said before anything happens.
    """
    of_party: dict[Party, dict[Location, int]] = defaultdict(dict)
    for loss in losses:
        of_location = of_party[loss.party]
        of_location[loss.location] = max(loss.had, of_location.get(loss.location, 0))
    found = TakenBack()
    for party, had in of_party.items():
        ways = party_ways(party, list(had))
        left = {one.pk: _left(ways.get(one.pk, ()), ending, lowering or {}) for one in had}
        # Of several ways one that gave no more may go: nothing is lowered then.
        less = [one for one, level in had.items() if _highest(left[one.pk]) < level]
        if less:
            _look(found, party, less, left)
    return found


def take_back(losses: Iterable[Loss], by: User) -> None:
    """Do it, once the access has ended or is lowered, under the caller's locks on the locations.

    Those who had sent what is withdrawn are told.
    """
    found = taken_back_with(losses)
    for invitation, level in found.lowered:
        Invitation.objects.filter(pk=invitation.pk, state=Invitation.State.PENDING).update(level=level)
        invitation.level = level
    record_all(of_invitation(Verb.INVITATION_LOWERED, one, by) for one, _level in found.lowered)
    withdrawn: list[Invitation | Transfer] = [*withdraw_all(found.invitations, by)]
    withdrawn += [one for one in found.transfers if withdraw_pending_transfer(one, by)]
    queue_offers_taken_back(withdrawn, [one for one, _level in found.lowered], by)
    _refuse(found.requests, by)


def _left(
    ways: Iterable[Access], ending: Collection[Access], lowering: Mapping[int, Level]
) -> list[tuple[Access, int]]:
    """By which ways the party still has access, and at which level."""
    return [(way, lowering.get(way.pk, way.level)) for way in ways if way not in ending]


def _highest(ways: Iterable[tuple[Access, int]]) -> int:
    return max((level for _way, level in ways), default=0)


def _look(
    found: TakenBack,
    party: Party,
    locations: list[Location],
    left: dict[int, list[tuple[Access, int]]],
) -> None:
    for invitation in _invitations_to(party, locations):
        ways = left[invitation.location_id]
        level = _highest(ways)
        if invitation.level <= level:
            continue
        covered = any(way.lasts_as_long_as(invitation.access_ends_at) for way, at in ways if at == level)
        if level and not covered:
            found.lowered.append((invitation, Level(level)))
        else:
            found.invitations.append(invitation)
    if isinstance(party, Organisation):
        return
    # Whoever becomes Owner has Manage, which is more than any of them has left.
    transfers = Transfer.objects.open().filter(location__in=locations)
    found.transfers += transfers.filter(email__in=verified_addresses(party)).with_all()
    for request in AccessRequest.objects.waiting_on(locations).filter(user=party).with_all():
        offer = request.invitation
        level = _highest(left[offer.location_id if offer else request.number or 0])
        if level == 0 or (offer is not None and offer.level > level):
            found.requests.append(request)


def _invitations_to(party: Party, locations: list[Location]) -> list[Invitation]:
    """The open ones to the party itself; a code is nobody's."""
    open_ones = Invitation.objects.open().filter(location__in=locations)
    if isinstance(party, Organisation):
        theirs = open_ones.filter(kind=Invitation.Kind.ORGANISATION, organisation=party)
    else:
        theirs = open_ones.filter(kind=Invitation.Kind.PERSON, email__in=verified_addresses(party))
    return list(theirs.with_all().order_by("location_id", "pk"))


def _refuse(requests: Collection[AccessRequest], by: User) -> None:
    if not requests:
        return
    now = timezone.now()
    AccessRequest.objects.waiting().filter(pk__in=[one.pk for one in requests]).update(
        state=AccessRequest.State.REFUSED, settled_by=by, settled_at=now
    )
    verb = {True: Verb.REQUEST_REFUSED, False: Verb.APPROVAL_REFUSED}
    record_all(of_request(verb[one.offer is None], one, by) for one in requests if one.offer or one.location)
    requests_refused.send(sender=AccessRequest, requests=requests)

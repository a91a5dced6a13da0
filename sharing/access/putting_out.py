"""Whoever is put out has nothing left to come back by (product rule 3).

Put out is whose access somebody else ends or lowers: on the tab, in a review, on many locations, as support,
by what it was given on from, or with a membership. Not who leaves, whose end date has come, or who becomes
Owner. With the last of it goes all that is open to that very party there: invitations of every kind, its part
of an invitation to many, what it asks for. A lowered level lowers what was offered beyond it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from allauth.account.models import EmailAddress
from django.db.models import Q, Value

from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from organisations.models import Organisation
from portal.activity.record import record_all
from portal.models import User
from portal.verbs import Verb
from sharing.access.emails import queue_offers_taken_back
from sharing.invitations.withdrawing import lower_all, withdraw_all, withdraw_all_transfers
from sharing.models import AccessRequest, Invitation, Transfer
from sharing.permissions import party_ways
from sharing.record import of_request
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
    """What goes with these losses. One query; where something is open two more, and for each whom it is for.

    What its party has left is asked of the database, but for what is `ending` and, by primary key, `lowering`
    to another level: so it can be said before anything happens.
    """
    had: dict[Party, dict[int, int]] = defaultdict(dict)
    for loss in losses:
        had[loss.party][loss.location.pk] = max(loss.had, had[loss.party].get(loss.location.pk, 0))
    found = TakenBack()
    if not had:
        return found
    for party, open_to_them in _open_to(had).items():
        here = {pk: level for pk, level in had[party].items() if pk in open_to_them.locations}
        ways = party_ways(party, list(open_to_them.locations.values()))
        left = {pk: _Left.of(ways.get(pk, ()), ending, lowering or {}) for pk in here}
        # Of several ways one that gave no more may go: nothing is lowered then.
        open_to_them.take_back({pk: left[pk] for pk, level in here.items() if left[pk].level < level}, found)
    return found


def take_back(losses: Iterable[Loss], by: User) -> None:
    """Do it, once the access has ended or is lowered, under the caller's locks on the locations.

    Those who had sent what is withdrawn are told. In as many statements for many locations as for one, but
    for each party.
    """
    found = taken_back_with(losses)
    # Those withdrawn first: with them their envelopes are locked, which come before what is in them.
    withdrawn: list[Invitation | Transfer] = [*withdraw_all(found.invitations, by)]
    withdrawn += withdraw_all_transfers(found.transfers, by)
    queue_offers_taken_back(withdrawn, lower_all(found.lowered, by), by)
    refuse_requests(found.requests, by)


@dataclass
class _Left:
    """What a party has left on one location: by which ways, each at which level."""

    ways: list[tuple[Access, int]]

    @classmethod
    def of(cls, ways: Iterable[Access], ending: Collection[Access], lowering: Mapping[int, Level]) -> Self:
        return cls([(way, lowering.get(way.pk, way.level)) for way in ways if way not in ending])

    @property
    def level(self) -> int:
        return max((level for _way, level in self.ways), default=0)

    def lasts_as_long_as(self, ends_at: datetime | None) -> bool:
        """Whether what gives the most does."""
        return any(way.lasts_as_long_as(ends_at) for way, level in self.ways if level == self.level)


@dataclass
class _Open:
    """What is open to one party."""

    invitations: list[Invitation] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    requests: list[AccessRequest] = field(default_factory=list)

    @property
    def locations(self) -> dict[int, Location]:
        """Where, by primary key."""
        offered = [*(one.location for one in self.invitations), *(one.location for one in self.transfers)]
        asked = [
            one.thing if isinstance(one.thing, Location) else Location(pk=one.number) for one in self.requests
        ]
        return {one.pk: one for one in (*offered, *asked)}

    def take_back(self, left: Mapping[int, _Left], found: TakenBack) -> None:
        """Add to `found` what gives more than is `left` there."""
        for invitation in self.invitations:
            there = left.get(invitation.location_id)
            if there is None or invitation.level <= there.level:
                continue
            if there.level and not there.lasts_as_long_as(invitation.access_ends_at):
                found.lowered.append((invitation, Level(there.level)))
            else:
                found.invitations.append(invitation)
        # Whoever becomes Owner has Manage, which is more than any of them has left.
        found.transfers += [one for one in self.transfers if one.location_id in left]
        for request in self.requests:
            offer = request.invitation
            there = left.get(offer.location_id if offer else request.number or 0)
            if there and (there.level == 0 or (offer is not None and offer.level > there.level)):
                found.requests.append(request)


def _open_to(had: Mapping[Party, Mapping[int, int]]) -> dict[Party, _Open]:
    """What is open to each of these parties itself; a code is nobody's. One query where there is nothing."""
    locations = {pk for of_party in had.values() for pk in of_party}
    people = {party.pk: party for party in had if isinstance(party, User)}
    organisations = {party.pk: party for party in had if isinstance(party, Organisation)}
    addresses = EmailAddress.objects.filter(user__in=list(people), verified=True)
    theirs = {"email__in": addresses.values("email")}
    # Run out or not: of many that were accepted in time, a worker may still be on its way.
    sent = Invitation.objects.filter(state=Invitation.State.PENDING, location__in=locations)
    arms: list[Any] = [
        sent.filter(
            Q(kind=Invitation.Kind.PERSON, **theirs)
            | Q(kind=Invitation.Kind.ORGANISATION, organisation__in=list(organisations))
        ),
        Transfer.objects.open().filter(location__in=locations, **theirs),
        AccessRequest.objects.waiting_on(locations).filter(user__in=list(people)),
    ]
    keys = [arm.order_by().values_list(Value(number), "pk") for number, arm in enumerate(arms)]
    ids: dict[int, list[int]] = defaultdict(list)
    for number, pk in keys[0].union(*keys[1:], all=True):
        ids[number].append(pk)
    found: dict[Party, _Open] = defaultdict(_Open)
    whose: dict[str, Party] = {}
    if people and (ids[0] or ids[1]):
        whose = {email: people[user] for email, user in addresses.values_list("email", "user")}
    for invitation in _loaded(Invitation, ids[0]):
        party = whose[invitation.email] if invitation.email else organisations[invitation.organisation_id]
        found[party].invitations.append(invitation)
    for transfer in _loaded(Transfer, ids[1]):
        found[whose[transfer.email]].transfers.append(transfer)
    for request in _loaded(AccessRequest, ids[2]):
        found[people[request.user_id]].requests.append(request)
    return found


def _loaded(model: Any, ids: Collection[int]) -> Iterable[Any]:
    return model.objects.with_all().filter(pk__in=ids).order_by("pk") if ids else ()


def refuse_requests(requests: Collection[AccessRequest], by: User | None) -> list[AccessRequest]:
    """Refuse what somebody who is put out asks for, or by nobody what can be had no longer; they are told.

    Returns those that were refused by this.
    """
    refused = AccessRequest.objects.answer(requests, AccessRequest.State.REFUSED, by=by)
    verb = {True: Verb.REQUEST_REFUSED, False: Verb.APPROVAL_REFUSED}
    # What nobody has looked up yet was never on the record.
    known = [one for one in refused if one.offer or one.location]
    record_all(of_request(verb[one.offer is None], one, by) for one in known)
    if refused:
        requests_refused.send(sender=AccessRequest, requests=refused)
    return refused

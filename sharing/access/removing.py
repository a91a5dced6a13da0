"""Taking access back (product rule 3)."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from organisations.models import Membership
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb
from sharing.access.emails import queue_accesses_removed
from sharing.access.putting_out import Loss, TakenBack, take_back, taken_back_with
from sharing.invitations.withdrawing import withdraw_all, withdraw_transfers_of_those_who_lost
from sharing.models import Invitation
from sharing.permissions import Viewer, ways_to_share_by

NOT_YOURS = _("This access is not yours to take away.")


@transaction.atomic
def remove_access(
    *, access: Access, by: User, also_given_on: bool = True, let_stand: bool = False
) -> list[Access]:
    """End the access, at once. Returns all that ended; empty when it had ended before.

    With `also_given_on` what its party had shared on ends too. Open invitations of whoever may no longer
    share are withdrawn, and so is the live code where somebody was put out who may know it; and, unless that
    is to `let_stand`, what is open to those who were put out. Those who lost something are told by e-mail.
    Raises Refusal when it is not theirs to end.
    """
    location = locations.lock_location(access.location)
    return end_as(Viewer.of(by, location), access, also_given_on, let_stand=let_stand)


def end_as(
    viewer: Viewer,
    access: Access,
    also_given_on: bool = True,
    *,
    let_stand: bool = False,
    **details: str,
) -> list[Access]:
    """The same for a viewer of the locked location; `details` go on the record."""
    by = viewer.user
    access = viewer.accesses[access.pk]
    if access not in viewer.live:
        return []
    if not viewer.may_end(access):
        raise Refusal(NOT_YOURS)
    ending = Ending.of([access], viewer, also_given_on=also_given_on)
    end_all([ending], by, let_stand=let_stand, **details)
    for each in ending.accesses:
        if not viewer.holds(each):
            queue_accesses_removed([each], by)
    return ending.accesses


@dataclass
class Ending:
    """What ends on one location: what was asked for, and what was given on from that."""

    viewer: Viewer
    asked: list[Access]
    given_on: list[Access]

    @classmethod
    def of(cls, asked: list[Access], viewer: Viewer, *, also_given_on: bool) -> Self:
        """These, and what was given on from them where that ends too, each once."""
        given_on: list[Access] = []
        for access in asked if also_given_on else []:
            given_on += [one for one in given_on_from(access, viewer) if one not in (*asked, *given_on)]
        return cls(viewer, asked, given_on)

    @property
    def accesses(self) -> list[Access]:
        """All of it."""
        return [*self.asked, *self.given_on]

    @property
    def losses(self) -> list[Loss]:
        """What others lose: nothing that the viewer holds, of themselves or of an organisation of theirs."""
        put_out = [access for access in self.accesses if not self.viewer.holds(access)]
        return [Loss(one.party, one.location, one.level) for one in put_out]

    def verb_of(self, access: Access) -> Verb:
        """Giving up one's own is leaving."""
        leaves = access in self.asked and self.viewer.is_own(access)
        return Verb.ACCESS_LEFT if leaves else Verb.ACCESS_REMOVED


def end_all(endings: Collection[Ending], by: User, *, let_stand: bool = False, **details: str) -> None:
    """End all of it, under the caller's locks on the locations; whom to tell is for the caller.

    What is open to those put out goes with it, unless that is to `let_stand`.

    `details` go on the record. In as many statements for many locations as for one, but for each further
    party something had been given on to.
    """
    of_party: dict[tuple[Party, Verb], list[Access]] = defaultdict(list)
    for ending in endings:
        for access in ending.accesses:
            of_party[access.party, ending.verb_of(access)].append(access)
    for (party, verb), accesses in of_party.items():
        locations.end_all(accesses=accesses, party=party, by=by, verb=verb, **details)
    withdraw_of_those_who_lost([ending.viewer.location for ending in endings], by)
    known = [ending.viewer.location for ending in endings if knows_the_code(ending.accesses, ending.viewer)]
    if known:
        codes = Invitation.objects.open().filter(location__in=known, kind=Invitation.Kind.CODE)
        withdraw_all(codes.with_all(), by)
    if not let_stand:
        take_back([loss for ending in endings for loss in ending.losses], by)


def given_on_from(access: Access, viewer: Viewer) -> list[Access]:
    """What ends with `access` unless it is kept: live access that was given by way of its party, and on.

    A party that can share the location by another way keeps what it gave.
    """
    ending = [access]
    for each in ending:  # grows while it is walked
        if _may_share_otherwise(each, ending, viewer):
            continue
        for other in viewer.live:
            source = viewer.accesses.get(other.given_through_id or 0)
            if source and source.party == each.party and other not in ending and viewer.may_end(other):
                ending.append(other)
    return ending[1:]


def offers_to_take_back(ending: Ending) -> TakenBack:
    """What is open to those who would be put out, and would go with it."""
    return taken_back_with(ending.losses, ending=ending.accesses)


def sent_that_end(
    invitations: Iterable[Invitation], ending: Collection[Access], viewer: Viewer
) -> list[Invitation]:
    """Of these open ones, those of whoever can share the location no longer without what is `ending`.

    A query or two for each who holds some of it and has sent some.
    """
    people = {access.user_id for access in ending}
    organisations = [access.organisation_id for access in ending if access.organisation_id]
    managed = Access.objects.live().filter(location=viewer.location, level=Level.MANAGE)
    managed = managed.exclude(pk__in=[access.pk for access in ending])
    sent: dict[User, list[Invitation]] = defaultdict(list)
    for invitation in invitations:
        sent[invitation.invited_by].append(invitation)
    members = Membership.objects.filter(organisation__in=organisations, user__in=list(sent))
    people |= set(members.values_list("user_id", flat=True) if organisations and sent else ())
    return [
        invitation
        for inviter, theirs in sent.items()
        if inviter.pk in people and not managed.reaching(inviter).exists()
        for invitation in theirs
    ]


def knows_the_code(ending: list[Access], viewer: Viewer) -> bool:
    """Whether somebody is put out who may know the location's live code."""
    return any(_may_know_the_code(each) for each in ending if not viewer.holds(each))


def withdraw_of_those_who_lost(left: Collection[Location], by: User) -> None:
    """Withdraw the open invitations of everybody who may no longer share these locations.

    One query for each who has sent some.
    """
    sent: dict[User, list[Invitation]] = defaultdict(list)
    for invitation in Invitation.objects.open().filter(location__in=left).with_all():
        sent[invitation.invited_by].append(invitation)
    unfounded: list[Invitation] = []
    for inviter, invitations in sent.items():
        ways = ways_to_share_by(inviter, left)
        unfounded += [one for one in invitations if one.location_id not in ways]
    withdraw_all(unfounded, by)
    withdraw_transfers_of_those_who_lost(left, by)


def withdraw_after(accesses: list[Access], by: User) -> None:
    """The same once an organisation has lost these, under the caller's locks on their locations."""
    known = {access.location_id for access in accesses if _may_know_the_code(access)}
    codes = Invitation.objects.open().filter(location__in=known, kind=Invitation.Kind.CODE)
    withdraw_all(list(codes.with_all()), by)
    withdraw_of_those_who_lost({access.location for access in accesses}, by)


def _may_know_the_code(access: Access) -> bool:
    return access.level == Level.MANAGE or access.reason == Access.Reason.CODE


def _may_share_otherwise(access: Access, ending: list[Access], viewer: Viewer) -> bool:
    return any(
        other.level == Level.MANAGE and other.party == access.party and other not in ending
        for other in viewer.live
    )

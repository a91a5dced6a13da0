"""What a membership that begins or ends means for the locations of the organisation: for one person alone."""

from django.db.models import Q

from locations.models import Access, Location
from locations.querysets import LocationQuerySet
from locations.services import lock_each
from organisations.models import Organisation
from portal.accounts.addresses import verified_addresses
from portal.models import User
from sharing.access.putting_out import Loss, TakenBack, refuse_requests, take_back, taken_back_with
from sharing.models import AccessRequest, Invitation, Transfer
from sharing.permissions import by_location


def lock_what_waits(organisation: Organisation, user: User) -> None:
    """Lock the organisation's locations on which something waits for `user`, in the one order."""
    lock_each(_where_something_waits(organisation, user))


def where_something_waits(organisation: Organisation, user: User) -> list[Location]:
    """The organisation's locations on which an invitation, or a request of theirs, waits for `user`."""
    return list(_where_something_waits(organisation, user))


def lock_what_ends(organisation: Organisation, user: User, by: User) -> None:
    """All at once, in the one order, what the end of a membership withdraws invitations on."""
    sent = Invitation.objects.of_member(user, organisation, put_out=user != by).values("location")
    started = Transfer.objects.open().filter(invited_by=user).values("location")
    concerned = Q(pk__in=sent) | Q(pk__in=started)
    if user != by:
        concerned |= Q(pk__in=_where_something_waits(organisation, user).values("pk"))
    lock_each(Location.objects.filter(concerned))


def take_back_from(organisation: Organisation, user: User, by: User) -> None:
    """What is open to somebody who was put out of the organisation, where that was the last they had; under
    the locks of `lock_what_ends`. Whoever leaves keeps it.
    """
    if user == by:
        return
    take_back(_losses(organisation, user)[0], by)
    asked = AccessRequest.objects.waiting().filter(user=user, member_invitation__organisation=organisation)
    refuse_requests(list(asked.with_all()), by)


def offers_to_take_back(organisation: Organisation, user: User) -> TakenBack:
    """What is open to a member, and would go with it if somebody put them out: said before."""
    losses, ending = _losses(organisation, user)
    return taken_back_with(losses, ending=ending)


def _losses(organisation: Organisation, user: User) -> tuple[list[Loss], list[Access]]:
    """What somebody loses with the organisation where something waits for them, and by which ways of it."""
    here = {one.pk: one for one in _where_something_waits(organisation, user)}
    if not here:
        return [], []
    held = list(Access.objects.live().of_party(organisation).filter(location__in=here))
    ways = by_location(held)
    return [Loss(user, here[pk], max(way.level for way in some)) for pk, some in ways.items()], held


def _where_something_waits(organisation: Organisation, user: User) -> LocationQuerySet:
    addresses = verified_addresses(user)
    invited = Invitation.objects.unsettled().filter(kind=Invitation.Kind.PERSON, email__in=addresses)
    owning = Transfer.objects.open().filter(email__in=addresses)
    asked = AccessRequest.objects.waiting().filter(user=user)
    waiting = (
        invited.values("location")
        .union(owning.values("location"))
        .union(asked.filter(number__isnull=False).values("number"))
        .union(asked.filter(invitation__isnull=False).values("invitation__location"))
    )
    held = Access.objects.live().of_party(organisation).filter(location__in=waiting)
    found: LocationQuerySet = Location.objects.filter(pk__in=held.values("location"))
    return found

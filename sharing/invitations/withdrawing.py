"""What becomes of invitations by the way: their time runs out, or whoever sent or would accept one is gone.

Withdrawing happens under the caller's locks, in the transaction of what caused it.
"""

from collections import defaultdict
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from locations import services as locations
from locations.levels import Level
from locations.models import Location
from organisations.models import Organisation
from portal.activity.record import record_all
from portal.invitations.models import settle_due
from portal.models import User
from portal.signals import invitations_over
from portal.verbs import Verb
from sharing.invitations import emails, offer_emails
from sharing.models import Invitation, Offer, Transfer
from sharing.models.transfer import TransferQuerySet
from sharing.permissions import Viewer, ways_to_share_by
from sharing.record import of_invitation, of_transfer, record_invitation, record_transfer


def settle_expired_invitations() -> int:
    """Mark what has run out and tell the sharers; returns how many."""
    return settle_due(Invitation.objects.all(), expire) + settle_due(Offer.objects.all(), expire_offer)


def expire(invitation: Invitation) -> bool:
    """Mark an invitation whose time is over, once; whether it was this call that did."""
    if not invitation.expire():
        return False
    record_invitation(Verb.INVITATION_EXPIRED, invitation, None)
    # Of many sent at once the sharer is told once, when the envelope's own time is over.
    if invitation.kind != Invitation.Kind.CODE and not invitation.offer_id:
        emails.queue_expired(invitation)
    return True


def expire_offer(offer: Offer) -> bool:
    """Mark an envelope whose time is over, once, and tell the sharer if anything in it was unanswered."""
    left = Invitation.objects.unsettled().filter(offer=offer).exists()
    if not offer.expire():
        return False
    if left:
        offer_emails.queue_to_sharer("offer-expired", offer)
    return True


def withdraw_pending(invitation: Invitation, by: User | None, **details: str) -> bool:
    """Withdraw, under the caller's lock on the location, what was not answered; `details` are recorded."""
    was_live = invitation.is_live()
    if invitation.offer_id:
        _lock_offers([invitation.offer_id])
    withdrawn = invitation.withdraw(by)
    if withdrawn:
        record_invitation(Verb.INVITATION_WITHDRAWN, invitation, by, **details)
        if was_live:
            emails.queue_withdrawn([invitation])
        if invitation.offer_id:
            withdraw_emptied_offers([invitation.offer_id], by)
    return withdrawn


def withdraw_all(
    invitations: Collection[Invitation], by: User | None, *, tell: bool = True
) -> list[Invitation]:
    """The same of many at once; returns those it withdrew.

    Those sent one by one are told one by one, those of an envelope together; nobody, without `tell`.
    """
    if not invitations:
        return []
    offers = {one.offer_id for one in invitations if one.offer_id}
    _lock_offers(offers)
    # Asked again under the lock: declining one needs no lock on its location, and its answer stands.
    unanswered = Invitation.objects.unsettled().filter(pk__in=[one.pk for one in invitations])
    locked = unanswered.select_for_update(no_key=True).order_by("location_id", "pk")
    left = set(locked.values_list("pk", flat=True))
    withdrawn = [one for one in invitations if one.pk in left]
    live = [one for one in withdrawn if one.is_live()]
    unanswered.filter(pk__in=left).update(
        state=Invitation.State.WITHDRAWN, settled_by=by, settled_at=timezone.now()
    )
    record_all(of_invitation(Verb.INVITATION_WITHDRAWN, one, by) for one in withdrawn)
    one_by_one = [one for one in live if tell and not one.offer_id]
    if one_by_one:
        emails.queue_withdrawn(one_by_one)
    withdraw_emptied_offers(offers, by, tell=tell)
    invitations_over.send(sender=Invitation, ids=[one.pk for one in withdrawn])
    return withdrawn


def lower_all(lowered: Collection[tuple[Invitation, Level]], by: User) -> list[Invitation]:
    """Let each of these give that level and no more, under the caller's locks on their locations; returns
    those nobody has answered meanwhile. An UPDATE for each level, whatever their number.
    """
    if not lowered:
        return []
    unanswered = Invitation.objects.filter(
        state=Invitation.State.PENDING, pk__in=[one.pk for one, _level in lowered]
    )
    # As when many are withdrawn: declining one needs no lock on its location.
    locked = unanswered.select_for_update(no_key=True).order_by("location_id", "pk")
    left = set(locked.values_list("pk", flat=True))
    by_level: dict[Level, list[Invitation]] = defaultdict(list)
    for invitation, level in lowered:
        if invitation.pk in left:
            invitation.level = level
            by_level[level].append(invitation)
    for level, those in by_level.items():
        Invitation.objects.filter(pk__in=[one.pk for one in those]).update(level=level)
    given_less = [one for those in by_level.values() for one in those]
    record_all(of_invitation(Verb.INVITATION_LOWERED, one, by) for one in given_less)
    return given_less


def _lock_offers(offers: Collection[int]) -> None:
    """The envelopes before what is in them, as whoever declines all of one does: after the locations.

    So two who take out the last of it see each other, and neither waits for the other for ever.
    """
    if offers:
        rows = Offer.objects.select_for_update(no_key=True).filter(pk__in=offers)
        list(rows.order_by("pk").values_list("pk"))


def withdraw_emptied_offers(offers: Collection[int], by: User | None, *, tell: bool = True) -> None:
    """Withdraw the envelopes in which nothing is left, and tell their recipients."""
    for offer in Offer.objects.emptied().filter(pk__in=offers).with_all():
        if offer.withdraw(by) and tell:
            offer_emails.queue_withdrawn(offer)


@transaction.atomic
def withdraw_of_former_member(*, organisation: Organisation, user: User, by: User) -> None:
    """Withdraw what somebody has open, or may know the code of, for locations they may no longer share.

    In as many statements for thousands, sent in one order, as for one.
    """
    theirs = Invitation.objects.of_member(user, organisation, put_out=user != by)
    here = locations.lock_locations(set(theirs.values_list("location_id", flat=True)))
    ways = ways_to_share_by(user, here)
    left = theirs.filter(location__in=here).exclude(location__in=list(ways))
    withdraw_all(list(left.with_all()), by)


@transaction.atomic
def withdraw_sent_to(*, organisation: Organisation, by: User) -> None:
    """Withdraw what was sent to an organisation and not answered, under the caller's lock on it."""
    sent = Invitation.objects.unsettled().filter(organisation=organisation)
    here = locations.lock_locations(set(sent.values_list("location_id", flat=True)))
    withdraw_all(list(sent.filter(location__in=here).with_all()), by)


# --- Invitations to become Owner that nobody may stand for any more -----------------------------


def withdraw_pending_transfer(transfer: Transfer, by: User | None) -> bool:
    """Withdraw, under the lock on the location, what was not answered."""
    withdrawn = transfer.withdraw(by)
    if withdrawn:
        record_transfer(Verb.TRANSFER_WITHDRAWN, transfer, by)
    return withdrawn


def withdraw_all_transfers(transfers: Collection[Transfer], by: User | None) -> list[Transfer]:
    """The same of many at once, under the locks on their locations; returns those it withdrew."""
    if not transfers:
        return []
    # Asked again under the lock: declining one needs no lock on its location, and its answer stands.
    unanswered = Transfer.objects.unsettled().filter(pk__in=[one.pk for one in transfers])
    locked = unanswered.select_for_update(no_key=True).order_by("location_id", "pk")
    left = set(locked.values_list("pk", flat=True))
    unanswered.filter(pk__in=left).update(
        state=Transfer.State.WITHDRAWN, settled_by=by, settled_at=timezone.now()
    )
    withdrawn = [one for one in transfers if one.pk in left]
    record_all(of_transfer(Verb.TRANSFER_WITHDRAWN, one, by) for one in withdrawn)
    invitations_over.send(sender=Transfer, ids=[one.pk for one in withdrawn])
    return withdrawn


def withdraw_transfers_of_those_who_lost(locations_left: Collection[Location | int], by: User) -> None:
    """Withdraw those whose inviter may no longer stand for them, under the caller's locks on these."""
    _withdraw_unfounded(Transfer.objects.open().filter(location__in=locations_left), by)


@transaction.atomic
def withdraw_transfers_of_former_member(*, user: User, by: User) -> None:
    """The same for whoever left, or was put out of, an organisation."""
    started = Transfer.objects.open().filter(invited_by=user)
    where = set(started.values_list("location_id", flat=True))
    if where:
        _withdraw_unfounded(started.filter(location__in=locations.lock_locations(where)), by)


def _withdraw_unfounded(transfers: TransferQuerySet, by: User) -> None:
    """A query or two for each who has sent some."""
    sent: dict[User, list[Transfer]] = defaultdict(list)
    for transfer in transfers.with_all():
        sent[transfer.invited_by].append(transfer)
    unfounded: list[Transfer] = []
    for inviter, theirs in sent.items():
        viewers = Viewer.of_many(inviter, [one.location for one in theirs])
        unfounded += [one for one in theirs if not viewers[one.location_id].decides_who_owns]
    withdraw_all_transfers(unfounded, by)

"""Withdrawing invitations to become Owner that nobody may stand for any more."""

from collections.abc import Collection, Iterable

from django.db import transaction

from locations import services as locations
from locations.models import Location
from portal.models import User
from portal.verbs import Verb
from sharing.models import Transfer
from sharing.permissions import Viewer
from sharing.record import record_transfer


def withdraw_pending(transfer: Transfer, by: User | None) -> bool:
    """Withdraw, under the lock on the location, what was not answered."""
    withdrawn = transfer.withdraw(by)
    if withdrawn:
        record_transfer(Verb.TRANSFER_WITHDRAWN, transfer, by)
    return withdrawn


def withdraw_transfers_of_those_who_lost(locations_left: Collection[Location | int], by: User) -> None:
    """Withdraw those whose inviter may no longer stand for them, under the caller's locks on these."""
    _withdraw_unfounded(Transfer.objects.open().filter(location__in=locations_left).with_all(), by)


@transaction.atomic
def withdraw_of_former_member(*, user: User, by: User) -> None:
    """The same for whoever left, or was put out of, an organisation."""
    started = Transfer.objects.open().filter(invited_by=user).with_all().order_by("location", "pk")
    for transfer in started:
        locations.lock_location(transfer.location)
        _withdraw_unfounded([transfer], by)


def _withdraw_unfounded(transfers: Iterable[Transfer], by: User) -> None:
    for transfer in transfers:
        if not Viewer.of(transfer.invited_by, transfer.location).decides_who_owns:
            withdraw_pending(transfer, by)

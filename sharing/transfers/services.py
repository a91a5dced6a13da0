"""Handing a location over: inviting its next Owner, renewing, withdrawing (product rule 2).

Nothing changes before the other side accepts; that stands in `accepting`. Each verb locks the location,
asks `sharing.permissions` again under the lock, changes, and records, in one transaction.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.models import Location
from portal import codes
from portal.errors import Refusal
from portal.invitations.models import CODE_HAS_ENDED, refuse_withdrawn, settle_due, throttle
from portal.models import User
from portal.verbs import Verb
from sharing.invitations.recipients import known_address, refuse_own_address
from sharing.invitations.withdrawing import withdraw_pending_transfer
from sharing.models import Transfer
from sharing.permissions import Viewer
from sharing.record import record_transfer
from sharing.transfers import emails

NO_OWNERS_ADDRESS = _("Enter the e-mail address of the new Owner.")
NOT_YOURS = _("Only the Owner and whoever installed the location can hand it over.")


def start(*, location: Location, by: User, email: str, message: str = "") -> Transfer:
    """Invite the person with this address to become Owner; a former invitation of theirs is renewed.

    Returns it with `.renewed`. Raises Refusal, beside `email` where the address is the cause.
    """
    email = known_address(email, NO_OWNERS_ADDRESS)
    refuse_own_address(email, by)
    throttle(by, about=f"transfer/{location.pk}", recipient=email)
    with transaction.atomic():
        viewer = _lock_to_transfer(location, by)
        existing = Transfer.objects.filter(location=location, email=email).first()
        return _send(existing or Transfer(location=location, email=email), viewer, message)


def renew(*, transfer: Transfer, by: User) -> Transfer:
    """Send it again: a new code and seven new days; the old code is dead from now on. Raises Refusal."""
    throttle(by, about=f"transfer/{transfer.location_id}", recipient=transfer.email)
    with transaction.atomic():
        viewer = _lock_to_transfer(transfer.location, by)
        transfer.refresh_from_db()
        refuse_withdrawn(transfer)
        if transfer.state not in (Transfer.State.PENDING, Transfer.State.EXPIRED):
            raise Refusal(
                _("{recipient} has answered meanwhile. Nothing was sent.").format(recipient=transfer.email)
            )
        return _send(transfer, viewer, transfer.message)


def send_again(transfer: Transfer, *, until: datetime) -> None:
    """Send a withdrawn one again in the name of whoever sent it, while they may hand it over, under the
    caller's lock on its location: who withdrew it has undone that. It ends when it would have ended.
    """
    viewer = Viewer.of(transfer.invited_by, transfer.location)
    if viewer.may_transfer:
        _send(transfer, viewer, transfer.message, until=until)


@transaction.atomic
def withdraw(*, transfer: Transfer, by: User) -> bool:
    """Take it back; whether there was anything to take back. Raises Refusal once accepted."""
    _lock_to_decide(transfer.location, by)
    withdrawn = withdraw_pending_transfer(transfer, by)
    if not withdrawn and Transfer.objects.filter(pk=transfer.pk, state=Transfer.State.ACCEPTED).exists():
        raise Refusal(_("{recipient} has accepted meanwhile.").format(recipient=transfer.recipient))
    return withdrawn


@transaction.atomic
def show_code(*, transfer: Transfer, by: User) -> str:
    """The code of a live one, to pass on by hand where no mail arrives; on the record.

    It makes nobody Owner but whom it was sent to. Raises Refusal when it has ended.
    """
    _lock_to_decide(transfer.location, by)
    transfer.refresh_from_db()
    if not transfer.is_live():
        raise Refusal(CODE_HAS_ENDED)
    record_transfer(Verb.TRANSFER_CODE_SHOWN, transfer, by)
    return codes.grouped(transfer.code)


def settle_expired() -> int:
    """Mark what has run out and tell those who sent it; returns how many."""
    return settle_due(Transfer.objects.all(), _expire)


def _expire(transfer: Transfer) -> bool:
    if not transfer.expire():
        return False
    record_transfer(Verb.TRANSFER_EXPIRED, transfer, None)
    emails.queue_transfer_expired(transfer)
    return True


def _send(transfer: Transfer, viewer: Viewer, message: str, *, until: datetime | None = None) -> Transfer:
    """Write a new one, or renew the one this address has, and queue its e-mails; it ends `until` then at the
    latest."""
    by, owner = viewer.user, viewer.owner
    _refuse_beside_another(transfer, viewer)
    transfer.location, transfer.renewed = viewer.location, transfer.pk is not None
    transfer.begin(by, until=until)
    transfer.message = message.strip()
    transfer.save()
    record_transfer(Verb.TRANSFER_STARTED_AGAIN if transfer.renewed else Verb.TRANSFER_STARTED, transfer, by)
    emails.queue_transfer(transfer)
    if owner and owner.user and owner.user != by:
        emails.queue_transfer_started(transfer, owner.user)
    return transfer


def _refuse_beside_another(transfer: Transfer, viewer: Viewer) -> None:
    """Raises Refusal where they own it already, or somebody else has still to answer.

    Of further addresses of the Owner nothing is told; they read it on the page.
    """
    if viewer.owner and viewer.owner.user and viewer.owner.user.email == transfer.email:
        raise Refusal(
            _("{person} is the Owner already.").format(person=transfer.email),
            field="email",
            access=viewer.owner,
        )
    for other in Transfer.objects.filter(location=transfer.location, state="pending").exclude(pk=transfer.pk):
        if not _expire(other):
            raise Refusal(
                _("{recipient} has been invited already. Withdraw that invitation first.").format(
                    recipient=other.email
                ),
                field="email",
            )


def _lock_to_transfer(location: Location, by: User) -> Viewer:
    viewer = _lock_to_decide(location, by)
    if viewer.location.archived_at:
        raise Refusal(_("This location has been archived, so it cannot be handed over."))
    return viewer


def _lock_to_decide(location: Location, by: User) -> Viewer:
    """The viewer of the locked location. Raises Refusal unless it is theirs to hand over."""
    viewer = Viewer.of(by, locations.lock_location(location))
    if not viewer.decides_who_owns:
        raise Refusal(NOT_YOURS)
    return viewer

"""The next Owner's side of handing a location over, and what the invitation is to whom (product rule 2).

What invitations of every kind have in common stands in `portal.invitations.answering`.
"""

from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from portal.invitations.answering import Answering, Situation
from portal.models import User
from portal.verbs import Verb
from sharing.access import putting_out, removing
from sharing.invitations.withdrawing import withdraw_pending
from sharing.models import Invitation, Transfer
from sharing.permissions import Viewer
from sharing.record import record_transfer
from sharing.transfers import emails


class AnsweringTransfers(Answering):
    """How invitations to become Owner are answered."""

    model = Transfer
    sentences: ClassVar = {
        Situation.HAS_ACCESS: _("You are the Owner of this location already."),
        Situation.STOPPED: _("This location can no longer be handed over by the person who invited you."),
    }

    def as_things_stand(self, transfer: Transfer, user: User) -> Situation:
        """Stopped once the location is archived, or whoever invited is neither Owner nor installing party."""
        if not Viewer.of(transfer.invited_by, transfer.location).may_transfer:
            return Situation.STOPPED
        return Situation.HAS_ACCESS if _is_owner(user, transfer) else Situation.FINE

    def once_accepted(self, transfer: Transfer, user: User) -> Situation:
        return Situation.HAS_ACCESS if _is_owner(user, transfer) else Situation.USED

    def about(self, transfer: Transfer) -> dict[str, Any]:
        return {"location": transfer.location}

    def declined(self, transfer: Transfer, by: User) -> None:
        record_transfer(Verb.TRANSFER_DECLINED, transfer, by)
        emails.queue_transfer_declined(transfer)

    def asked_for(self, transfer: Transfer, by: User) -> None:
        record_transfer(Verb.TRANSFER_ASKED_FOR, transfer, by)
        emails.queue_transfer_asked_for(transfer, by)


TRANSFERS = AnsweringTransfers()
decline, ask_for_new = TRANSFERS.decline, TRANSFERS.ask_for_new


@transaction.atomic
def accept(*, transfer: Transfer, by: User, nonce: str) -> Access:
    """Become Owner of the location and everything in it, in one step. Returns the access.

    The earlier Owner loses what they had personally, except as the one who installed it. The installing party
    and everybody else stay. `nonce` says which renewal was looked at. Raises Refusal with the reason,
    `situation` in its data. Exactly one of many at once succeeds; the guard is the conditional UPDATE.
    """
    if not TRANSFERS.is_addressed_to(transfer, by):
        raise TRANSFERS.refusal(Situation.WRONG_ACCOUNT, transfer)
    TRANSFERS.refuse_support(transfer, by)
    location = transfer.location = locations.lock_location(transfer.location)
    if not transfer.answer(Transfer.State.ACCEPTED, by=by, nonce=nonce):
        raise TRANSFERS.why_not(transfer, by, nonce)
    situation = TRANSFERS.as_things_stand(transfer, by)
    if situation is not Situation.FINE:
        raise TRANSFERS.refusal(situation, transfer)
    record_transfer(Verb.TRANSFERRED, transfer, by)
    earlier = _owners(location).select_related("user").first()
    if earlier and earlier.user:
        _end_personal(location, earlier.user, by=by, verb=Verb.ACCESS_REMOVED)
    # As Owner they can do all that those could, so each person stands on the tab once.
    _end_personal(location, by, by=None, verb=Verb.ACCESS_CHANGED)
    access = locations.give_access(
        location=location, party=by, level=Level.MANAGE, reason=Access.Reason.OWNER, by=transfer.invited_by
    )
    _withdraw_what_ended(location, earlier, by)
    emails.queue_transferred(transfer, by, earlier.user if earlier else None)
    return access


def _owners(location: Location) -> Any:
    return Access.objects.live().filter(location=location, reason=Access.Reason.OWNER)


def _is_owner(user: User, transfer: Transfer) -> bool:
    return bool(_owners(transfer.location).filter(user=user).exists())


def _end_personal(location: Location, person: User, *, by: User | None, verb: Verb) -> None:
    """End what one person has personally. Having installed it stands until the Owner ends it (product 3)."""
    theirs = Access.objects.live().filter(location=location, user=person)
    shares = theirs.exclude(reason=Access.Reason.INSTALLED).select_related("location", "user")
    locations.end_all(accesses=list(shares), party=person, by=by, verb=verb)


def _withdraw_what_ended(location: Location, earlier: Access | None, by: User) -> None:
    """What the earlier Owner had offered, the live code, which they know, and what is open to them."""
    removing.withdraw_of_those_who_lost([location], by)
    if earlier is None:
        return
    if code := Invitation.objects.live_code_of(location):
        withdraw_pending(code, by)
    # From now on only the new Owner lets them in again (docs/rules.md).
    putting_out.take_back([putting_out.Loss(earlier.party, location, earlier.level)], by)

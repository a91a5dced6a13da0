"""Correcting the address of an invitation whose e-mail did not arrive."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from portal.errors import Refusal
from portal.invitations.models import WITHDRAWN_MEANWHILE, throttle_recipient, throttle_sender
from portal.models import User
from portal.verbs import Verb
from sharing import recipients, services, settling
from sharing.models import Invitation
from sharing.permissions import Viewer
from sharing.record import record_invitation


def correct_address(*, invitation: Invitation, by: User, email: str) -> Invitation:
    """Send the same offer to another address: a new code and seven new days; the old code is dead.

    The row is renewed under the new address; where that address has a row of its own, that one is renewed and
    this one withdrawn. Raises Refusal as inviting does, beside `email` where the address is the cause.
    """
    email = recipients.known_address(email)
    if email == invitation.email:
        raise Refusal(_("The invitation was sent to this address already."), field="email")
    recipients.refuse_own_address(email, by)
    throttle_sender(by)
    with transaction.atomic():
        services.lock_for(invitation, by, Viewer.may_correct)
        invitation.refresh_from_db()
        _refuse_unless_open(invitation)
        location, through = services.lock_to_share(invitation.location, by)
        level, ends_at = Level(invitation.level), invitation.access_ends_at
        recipients.refuse_if_person_has_access(email, by, through, level, ends_at)
        throttle_recipient(by, about=str(location.pk), recipient=email)
        corrected = Invitation(location=location, kind=Invitation.Kind.PERSON, email=email)
        if Invitation.objects.filter(location=location, kind=corrected.kind, email=email).exists():
            settling.withdraw_pending(invitation, by)
        else:
            record_invitation(Verb.INVITATION_CORRECTED, invitation, by)
            Invitation.objects.filter(pk=invitation.pk).update(email=email)
        return services.send(corrected, by, through, level, invitation.message, ends_at)


def _refuse_unless_open(invitation: Invitation) -> None:
    """Answered or withdrawn since the page was made: there is nothing to correct."""
    if invitation.state == Invitation.State.WITHDRAWN:
        raise Refusal(WITHDRAWN_MEANWHILE)
    if invitation.state not in (Invitation.State.PENDING, Invitation.State.EXPIRED):
        raise Refusal(_("This invitation has been answered meanwhile. Nothing was sent."))

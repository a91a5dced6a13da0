"""What support staff may do about one location (product rule 7): end access, withdraw, send again.

Through the same rules and locks as the pages, each with a reason, which stands on the record of the location
and so is read by everybody who sees it. Staff never send in their own name and give nothing: what is sent
again is the offer of whoever made it, while they may still make it.
"""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access
from organisations.services import lock_organisation
from portal.errors import Refusal
from portal.invitations.models import refuse_withdrawn, throttle
from portal.lib.validators import clean_message
from portal.models import User
from portal.redaction import without_codes
from portal.verbs import Verb
from sharing.access import removing
from sharing.access.putting_out import TakenBack
from sharing.invitations import emails as invitations_emails
from sharing.invitations import recipients
from sharing.invitations import services as invitations
from sharing.invitations.withdrawing import withdraw_pending
from sharing.models import Invitation
from sharing.permissions import Viewer
from sharing.record import record_invitation


@transaction.atomic
def end_access(*, access: Access, by: User, because: str) -> list[Access]:
    """End the access and what was given on from it. Returns all that ended; empty when it had ended before.

    Raises Refusal for the Owner's, for the last that nobody could replace, and for staff's own.
    """
    because = _reason(by, because)
    location = locations.lock_location(access.location)
    viewer = Viewer.of_support(by, location)
    access = viewer.accesses[access.pk]
    if access in viewer.live and not viewer.may_end(access):
        raise Refusal(why_not(viewer, access))
    return removing.end_as(viewer, access, because=because)


def goes_with(access: Access, by: User) -> TakenBack:
    """What is open to those who would be put out, and goes with the access."""
    viewer = Viewer.of_support(by, access.location)
    ending = removing.Ending.of([viewer.accesses[access.pk]], viewer, also_given_on=True)
    return removing.offers_to_take_back(ending)


def why_not(viewer: Viewer, access: Access) -> str:
    """Why support may not end this one."""
    if access.reason == Access.Reason.OWNER:
        return str(_("The Owner's access ends by a transfer only."))
    if viewer.holds(access):
        return str(_("This access is your own. Ask a colleague."))
    return str(_("Nobody would be left to manage this location."))


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User, because: str) -> None:
    """Take back an invitation, or the live code. Raises Refusal when it was answered meanwhile."""
    because = _reason(by, because)
    locations.lock_location(invitation.location)
    if not withdraw_pending(invitation, by, because=because):
        raise Refusal(_("Nothing is waiting for an answer here any more."))


def resend(*, invitation: Invitation, by: User, because: str) -> Invitation:
    """Send it again, in the name of whoever sent it: a new code, seven new days. Raises Refusal."""
    because = _reason(by, because)
    if invitation.kind == Invitation.Kind.CODE:
        raise Refusal(_("Codes are passed on by hand, so there is nothing to send."))
    recipient = invitation.email or str(invitation.organisation_id)
    throttle(by, about=str(invitation.location_id), recipient=recipient)
    with transaction.atomic():
        return _send_again(invitation, by, because)


def _send_again(invitation: Invitation, by: User, because: str) -> Invitation:
    if invitation.organisation:
        lock_organisation(invitation.organisation)
    location = locations.lock_location(invitation.location)
    invitation.refresh_from_db()
    refuse_withdrawn(invitation)
    if invitation.state not in (Invitation.State.PENDING, Invitation.State.EXPIRED):
        raise Refusal(_("Nothing is waiting for an answer here any more."))
    sender = invitation.invited_by
    try:
        location, through = invitations.lock_to_share(location, sender)
    except Refusal:
        raise Refusal(
            _("{person}, who sent it, may no longer share this location, so it cannot be sent again.").format(
                person=sender
            )
        ) from None
    recipients.refuse_if_they_have_access(invitation, sender, through)
    level, ends_at = Level(invitation.level), invitation.access_ends_at
    invitations.fill(invitation, sender, through, level, invitation.message, ends_at)
    invitation.save()
    record_invitation(Verb.INVITED_AGAIN, invitation, by, because=because)
    invitations_emails.queue_invitation(invitation)
    return invitation


def _reason(by: User, because: str) -> str:
    """The reason as it is kept. Raises Refusal without one, and for anybody but support staff."""
    if not User.objects.filter(pk=by.pk, is_staff=True, is_active=True).exists():
        raise Refusal(_("Only support staff can do this."))
    because = without_codes(clean_message(because))
    if not because:
        raise Refusal(_("Say why."), field="reason")
    return because

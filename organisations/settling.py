"""What becomes of requests and invitations by the way, when somebody becomes a member or stops being one.

Each is called under the lock on the organisation, in the transaction of what caused it.
"""

from django.utils import timezone

from organisations.models import JoinRequest, MemberInvitation, Organisation
from organisations.record import record_invitation
from portal.accounts.addresses import verified_addresses
from portal.invitations.models import AbstractInvitationQuerySet
from portal.models import User
from portal.verbs import Verb


def settle_request_of_member(organisation: Organisation, user: User, by: User) -> None:
    """Somebody who is a member by now asks no longer: an open request of theirs counts as approved."""
    JoinRequest.objects.filter(organisation=organisation, user=user, state=JoinRequest.State.PENDING).update(
        state=JoinRequest.State.APPROVED, settled_by=by, settled_at=timezone.now()
    )


def settle_invitations_of_member(organisation: Organisation, user: User) -> None:
    """Somebody who is a member by now needs no invitation: what waits for them, run out or not, is withdrawn.

    By the portal: they did not accept it, and nobody decided against them.
    """
    invitations = MemberInvitation.objects.filter(
        organisation=organisation, email__in=verified_addresses(user)
    )
    for invitation in invitations.unsettled().with_all().order_by("pk"):
        withdraw_pending(invitation, None)


def withdraw_of_former_administrator(organisation: Organisation, user: User, by: User) -> None:
    """Withdraw the invitations somebody has open who may no longer invite."""
    _withdraw(MemberInvitation.objects.filter(organisation=organisation, invited_by=user), by)


def withdraw_of_former_member(organisation: Organisation, user: User, by: User) -> None:
    """Withdraw what is open to somebody who is out: who was removed must not come back by an old code."""
    of_address = MemberInvitation.objects.filter(
        organisation=organisation, email__in=verified_addresses(user)
    )
    _withdraw(of_address, by)


def withdraw_sent_to(user: User, by: User) -> None:
    """Withdraw what is open to somebody who deletes the account, whatever the organisation (all locked)."""
    _withdraw(MemberInvitation.objects.addressed_to(user), by)


def withdraw_pending(invitation: MemberInvitation, by: User | None) -> bool:
    """Withdraw what nobody has answered, and record it; whether there was anything to withdraw."""
    withdrawn = invitation.withdraw(by)
    if withdrawn:
        record_invitation(Verb.MEMBER_INVITATION_WITHDRAWN, invitation, by)
    return withdrawn


def _withdraw(invitations: AbstractInvitationQuerySet, by: User) -> None:
    for invitation in invitations.open().with_all().order_by("pk"):
        withdraw_pending(invitation, by)

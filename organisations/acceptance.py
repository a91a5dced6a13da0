"""The recipient's verbs, and what an invitation into an organisation is to whom (product rule 1).

What invitations of every kind have in common stands in `portal.invitations.answering`.
"""

from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from organisations import invitation_emails
from organisations.models import MemberInvitation, Membership
from organisations.permissions import is_administrator
from organisations.record import record_invitation
from organisations.services import add_member, lock_organisation
from portal.invitations.answering import Answering, Situation
from portal.models import User
from portal.verbs import Verb


class AnsweringMemberInvitations(Answering):
    """How invitations into organisations are answered."""

    model = MemberInvitation
    sentences: ClassVar = {
        Situation.HAS_ACCESS: _("You are a member of this organisation already."),
        Situation.STOPPED: _("The person who invited you is no longer an Administrator of the organisation."),
    }

    def as_things_stand(self, invitation: MemberInvitation, user: User) -> Situation:
        """It gives membership; another role is given to a member on the members' page."""
        if not is_administrator(invitation.invited_by, invitation.organisation):
            return Situation.STOPPED
        return Situation.HAS_ACCESS if _is_member(invitation, user) else Situation.FINE

    def whom_to_ask(self, invitation: MemberInvitation) -> list[User]:
        return invitation_emails.whom_to_ask(invitation)

    def once_over(self, invitation: MemberInvitation, user: User) -> Situation:
        """To a member nothing is amiss, whatever became of it."""
        if _is_member(invitation, user):
            return Situation.HAS_ACCESS
        return super().once_over(invitation, user)

    def about(self, invitation: MemberInvitation) -> dict[str, Any]:
        return {"organisation": invitation.organisation}

    def declined(self, invitation: MemberInvitation, by: User) -> None:
        record_invitation(Verb.MEMBER_INVITATION_DECLINED, invitation, by)
        invitation_emails.queue_member_declined(invitation)

    def asked_for(self, invitation: MemberInvitation, by: User) -> None:
        record_invitation(Verb.MEMBER_INVITATION_ASKED_FOR, invitation, by)
        invitation_emails.queue_member_asked_for(invitation, by)


MEMBER_INVITATIONS = AnsweringMemberInvitations()
decline, ask_for_new = MEMBER_INVITATIONS.decline, MEMBER_INVITATIONS.ask_for_new


@transaction.atomic
def accept(*, invitation: MemberInvitation, by: User, nonce: str, approved: bool = False) -> Membership:
    """Become a member in the role that is offered; a request to join that waits is approved by that.

    `nonce` says which renewal they looked at; `approved` is the inviter's word for an account it was not sent
    to. Raises Refusal with the reason, `situation` in its data.
    Exactly one of many at once succeeds; the guard is the conditional UPDATE, which must touch one row.
    """
    if not approved:
        _refuse_unless_for(invitation, by)
    # Locked first (organisation, invitation), so that the inviter's demotion waits or is seen.
    organisation = lock_organisation(invitation.organisation)
    if not invitation.answer(MemberInvitation.State.ACCEPTED, by=by, nonce=nonce):
        raise MEMBER_INVITATIONS.why_not(invitation, by, nonce)
    situation = MEMBER_INVITATIONS.as_things_stand(invitation, by)
    if situation is not Situation.FINE:
        raise MEMBER_INVITATIONS.refusal(situation, invitation)
    record_invitation(Verb.MEMBER_INVITATION_ACCEPTED, invitation, by)
    membership = add_member(
        organisation=organisation,
        user=by,
        role=Membership.Role(invitation.role),
        by=invitation.invited_by,
    )
    invitation.say_it_is_over()
    invitation_emails.queue_member_accepted(invitation, by)
    return membership


def _refuse_unless_for(invitation: MemberInvitation, by: User) -> None:
    if not MEMBER_INVITATIONS.is_addressed_to(invitation, by):
        raise MEMBER_INVITATIONS.refusal(Situation.WRONG_ACCOUNT, invitation)
    MEMBER_INVITATIONS.refuse_support(invitation, by)


def _is_member(invitation: MemberInvitation, user: User) -> bool:
    return bool(invitation.organisation.memberships.filter(user=user).exists())

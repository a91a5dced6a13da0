"""The Administrator's verbs: invite people by e-mail, renew, withdraw, look at a code again.

Each locks the organisation, asks again under the lock, changes, and records, in one transaction. What the
recipient does with an invitation stands in `organisations.acceptance`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from django.utils.translation import gettext as _

from organisations import invitation_emails
from organisations.models import MemberInvitation, Membership, Organisation
from organisations.record import record_invitation
from organisations.services import lock_organisation, require_administrator
from organisations.settling import withdraw_pending
from portal import codes
from portal.errors import Refusal
from portal.invitations.emails import delivery
from portal.invitations.models import CODE_HAS_ENDED, refuse_withdrawn, settle_due, throttle
from portal.lib.addresses import clean_address
from portal.models import User
from portal.verbs import Verb


class Outcome(StrEnum):
    """What came of one address."""

    INVITED = "invited"
    RENEWED = "renewed"
    MEMBER = "member"
    NOT_AN_ADDRESS = "not_an_address"
    TOO_MANY = "too_many"


@dataclass(frozen=True)
class Answer:
    """What came of one address, and where nothing was sent, why."""

    address: str
    outcome: Outcome
    reason: str = ""

    @property
    def is_to_be_mended(self) -> bool:
        """Whether nothing was done, so that it stays in the box."""
        return self.outcome in (Outcome.NOT_AN_ADDRESS, Outcome.TOO_MANY)


def invite(
    *, organisation: Organisation, by: User, addresses: Iterable[str], role: Membership.Role
) -> list[Answer]:
    """Invite everybody with one of these addresses to become a member in this role.

    One answer per address, in their order; the same one twice counts once. A former invitation of an address
    is renewed. Raises Refusal where `by` may not invite.
    """
    typed = {clean_address(address) or address: address for address in addresses}
    refused = {email: answer for email in typed if (answer := _refused(organisation, by, typed[email]))}
    with transaction.atomic():
        organisation = lock_organisation(organisation)
        require_administrator(by, organisation)
        return [refused.get(email) or _invite(organisation, by, email, role) for email in typed]


def renew(*, invitation: MemberInvitation, by: User) -> MemberInvitation:
    """Send the invitation again: a new code and seven new days; the old code is dead from now on.

    Raises Refusal when it may not be sent, or when the recipient is a member by now.
    """
    _throttle(invitation.organisation, by, invitation.email)
    with transaction.atomic():
        organisation = _lock_for(invitation, by)
        if invitation.state == MemberInvitation.State.ACCEPTED or _is_member(organisation, invitation.email):
            raise Refusal(_("{person} is a member already.").format(person=invitation.email))
        refuse_withdrawn(invitation)
        return _send(invitation, by, Membership.Role(invitation.role))


@transaction.atomic
def withdraw(*, invitation: MemberInvitation, by: User) -> bool:
    """Take the invitation back; whether there was anything to take back. Raises Refusal once accepted."""
    _lock_for(invitation, by)
    withdrawn = withdraw_pending(invitation, by)
    if not withdrawn and invitation.state == MemberInvitation.State.ACCEPTED:
        raise Refusal(
            _("{recipient} has accepted meanwhile. You can remove them as a member instead.").format(
                recipient=invitation.recipient
            )
        )
    return withdrawn


@transaction.atomic
def show_code(*, invitation: MemberInvitation, by: User) -> str:
    """The code of a live invitation, to pass on by hand where no mail arrives; on the record.

    It lets in nobody but whom it was sent to. Raises Refusal when it has ended.
    """
    _lock_for(invitation, by)
    if not invitation.is_live():
        raise Refusal(CODE_HAS_ENDED)
    record_invitation(Verb.MEMBER_CODE_SHOWN, invitation, by)
    return codes.grouped(invitation.code)


def pending(organisation: Organisation) -> list[MemberInvitation]:
    """What waits for an answer, newest first, each with `.delivery`. Two queries."""
    waiting: list[MemberInvitation] = list(MemberInvitation.objects.on_page(organisation))
    undelivered = delivery(["member-invitation"], waiting)
    for invitation in waiting:
        invitation.delivery = undelivered.get(invitation.nonce, "")
    return waiting


def settle_expired_invitations() -> int:
    """Mark what has run out and tell the inviters; returns how many."""
    return settle_due(MemberInvitation.objects.all(), _expire)


def _expire(invitation: MemberInvitation) -> bool:
    if not invitation.expire():  # not covered: answered in this very moment
        return False
    record_invitation(Verb.MEMBER_INVITATION_EXPIRED, invitation, None)
    invitation_emails.queue_member_expired(invitation)
    return True


def _refused(organisation: Organisation, by: User, address: str) -> Answer | None:
    """Why nothing is sent to what was typed, as far as that shows before anything is locked."""
    email = clean_address(address)
    if email is None:
        return Answer(address, Outcome.NOT_AN_ADDRESS, _("This is not an e-mail address."))
    try:
        # A try counts whatever becomes of the rest.
        _throttle(organisation, by, email)
    except Refusal as refusal:
        return Answer(address, Outcome.TOO_MANY, str(refusal))
    return None


def _invite(organisation: Organisation, by: User, email: str, role: Membership.Role) -> Answer:
    """Invite one address, under the lock on the organisation."""
    if _is_member(organisation, email):
        return Answer(email, Outcome.MEMBER)
    existing = MemberInvitation.objects.filter(organisation=organisation, email=email).first()
    sent = _send(existing or MemberInvitation(organisation=organisation, email=email), by, role)
    return Answer(email, Outcome.RENEWED if sent.renewed else Outcome.INVITED)


def _send(invitation: MemberInvitation, by: User, role: Membership.Role) -> MemberInvitation:
    """Write a new invitation, or renew one, and queue its e-mail."""
    invitation.renewed = invitation.pk is not None
    invitation.role = role
    invitation.begin(by)
    invitation.save()
    record_invitation(
        Verb.MEMBER_INVITED_AGAIN if invitation.renewed else Verb.MEMBER_INVITED, invitation, by
    )
    invitation_emails.queue_member_invitation(invitation)
    return invitation


def _is_member(organisation: Organisation, email: str) -> bool:
    """Whether that is the main address of a member, which members see anyway.

    Of further addresses nothing is told, not even whether there is an account.
    """
    return organisation.memberships.filter(user__email=email).exists()


def _lock_for(invitation: MemberInvitation, by: User) -> Organisation:
    """The locked organisation; the invitation is as it is now. Raises Refusal unless `by` administers it."""
    organisation = lock_organisation(invitation.organisation)
    require_administrator(by, organisation)
    invitation.refresh_from_db()
    return organisation


def _throttle(organisation: Organisation, by: User, email: str) -> None:
    throttle(by, about=f"member/{organisation.pk}", recipient=email)

"""The e-mails of invitations into an organisation: who is invited, and what came of it."""

import uuid

from django.utils.translation import gettext as _

from organisations.emails import message
from organisations.models import MemberInvitation
from organisations.permissions import is_administrator
from portal.invitations.emails import (
    invitation_of,
    person_with_address,
    queue_about,
    queue_to_address,
    way_in,
)
from portal.lib.humanize import until
from portal.mail.outbox import Message, builds
from portal.models import OutgoingEmail, User


def queue_member_invitation(invitation: MemberInvitation) -> None:
    """Tell the person they are invited."""
    queue_to_address("member-invitation", invitation)


def queue_member_accepted(invitation: MemberInvitation, by: User) -> None:
    """Tell whoever invited that the person is in."""
    queue_about("member-accepted", invitation, invitation.invited_by, by=by.pk)


def queue_member_declined(invitation: MemberInvitation) -> None:
    """Tell whoever invited that the answer was no."""
    queue_about("member-declined", invitation, invitation.invited_by)


def queue_member_expired(invitation: MemberInvitation) -> None:
    """Tell whoever invited that nobody answered in time."""
    queue_about("member-expired", invitation, invitation.invited_by)


def queue_member_asked_for(invitation: MemberInvitation, by: User) -> None:
    """Tell whoever invited, or every Administrator once they are none, that somebody would like a new one."""
    for reader in whom_to_ask(invitation):
        queue_about("member-asked-for", invitation, reader, by=by.pk, once=uuid.uuid4().hex)


def whom_to_ask(invitation: MemberInvitation) -> list[User]:
    """Who can send a new one: whoever invited, or every Administrator once they are none."""
    if is_administrator(invitation.invited_by, invitation.organisation):
        return [invitation.invited_by]
    administrators = invitation.organisation.memberships.administrators().by_name()
    return [membership.user for membership in administrators]


@builds("member-invitation")
def member_invitation(row: OutgoingEmail) -> Message | None:
    """The invitation itself. Nothing to say once it was renewed, answered, withdrawn or has ended."""
    invitation: MemberInvitation | None = invitation_of(row, MemberInvitation)
    if invitation is None or not invitation.is_live():
        return None
    names = {"person": invitation.invited_by, "organisation": invitation.organisation}
    heading = _("{person} invites you to {organisation}").format(**names)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _(
                "{person} invites you to become a member of {organisation}. "
                "When you have accepted, you see all of its locations in your list."
            ).format(**names),
        ),
        facts=(
            (_("Organisation"), invitation.organisation.name),
            (_("Invited by"), person_with_address(invitation.invited_by)),
            (_("Your role"), invitation.get_role_display()),
            (_("Answer before"), until(invitation.expires_at)),
        ),
        reason=_(
            "You get this because {person} entered your address. "
            "If you do not know them, do nothing: nothing happens until you accept."
        ).format(**names),
        **way_in(invitation),
    )


@builds("member-accepted")
def member_accepted(row: OutgoingEmail) -> Message | None:
    """To whoever invited: they are in."""
    return _to_inviter(
        row,
        _("{person} is a member of {organisation} now"),
        _("{recipient} has accepted your invitation."),
        person=User.objects.get(pk=row.details["by"]),
    )


@builds("member-declined")
def member_declined(row: OutgoingEmail) -> Message | None:
    """To whoever invited: the answer was no."""
    return _to_inviter(
        row,
        _("{recipient} does not want to join {organisation}"),
        _("Nothing has changed. You can invite them again at any time."),
    )


@builds("member-expired")
def member_expired(row: OutgoingEmail) -> Message | None:
    """To whoever invited: nobody answered. Nothing to say once it was sent again or withdrawn."""
    invitation: MemberInvitation | None = invitation_of(row, MemberInvitation)
    if invitation is None or not invitation.is_expired:
        return None
    return _to_inviter(
        row,
        _("Your invitation of {recipient} to {organisation} has expired"),
        _("Nobody answered in time. One click on the organisation's page sends a new one."),
    )


@builds("member-asked-for")
def member_asked_for(row: OutgoingEmail) -> Message | None:
    """To whoever invited: somebody who could not use the invitation asks for one for their own account."""
    asker = User.objects.get(pk=row.details["by"])
    if asker.deleted_at:
        return None
    return _to_inviter(
        row,
        _("{person} asks for a new invitation to {organisation}"),
        _(
            "{recipient} was invited. Now {person}, signed in as {address}, asks to be let in. "
            "If you know them and agree, invite {address} on the organisation's page; otherwise do nothing."
        ),
        person=asker,
        address=asker.email,
    )


def _to_inviter(row: OutgoingEmail, heading: str, paragraph: str, **names: object) -> Message | None:
    """To whoever invited, as long as they administer the organisation: others can do nothing about it."""
    invitation: MemberInvitation | None = invitation_of(row, MemberInvitation, any_version=True)
    if invitation is None or not is_administrator(row.recipient, invitation.organisation):
        return None
    organisation, recipient = invitation.organisation, invitation.recipient
    return message(heading, paragraph, organisation=organisation, recipient=recipient, **names)

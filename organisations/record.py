"""How what happens to invitations of members is recorded."""

from organisations.models import MemberInvitation
from portal.activity.record import unwritten
from portal.models import Activity, User
from portal.verbs import Verb


def record_invitation(verb: Verb, invitation: MemberInvitation, by: User | None, **details: str) -> None:
    """One entry about an invitation, written at once."""
    of_invitation(verb, invitation, by, **details).save()


def of_invitation(verb: Verb, invitation: MemberInvitation, by: User | None, **details: str) -> Activity:
    """One entry about an invitation, unwritten: whom it is for and in which role; never its code."""
    return unwritten(
        verb,
        by=by,
        organisation=invitation.organisation,
        party_address=invitation.email,
        invitation=str(invitation.uuid),
        role=invitation.role,
        **details,
    )

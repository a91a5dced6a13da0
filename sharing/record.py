"""How what happens to invitations is recorded."""

from portal.activity.record import unwritten
from portal.models import Activity, User
from portal.verbs import Verb
from sharing.models import AccessRequest, Invitation, Transfer


def record_invitation(verb: Verb, invitation: Invitation, by: User | None, **details: str) -> None:
    """One entry about an invitation, written at once."""
    of_invitation(verb, invitation, by, **details).save()


def of_invitation(verb: Verb, invitation: Invitation, by: User | None, **details: str) -> Activity:
    """One entry about an invitation, unwritten: whom it is for, of which kind and level; never its code."""
    return unwritten(
        verb,
        by=by,
        location=invitation.location,
        organisation=invitation.organisation,
        party=str(invitation.organisation or ""),
        party_address=invitation.email,
        invitation=str(invitation.uuid),
        kind=invitation.kind,
        level=invitation.level,
        **details,
    )


def record_transfer(verb: Verb, transfer: Transfer, by: User | None, **details: str) -> None:
    """One entry about an invitation to become Owner, written at once."""
    of_transfer(verb, transfer, by, **details).save()


def of_transfer(verb: Verb, transfer: Transfer, by: User | None, **details: str) -> Activity:
    """One entry about an invitation to become Owner, unwritten: whom it is for; never its code."""
    return unwritten(
        verb,
        by=by,
        location=transfer.location,
        party_address=transfer.email,
        transfer=str(transfer.uuid),
        **details,
    )


def record_request(verb: Verb, request: AccessRequest, by: User | None) -> None:
    """One entry about a request to be let in, written at once."""
    of_request(verb, request, by).save()


def of_request(verb: Verb, request: AccessRequest, by: User | None) -> Activity:
    """One entry about a request to be let in, unwritten: who asked, for what; where an invitation is to be
    used, which."""
    offer, person = request.offer, request.user
    return unwritten(
        verb,
        by=by,
        party=str(person) if person != by else "",
        party_address=person.email if person != by else "",
        **({"invitation": str(offer.uuid)} if offer else {}),
        **({"organisation": request.thing} if request.member_invitation else {"location": request.thing}),
    )

"""The kinds of invitations there are, and finding one by its code or its id whatever its kind."""

from typing import Any
from uuid import UUID

from django.db.models import Value

from organisations.acceptance import MEMBER_INVITATIONS
from organisations.models import MemberInvitation
from portal import codes
from portal.invitations.answering import Answering, Holder, Situation
from portal.invitations.models import CODE_PURPOSE, AbstractInvitation
from sharing.bulk.offers import OFFERS
from sharing.invitations.accepting import SHARES
from sharing.models import Invitation, Offer, Transfer
from sharing.transfers.accepting import TRANSFERS

KINDS: dict[type[AbstractInvitation], Answering] = {
    Invitation: SHARES,
    MemberInvitation: MEMBER_INVITATIONS,
    Transfer: TRANSFERS,
    Offer: OFFERS,
}


def answering(invitation: AbstractInvitation) -> Answering:
    """How invitations of its kind are answered."""
    return KINDS[type(invitation)]


def situation_of(invitation: AbstractInvitation, holder: Holder) -> Situation:
    """What this invitation is to this person."""
    return answering(invitation).situation_of(invitation, holder)


def with_digest(digest: str) -> AbstractInvitation | None:
    """The invitation this digest of a code belongs to, whatever its state.

    Every kind is asked every time, so an answer takes as long for each; a code that two have opens neither.
    """
    found = [invitation for kind in KINDS for invitation in kind.objects.with_digest(digest)]
    return found[0] if len(found) == 1 else None


def with_code(code: str) -> AbstractInvitation | None:
    """The same for a normalised code."""
    return with_digest(codes.digest(code, purpose=CODE_PURPOSE))


def with_uuid(uuid: UUID) -> Any:
    """The invitation with this id, or None. One query that asks all kinds, and one for what it found."""
    kinds = list(KINDS)
    arms = [
        kind.objects.filter(uuid=uuid).order_by().values_list(Value(number), "pk")
        for number, kind in enumerate(kinds)
    ]
    for number, pk in arms[0].union(*arms[1:], all=True):
        return kinds[number].objects.with_all().filter(pk=pk).first()
    return None

"""The recipient's verbs, and what an invitation to a location is to whom (product rule 4).

What invitations of every kind have in common stands in `portal.invitations.answering`.
"""

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from organisations.models import Organisation
from organisations.permissions import is_administrator
from organisations.services import lock_organisation
from portal.invitations.answering import Answering, Situation
from portal.models import User
from portal.verbs import Verb
from sharing.invitations import emails
from sharing.models import Acceptance, Invitation
from sharing.permissions import covering_access, shared_through
from sharing.record import record_invitation

State = Invitation.State
Kind = Invitation.Kind


class AnsweringShares(Answering):
    """How invitations to locations are answered."""

    model = Invitation
    sentences: ClassVar = {
        Situation.HAS_ACCESS: _("You already have access to this location."),
        Situation.STOPPED: _("This location can no longer be shared by the person who invited you."),
    }

    def is_addressed_to(self, invitation: Invitation, user: User) -> bool:
        """Whether it was sent to them or their organisation. A code is to nobody but those who used it."""
        if invitation.kind == Kind.CODE:
            return invitation.acceptances.filter(by=user).exists()
        return super().is_addressed_to(invitation, user)

    def is_for_whoever_has_it(self, invitation: Invitation) -> bool:
        return invitation.kind == Kind.CODE

    def of_somebody_else(self, invitation: Invitation) -> Situation:
        return Situation.WRONG_ACCOUNT if invitation.kind == Kind.PERSON else Situation.NOT_ADMINISTRATOR

    def as_things_stand(self, invitation: Invitation, user: User) -> Situation:
        """Stopped once the location is archived, or whoever shared it may no longer."""
        through = shared_through(invitation, invitation.location)
        if through is None:
            return Situation.STOPPED
        return Situation.FINE if parties_to_gain(invitation, user, through) else Situation.HAS_ACCESS

    def once_accepted(self, invitation: Invitation, user: User) -> Situation:
        mine = invitation.settled_by_id == user.pk and invitation.kind != Kind.ORGANISATION
        return Situation.HAS_ACCESS if mine and self.has_it(invitation, user) else Situation.USED

    def has_it(self, invitation: Invitation, user: User) -> bool:
        return bool(covering_access(user, invitation.location, level=Level.VIEW, ends_at=timezone.now()))

    def about(self, invitation: Invitation) -> dict[str, Any]:
        return {"location": invitation.location, "kind": invitation.kind}

    def declined(self, invitation: Invitation, by: User) -> None:
        record_invitation(Verb.INVITATION_DECLINED, invitation, by)
        emails.queue_declined(invitation, by)

    def asked_for(self, invitation: Invitation, by: User) -> None:
        record_invitation(Verb.INVITATION_ASKED_FOR, invitation, by)
        emails.queue_asked_for(invitation, by)


SHARES = AnsweringShares()
decline, ask_for_new = SHARES.decline, SHARES.ask_for_new


def parties_to_gain(invitation: Invitation, user: User, through: Access) -> list[Party]:
    """For whom this person could accept it and gain something: themselves, or an organisation.

    `through` is what `shared_through` says.
    """
    if invitation.kind == Kind.PERSON:
        parties: list[Party] = [user]
    elif invitation.kind == Kind.ORGANISATION:
        parties = [invitation.organisation] if invitation.organisation else []
    else:
        parties = [user, *Organisation.objects.administered_by(user)]
    return [party for party in parties if _covering(invitation, party, through) is None]


@transaction.atomic
def accept(
    *,
    invitation: Invitation,
    by: User,
    nonce: str,
    organisation: Organisation | None = None,
    approved: bool = False,
) -> Acceptance:
    """Take the invitation up: for `by`, or for an organisation they administer.

    `nonce` says which renewal they looked at; that they hold the code, where it is one, is for the caller to
    know. `approved` is the inviter's word for an account it was not sent to. Raises Refusal with the reason,
    `situation` in its data.
    Exactly one of many at once succeeds; the guard is the conditional UPDATE, which must touch one row.
    """
    party = by if approved else _party(invitation, by, organisation)
    location = locations.lock_location(invitation.location)
    _use_up(invitation, by, nonce)
    through = shared_through(invitation, location)
    if through is None:
        raise SHARES.refusal(Situation.STOPPED, invitation)
    if _covering(invitation, party, through):
        raise SHARES.refusal(Situation.HAS_ACCESS, invitation)
    access = _give(invitation, location, party, through)
    acceptance = Acceptance.objects.create(invitation=invitation, access=access, by=by, nonce=nonce)
    record_invitation(Verb.INVITATION_ACCEPTED, invitation, by)
    if invitation.kind != Kind.CODE or invitation.works_once:
        invitation.say_it_is_over()
    emails.queue_accepted(acceptance)
    return acceptance


def _use_up(invitation: Invitation, by: User, nonce: str) -> None:
    """Use the invitation once. It must be the one that was looked at, unanswered and in time, right now."""
    if invitation.kind == Kind.CODE and not invitation.works_once:
        used = invitation.right_now(nonce).update(uses=F("uses") + 1) == 1
    else:
        used = invitation.answer(State.ACCEPTED, by=by, nonce=nonce, uses=F("uses") + 1)
    if not used:
        raise SHARES.why_not(invitation, by, nonce)


def _give(invitation: Invitation, location: Location, party: Party, through: Access) -> Access:
    """The access itself, given by the sharer's, and no longer than that lasts."""
    return locations.give_access(
        location=location,
        party=party,
        level=Level(invitation.level),
        reason={
            Kind.PERSON: Access.Reason.EMAIL,
            Kind.ORGANISATION: Access.Reason.ORGANISATION,
            Kind.CODE: Access.Reason.CODE,
        }[Kind(invitation.kind)],
        by=invitation.invited_by,
        through=through,
        ends_at=through.gives_until(invitation.access_ends_at),
    )


def _party(invitation: Invitation, by: User, organisation: Organisation | None) -> Party:
    """For whom it is accepted. Raises Refusal unless `by` may accept for them."""
    if invitation.kind == Kind.ORGANISATION:
        organisation = invitation.organisation
    elif invitation.kind == Kind.PERSON:
        organisation = None
        if not SHARES.is_addressed_to(invitation, by):
            raise SHARES.refusal(Situation.WRONG_ACCOUNT, invitation)
    SHARES.refuse_support(invitation, by)
    if organisation is None:
        return by
    # Locked first (organisation, location, invitation, access), so that a demotion waits or is seen.
    organisation = lock_organisation(organisation)
    if not is_administrator(by, organisation):
        raise SHARES.refusal(Situation.NOT_ADMINISTRATOR, invitation)
    return organisation


def _covering(invitation: Invitation, party: Party, through: Access) -> Access | None:
    """What gives as much already as the invitation would: no longer than `through`, whose end may have come
    nearer since it was sent.
    """
    ends_at = through.gives_until(invitation.access_ends_at)
    return covering_access(party, invitation.location, level=Level(invitation.level), ends_at=ends_at)

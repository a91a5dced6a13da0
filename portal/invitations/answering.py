"""Answering an invitation: what it is to the person who looks at it, and one set of sentences for all kinds.

A kind says in a subclass of `Answering` what only it can know: whom it is for, whether it still stands and
gives anything. The rest is the same for all (product rule 4, ux.md).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal import limits
from portal.accounts.receiving import NOT_FOR_SUPPORT
from portal.errors import Refusal
from portal.invitations.models import AbstractInvitation, InvitationState
from portal.models import User


class Situation(StrEnum):
    """What the page at /add/ shows: one page, one of these."""

    FINE = "fine"
    SIGNED_OUT = "signed_out"
    WRONG_ACCOUNT = "wrong_account"
    NOT_ADMINISTRATOR = "not_administrator"
    HAS_ACCESS = "has_access"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    USED = "used"
    STOPPED = "stopped"
    SUPPORT = "support"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Holder:
    """Who is looking, and what they hold: the code as it is now, and whether they saw it alive before."""

    user: User | None
    has_code: bool = False
    saw_it_live: bool = False


class Answering(ABC):
    """How invitations of one kind are answered."""

    model: type[AbstractInvitation]
    # What is said where the sentences of all kinds do not fit.
    sentences: ClassVar[dict[Situation, str | Promise]] = {}

    # --- What a kind knows ----------------------------------------------------------------

    @abstractmethod
    def as_things_stand(self, invitation: Any, user: User) -> Situation:
        """What a live one is to whom it is for.

        STOPPED where whoever invited may no longer do so, or nothing is left to offer; HAS_ACCESS where
        accepting would give this person nothing they do not have; else FINE.
        """

    @abstractmethod
    def about(self, invitation: Any) -> dict[str, Any]:
        """What the record says an attempt against it was about."""

    @abstractmethod
    def declined(self, invitation: Any, by: User) -> None:
        """Record, and tell the inviter, that the answer was no."""

    @abstractmethod
    def asked_for(self, invitation: Any, by: User) -> None:
        """Record, and tell the inviter, that somebody would like a new one."""

    def whom_to_ask(self, invitation: Any) -> list[User]:
        """Who could send a new one; nobody, where they are gone."""
        return [invitation.invited_by] if invitation.invited_by.is_active else []

    def is_addressed_to(self, invitation: Any, user: User) -> bool:
        """Whether it was sent to this person."""
        return self.model.objects.addressed_to(user).filter(pk=invitation.pk).exists()

    def is_for_whoever_has_it(self, invitation: Any) -> bool:
        """Whether its code is enough."""
        return False

    def of_somebody_else(self, invitation: Any) -> Situation:
        """What it is to whoever has its code without being meant."""
        return Situation.WRONG_ACCOUNT

    def once_accepted(self, invitation: Any, user: User) -> Situation:
        """What an accepted one is to somebody entitled to know."""
        return Situation.USED

    def has_it(self, invitation: Any, user: User) -> bool:
        """Whether they have now what it was about, by whatever way."""
        return False

    # --- What is the same for all ---------------------------------------------------------

    def situation_of(self, invitation: Any, holder: Holder) -> Situation:
        """What this invitation is to this person.

        UNKNOWN for whoever is not entitled to know more: to a guesser, codes that never were and codes that
        expired, were withdrawn or used up are one and the same.
        """
        live = invitation.is_live()
        addressed = holder.user is not None and self.is_addressed_to(invitation, holder.user)
        if live and self.is_for_whoever_has_it(invitation):
            # Having used it once opens nothing again: whoever was put out must not come back by it.
            addressed = holder.has_code
        if not addressed and not (live and holder.has_code) and not holder.saw_it_live:
            return Situation.UNKNOWN
        if holder.user is None:
            return Situation.SIGNED_OUT if live else Situation.UNKNOWN
        if not live:
            return self.once_over(invitation, holder.user)
        situation = (
            self.as_things_stand(invitation, holder.user) if addressed else self.of_somebody_else(invitation)
        )
        if holder.user.is_staff and situation not in (Situation.HAS_ACCESS, Situation.STOPPED):
            return Situation.SUPPORT
        return situation

    def refuse_support(self, invitation: Any, by: User) -> None:
        """Raises Refusal to support staff, who accept nothing. Whatever accepts asks it."""
        if by.is_staff:
            raise self.refusal(Situation.SUPPORT, invitation)

    def was_got_another_way(self, invitation: Any) -> bool:
        """Whether it was withdrawn by nobody: once whom it is for had as much by another way."""
        return bool(invitation.state == InvitationState.WITHDRAWN and invitation.settled_by_id is None)

    @transaction.atomic
    def decline(self, *, invitation: Any, by: User, nonce: str) -> None:
        """Say no to an invitation addressed to `by`. A code for whoever has it is nobody's to decline.

        Raises Refusal.
        """
        if not self.model.objects.addressed_to(by).filter(pk=invitation.pk).exists():
            raise self.refusal(Situation.WRONG_ACCOUNT, invitation)
        if not invitation.answer(InvitationState.DECLINED, by=by, nonce=nonce):
            raise self.why_not(invitation, by, nonce)
        self.declined(invitation, by)

    def ask_for_new(self, *, invitation: Any, by: User) -> None:
        """Ask the inviter for a new invitation, once a day. Raises Refusal when they were asked already."""
        if not limits.count(limits.ASKING_FOR_A_NEW_ONE, f"{invitation.uuid}/{by.pk}"):
            raise Refusal(_("You have asked today. They have got an e-mail."))
        with transaction.atomic():
            self.asked_for(invitation, by)

    def why_not(self, invitation: Any, by: User, nonce: str) -> Refusal:
        """The reason why the conditional UPDATE touched nothing, read after the fact."""
        now = self.model.objects.with_all().get(pk=invitation.pk)
        if now.is_live() and now.nonce != nonce:
            return Refusal(
                _("This invitation was renewed meanwhile. Look at it again."), situation=Situation.FINE
            )
        return self.refusal(self.once_over(now, by) if not now.is_live() else Situation.FINE, now)

    def refusal(self, situation: Situation, invitation: Any) -> Refusal:
        """Why it cannot be accepted, `situation` in its data."""
        sentence = self.sentences.get(situation) or SENTENCES[situation]
        return Refusal(sentence, situation=situation, invitation=invitation)

    def once_over(self, invitation: Any, user: User) -> Situation:
        """What became of an invitation that can no longer be accepted."""
        if invitation.is_expired:
            return Situation.EXPIRED
        if self.was_got_another_way(invitation) and self.has_it(invitation, user):
            return Situation.HAS_ACCESS
        if invitation.state == InvitationState.ACCEPTED:
            return self.once_accepted(invitation, user)
        settled = {
            InvitationState.WITHDRAWN: Situation.WITHDRAWN,
            InvitationState.DECLINED: Situation.DECLINED,
        }
        return settled[InvitationState(invitation.state)]


SENTENCES: dict[Situation, str | Promise] = {
    Situation.WRONG_ACCOUNT: _("This invitation was sent to another address than yours."),
    Situation.NOT_ADMINISTRATOR: _("Only an Administrator of the organisation can accept this."),
    Situation.EXPIRED: _("This invitation has expired."),
    Situation.WITHDRAWN: _("This invitation was withdrawn."),
    Situation.DECLINED: _("This invitation was declined."),
    Situation.USED: _("This invitation has been used already."),
    Situation.SUPPORT: NOT_FOR_SUPPORT,
    Situation.FINE: _("That did not work. Try again."),
}

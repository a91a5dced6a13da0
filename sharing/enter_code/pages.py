"""What the one acceptance page says and does for an invitation of each kind."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locations.levels import Level
from locations.models import Access
from locations.permissions import Party
from organisations import acceptance as membership
from organisations.models import MemberInvitation, Organisation
from portal.errors import Refusal
from portal.invitations.answering import Situation
from portal.invitations.models import AbstractInvitation
from portal.lib.humanize import masked
from portal.models import User
from sharing import kinds
from sharing.bulk import jobs, offers
from sharing.invitations import accepting as invitations_accepting
from sharing.models import AccessRequest, Invitation, Offer, Transfer
from sharing.permissions import best_access, shared_through, would_end
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers.handover import for_the_next_owner

SHOWN_OF_OFFER = 50
# Where asking for a new one makes sense.
MAY_ASK = (
    Situation.EXPIRED,
    Situation.DECLINED,
    Situation.WITHDRAWN,
    Situation.WRONG_ACCOUNT,
    Situation.STOPPED,
)


@dataclass
class InvitationPage(ABC):
    """One invitation, shown to one person. `template` extends sharing/invitation.html by its kind."""

    request: HttpRequest
    invitation: Any
    situation: Situation
    template: ClassVar[str]
    # Whether the inviter can let in another account than the one it was sent to, by a click.
    can_be_approved: ClassVar[bool] = True
    nothing_came_of_it: ClassVar[str | Promise]

    @abstractmethod
    def accept(self, nonce: str) -> tuple[str, str]:
        """Accept it as the form says; returns what to say and where to go on. Raises Refusal."""

    def context(self) -> dict[str, Any]:
        """What the template shows."""
        return {
            "section": "add",
            "invitation": self.invitation,
            "situation": self.situation.value,
            "answer_before": self.invitation.expires_at,
            "masked_address": masked(self.invitation.email),
            "may_ask": self.may_ask,
            "may_decline": self.may_decline,
            "may_know": self._may_know_who(),
            "whom_to_ask": self.whom_to_ask,
            "nothing_came_of_it": self.nothing_came_of_it,
            "can_be_approved": self.can_be_approved,
            "has_asked": self.situation is Situation.WRONG_ACCOUNT and self._has_asked(),
        }

    @property
    def may_ask(self) -> bool:
        """Whether asking for a new one makes sense, and there is somebody to ask."""
        return (
            self.situation in MAY_ASK
            # A new one would be no more for support staff than this one.
            and not self.request.user.is_staff
            and bool(kinds.answering(self.invitation).whom_to_ask(self.invitation))
        )

    @property
    def may_decline(self) -> bool:
        """Whether it waits for this person though accepting gives nothing: they can always say no to it."""
        found, waits = self.invitation, (Situation.HAS_ACCESS, Situation.STOPPED, Situation.SUPPORT)
        if self.situation not in waits or not found.is_live():
            return False
        return bool(type(found).objects.addressed_to(self.request.user).filter(pk=found.pk).exists())

    @property
    def whom_to_ask(self) -> str:
        """What to call whoever can send a new one."""
        return str(self.invitation.invited_by)

    def decline(self, nonce: str) -> str:
        """Decline it; returns what to say. Raises Refusal."""
        kinds.answering(self.invitation).decline(
            invitation=self.invitation, by=self.request.user, nonce=nonce
        )
        return _("You said no. {sharer} is told.").format(sharer=self.invitation.invited_by)

    def _has_asked(self) -> bool:
        """Whether this account waits for the inviter to approve it."""
        mine = AccessRequest.objects.open().filter(user=self.request.user)
        return any(one.offer == self.invitation for one in mine.with_all())

    def _may_know_who(self) -> bool:
        """Whether this person is told by name who answered: those it was for, not all who have its code."""
        found, user = self.invitation, self.request.user
        if found.settled_by is None or not user.is_authenticated:
            return False
        return found.settled_by == user or kinds.answering(found).is_addressed_to(found, user)


class PageOfOneLocation(InvitationPage):
    """What the pages of invitations about a single location have in common."""

    @property
    def may_ask(self) -> bool:
        """Nobody gives an archived location, and once it is stopped, whoever invited can do nothing."""
        stopped = self.situation is Situation.STOPPED or self.invitation.location.archived_at is not None
        return super().may_ask and not stopped


class LocationPage(PageOfOneLocation):
    """An invitation to a location."""

    template = "sharing/invitation/location.html"
    nothing_came_of_it = gettext_lazy("Nothing was shared.")

    def context(self) -> dict[str, Any]:
        found, user = self.invitation, self.request.user
        context = super().context() | {"location": found.location, "level": Level(found.level)}
        if self.situation in (Situation.FINE, Situation.SIGNED_OUT):
            through = shared_through(found, found.location)
            ends_at = would_end(found, through)
            context |= {"ends_at": ends_at, "answer_before": found.answer_before(ends_at)}
            if self.situation is Situation.FINE:
                context |= self._for_whom_to_choose(through)
        if self.situation in (Situation.NOT_ADMINISTRATOR, Situation.USED) and found.organisation:
            context["colleagues"] = administrators_known_to(user, found.organisation)
        return context

    def accept(self, nonce: str) -> tuple[str, str]:
        accepted = invitations_accepting.accept(
            invitation=self.invitation, by=self.request.user, nonce=nonce, organisation=self._for_whom()
        )
        location = accepted.access.location
        said = _("{location} is in your list of locations.")
        if accepted.access.organisation:
            said = _("{location} is in the list of everybody at {organisation}.")
        said = said.format(location=location, organisation=accepted.access.organisation)
        return said, reverse("locations:detail", args=[location.uuid])

    def _for_whom_to_choose(self, through: Access | None) -> dict[str, Any]:
        """For whom it can be accepted, and what they have already; `taker` where there is no choice."""
        found, user = self.invitation, self.request.user
        parties: list[Party] = [found.organisation or user]
        if through and found.kind == Invitation.Kind.CODE:
            parties = invitations_accepting.parties_to_gain(found, user, through)
        taker = parties[0] if len(parties) == 1 else None
        return {
            "parties": parties,
            "organisation": taker if isinstance(taker, Organisation) else None,
            "held": best_access(taker or user, found.location),
        }

    def decline(self, nonce: str) -> str:
        """A code is nobody's to decline: it is only put aside here."""
        return "" if self.invitation.kind == Invitation.Kind.CODE else super().decline(nonce)

    def _for_whom(self) -> Organisation | None:
        """For whom it is added: None for the person, else one of the organisations they administer."""
        chosen = self.request.POST.get("for", "")
        if not chosen:
            return None
        for organisation in Organisation.objects.administered_by(self.request.user):
            if str(organisation.uuid) == chosen:
                return organisation  # type: ignore[no-any-return]
        raise Refusal(_("Choose for whom you add the location."))


def administrators_known_to(user: User | AnonymousUser, organisation: Organisation) -> list[str]:
    """Whom to ask: told to members alone."""
    if not organisation.memberships.filter(user=user).exists():
        return []
    return [str(m.user) for m in organisation.memberships.administrators().by_name()]


class MembershipPage(InvitationPage):
    """An invitation to become a member of an organisation."""

    template = "sharing/invitation/membership.html"
    nothing_came_of_it = gettext_lazy("You can be invited again at any time.")

    @property
    def whom_to_ask(self) -> str:
        """Whoever invited, or the organisation once they can no longer help."""
        found = self.invitation
        asked = kinds.answering(found).whom_to_ask(found)
        return super().whom_to_ask if asked == [found.invited_by] else str(found.organisation)

    def accept(self, nonce: str) -> tuple[str, str]:
        made = membership.accept(invitation=self.invitation, by=self.request.user, nonce=nonce)
        said = _("You are a member of {organisation} now. You see all of its locations here.")
        return said.format(organisation=made.organisation), reverse("locations:list")


class TransferPage(PageOfOneLocation):
    """An invitation to become the Owner of a location."""

    template = "sharing/invitation/transfer.html"
    nothing_came_of_it = gettext_lazy("Nothing has changed.")
    # Who owns a location is decided by a new invitation, not by one click on somebody's request.
    can_be_approved = False

    def context(self) -> dict[str, Any]:
        location = self.invitation.location
        context = super().context() | {"location": location}
        if self.situation is Situation.FINE:
            context |= for_the_next_owner(location)
        return context

    def accept(self, nonce: str) -> tuple[str, str]:
        access = transfers_accepting.accept(transfer=self.invitation, by=self.request.user, nonce=nonce)
        said = _("You are the Owner of {location} now. You decide who has access.")
        location = access.location
        return said.format(location=location), reverse("sharing:permissions", args=[location.uuid])


class OfferPage(InvitationPage):
    """An offer of many locations."""

    template = "sharing/invitation/offer.html"
    nothing_came_of_it = gettext_lazy("Nothing was shared.")
    can_be_approved = False

    def context(self) -> dict[str, Any]:
        found = self.invitation
        context = super().context() | {"level": Level(found.level)}
        if self.situation in (Situation.FINE, Situation.SIGNED_OUT):
            left = offers.left_in(found)
            shown = list(left[:SHOWN_OF_OFFER])
            for one in shown:
                one.only = Level(one.level).can if one.level < found.level else ""
            # Those that were lowered since come first.
            context |= {"left": shown, "count": left.count(), "lowered": any(one.only for one in shown)}
            context["more"] = max(0, context["count"] - SHOWN_OF_OFFER)
        if self.situation is Situation.NOT_ADMINISTRATOR:
            context["colleagues"] = administrators_known_to(self.request.user, found.organisation)
        return context

    def accept(self, nonce: str) -> tuple[str, str]:
        job = offers.accept(offer=self.invitation, by=self.request.user, nonce=nonce)
        jobs.begin_at_once(job)
        return "", reverse("sharing:bulk_job", args=[job.uuid])


PAGES: dict[type[AbstractInvitation], type[InvitationPage]] = {
    Invitation: LocationPage,
    MemberInvitation: MembershipPage,
    Transfer: TransferPage,
    Offer: OfferPage,
}

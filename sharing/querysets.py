"""The questions that are asked about invitations."""

from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.db.models.functions import Now

from locations.levels import Level
from organisations.models import Organisation
from portal.accounts.addresses import verified_addresses
from portal.invitations.models import AbstractInvitationQuerySet
from portal.models import User

if TYPE_CHECKING:
    from locations.models import Location
    from sharing.models import Invitation


class InvitationQuerySet(AbstractInvitationQuerySet):
    """Invitations to locations, from the side of the sharer and of the recipient."""

    def on_tab(self, location: "Location") -> Self:
        """What the Permissions tab lists as waiting. A code that ended is of no use and is left out."""
        return (
            self.unsettled()
            .filter(location=location)
            .exclude(kind="code", state="expired")
            .exclude(kind="code", expires_at__lte=Now())
            .select_related("organisation", "invited_by", "offer")
            .order_by("-invited_at", "-pk")
        )

    def of_member(self, user: User, organisation: Organisation, *, put_out: bool) -> Self:
        """The open ones that may end with a membership: what this person has sent.

        Where they are put out, the live codes of the organisation's locations too: Manage shows them.
        """
        theirs = Q(invited_by=user)
        if put_out:
            from locations.models import Access

            through = Access.objects.live().filter(organisation=organisation, level=Level.MANAGE)
            theirs |= Q(kind="code", location__in=through.values("location"))
        return self.open().filter(theirs)

    def live_code_of(self, location: "Location") -> "Invitation | None":
        """The invitation code of the location that works now; there is one at most."""
        return self.open().filter(location=location, kind="code").first()

    def with_all(self) -> Self:
        """With what the acceptance page shows."""
        return super().with_all().select_related("location")

    def addressed_to(self, user: User | AnonymousUser) -> Self:
        """Those sent to a verified address of this person or to an organisation they administer."""
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        return self.filter(
            Q(kind="person", email__in=verified_addresses(user))
            | Q(
                kind="organisation",
                organisation__in=Organisation.objects.administered_by(user).values("pk"),
            )
        )

    def on_their_own(self) -> Self:
        """Those that do not wait in an envelope with others (`sharing.bulk_models.Offer`)."""
        return self.exclude(offer__state__in=["pending", "expired"])


class TransferQuerySet(AbstractInvitationQuerySet):
    """Invitations to become Owner."""

    def on_tab(self, location: "Location") -> Self:
        """What the Permissions tab lists as waiting."""
        return self.unsettled().filter(location=location).with_all().order_by("-invited_at", "-pk")

    def with_all(self) -> Self:
        """With what the acceptance page shows."""
        return self.select_related("location", "invited_by", "settled_by")

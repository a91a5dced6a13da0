"""Invitations to locations, the questions asked about them, and what became of them.

An `Offer` is the one envelope for the invitations of a job about many locations: one e-mail, one code, one
answer for all. Each location's own `Invitation` stays what it is, and can be answered, withdrawn or renewed
by itself.
"""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from locations.models import Access, Location
from organisations.models import Organisation
from portal.accounts.addresses import verified_addresses
from portal.invitations.models import AbstractInvitation, AbstractInvitationQuerySet
from portal.models import User


class OfferQuerySet(AbstractInvitationQuerySet):
    """Offers of many locations."""

    def addressed_to(self, user: User | AnonymousUser) -> Self:
        """Those sent to a verified address of this person or to an organisation they administer."""
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        return self.filter(
            Q(email__in=verified_addresses(user))
            | Q(organisation__in=Organisation.objects.administered_by(user).values("pk"))
        )

    def open(self) -> Self:
        """Those in which something is left that can be accepted at this moment."""
        return super().open().filter(Exists(_unanswered()))

    def emptied(self) -> Self:
        """Those nobody has answered, and in which nothing is left to answer."""
        return self.filter(state="pending").exclude(Exists(_unanswered()))


def _unanswered() -> models.QuerySet[Any]:
    return Invitation.objects.filter(offer=OuterRef("pk"), state="pending")


class Offer(AbstractInvitation):
    """The invitations of one job, in one envelope to one recipient."""

    organisation = models.ForeignKey(
        Organisation,
        verbose_name=_("organisation"),
        null=True,
        on_delete=models.PROTECT,
        related_name="offers",
    )
    level = models.PositiveSmallIntegerField(_("level"), choices=Level.choices)
    access_ends_at = models.DateTimeField(_("access until"), null=True)
    message = models.TextField(_("message"), blank=True, max_length=1000)
    # How many locations were in it when it was sent.
    size = models.PositiveIntegerField(_("locations"), default=0)

    objects: ClassVar = OfferQuerySet.as_manager()

    class Meta(AbstractInvitation.Meta):
        verbose_name = _("invitation to many locations")
        verbose_name_plural = _("invitations to many locations")
        constraints: ClassVar = [
            *AbstractInvitation.Meta.constraints,
            models.CheckConstraint(
                condition=Q(organisation__isnull=True) ^ Q(email=""), name="offer_one_recipient"
            ),
        ]
        indexes: ClassVar = [
            *AbstractInvitation.Meta.indexes,
            models.Index(fields=["email"], name="offer_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} · {self.size}"

    @property
    def recipient(self) -> str:
        """What the sharer calls whom it was sent to."""
        return self.email or str(self.organisation)


class InvitationQuerySet(AbstractInvitationQuerySet):
    """Invitations to locations, from the side of the sharer and of the recipient."""

    def on_tab(self, location: Location) -> Self:
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

        Where they are put out, the live codes of the organisation's locations too, that they may know: Manage
        shows them, and some came by them.
        """
        theirs = Q(invited_by=user)
        if put_out:
            known = Q(level=Level.MANAGE) | Q(reason=Access.Reason.CODE)
            through = Access.objects.live().filter(known, organisation=organisation)
            theirs |= Q(kind="code", location__in=through.values("location"))
        return self.open().filter(theirs)

    def live_code_of(self, location: Location) -> "Invitation | None":
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
        """Those that do not wait in an envelope with others (`Offer`)."""
        return self.exclude(offer__state__in=["pending", "expired"])


class Invitation(AbstractInvitation):
    """One offer of access to one location: to a person, to an organisation, or to whoever has the code."""

    class Kind(models.TextChoices):
        PERSON = "person", _("Individual")
        ORGANISATION = "organisation", _("Organisation")
        CODE = "code", _("Share via invitation code")

    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="invitations"
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    organisation = models.ForeignKey(
        Organisation,
        verbose_name=_("organisation"),
        null=True,
        on_delete=models.PROTECT,
        related_name="invitations",
    )
    level = models.PositiveSmallIntegerField(_("level"), choices=Level.choices)
    access_ends_at = models.DateTimeField(_("access until"), null=True)
    message = models.TextField(_("message"), blank=True, max_length=1000)
    works_once = models.BooleanField(_("works once"), default=False)
    uses = models.PositiveIntegerField(_("uses"), default=0)
    invited_through = models.ForeignKey(
        Access, verbose_name=_("invited through"), on_delete=models.PROTECT, related_name="invitations"
    )
    # The envelope it was sent in with many others; renewed by itself, it leaves that.
    offer = models.ForeignKey(
        Offer,
        verbose_name=_("sent with others"),
        null=True,
        on_delete=models.PROTECT,
        related_name="invitations",
    )

    objects: ClassVar = InvitationQuerySet.as_manager()

    # Whose address it was sent to, set by `sharing.access.settling`.
    person: int | None

    class Meta(AbstractInvitation.Meta):
        constraints: ClassVar = [
            *AbstractInvitation.Meta.constraints,
            models.CheckConstraint(
                condition=(
                    Q(kind="person", organisation__isnull=True) & ~Q(email="")
                    | Q(kind="organisation", organisation__isnull=False, email="")
                    | Q(kind="code", organisation__isnull=True, email="")
                ),
                name="invitation_recipient",
            ),
            models.UniqueConstraint(
                fields=["location", "email"], condition=Q(kind="person"), name="invitation_person_once"
            ),
            models.UniqueConstraint(
                fields=["location", "organisation"],
                condition=Q(kind="organisation"),
                name="invitation_organisation_once",
            ),
            models.UniqueConstraint(
                fields=["location"],
                condition=Q(kind="code", state="pending"),
                name="invitation_one_live_code",
            ),
            models.CheckConstraint(
                condition=Q(works_once=False) | Q(uses__lte=1) & Q(kind="code"),
                name="invitation_works_once",
            ),
            models.CheckConstraint(
                condition=Q(access_ends_at__isnull=True) | Q(expires_at__lte=F("access_ends_at")),
                name="invitation_ends_with_what_it_offers",
            ),
        ]
        indexes: ClassVar = [
            *AbstractInvitation.Meta.indexes,
            models.Index(fields=["email"], condition=Q(kind="person"), name="invitation_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} · {self.location}"

    @property
    def recipient(self) -> str:
        """What the sharer calls whom it was sent to."""
        return self.email or (str(self.organisation) if self.organisation else str(_("Invitation code")))


class Acceptance(models.Model):
    """One use of an invitation: who accepted it when, and the access it gave. A code may have many."""

    invitation = models.ForeignKey(
        Invitation, verbose_name=_("invitation"), on_delete=models.PROTECT, related_name="acceptances"
    )
    access = models.ForeignKey(
        Access, verbose_name=_("access"), on_delete=models.PROTECT, related_name="acceptances"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.PROTECT, related_name="acceptances"
    )
    at = models.DateTimeField(default=timezone.now)
    # Which renewal of the invitation was accepted.
    nonce = models.CharField(max_length=22)

    class Meta:
        verbose_name = _("acceptance")
        verbose_name_plural = _("acceptances")
        indexes: ClassVar = [models.Index(fields=["invitation", "-at"], name="acceptance_latest")]

    def __str__(self) -> str:
        return f"{self.by} · {self.invitation}"

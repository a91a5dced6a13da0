"""Handing a location over: what is offered to whoever is to become its Owner."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from locations.models import Location
from portal.invitations.models import AbstractInvitation, AbstractInvitationQuerySet


class TransferQuerySet(AbstractInvitationQuerySet):
    """Invitations to become Owner."""

    def on_tab(self, location: Location) -> Self:
        """What the Permissions tab lists as waiting."""
        return self.unsettled().filter(location=location).with_all().order_by("-invited_at", "-pk")

    def with_all(self) -> Self:
        """With what the acceptance page shows."""
        return self.select_related("location", "invited_by", "settled_by")


class Transfer(AbstractInvitation):
    """One offer to one person to become the Owner of one location, with everything in it (product rule 2)."""

    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="transfers"
    )
    message = models.TextField(_("message"), blank=True, max_length=1000)

    objects: ClassVar = TransferQuerySet.as_manager()

    class Meta(AbstractInvitation.Meta):
        verbose_name = _("invitation to become Owner")
        verbose_name_plural = _("invitations to become Owner")
        constraints: ClassVar = [
            *AbstractInvitation.Meta.constraints,
            models.CheckConstraint(condition=~Q(email=""), name="transfer_has_address"),
            models.UniqueConstraint(fields=["location", "email"], name="transfer_once"),
            models.UniqueConstraint(
                fields=["location"], condition=Q(state="pending"), name="transfer_one_pending"
            ),
        ]
        indexes: ClassVar = [
            *AbstractInvitation.Meta.indexes,
            models.Index(fields=["email"], name="transfer_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.location}"

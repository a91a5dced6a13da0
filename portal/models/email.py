"""The mail that waits to be sent, and what became of it."""

import uuid
from collections.abc import Mapping
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.failures import Failure


class OutgoingEmailQuerySet(models.QuerySet["OutgoingEmail"]):
    """The outbox, as the sender and the pages ask for it."""

    def due(self) -> Self:
        """What is to be sent now, oldest first; a lease that ran out is due again."""
        return self.filter(
            status__in=[OutgoingEmail.Status.QUEUED, OutgoingEmail.Status.SENDING], due_at__lte=Now()
        ).order_by("due_at", "pk")

    def reached(self, kind: str, renewals: Mapping[uuid.UUID, str]) -> Self:
        """Those of this kind, about these renewals of things, that have left or are just leaving.

        `renewals` says by thing which (its nonce, which nothing else has).
        """
        Status = OutgoingEmail.Status
        left = [Status.SENDING, Status.SENT, Status.DELIVERED]
        renewed = Q(about__in=list(renewals), version__in=list(renewals.values()))
        return self.filter(renewed, kind=kind, status__in=left).select_related("recipient")


class OutgoingEmail(models.Model):
    """One message to one recipient, written in the transaction that causes it.

    A row carries what to say about which thing and in which language, never a code: `portal.mail.outbox`
    renders the message from the thing itself at the moment it is sent.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("waiting to be sent")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        BOUNCED = "bounced", _("came back")
        COMPLAINED = "complained", _("marked as spam")
        FAILED = "failed", _("could not be sent")
        OBSOLETE = "obsolete", _("no longer needed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=200, unique=True, help_text="Unique per message and version.")
    kind = models.CharField(_("kind"), max_length=60)
    about = models.UUIDField(_("about"), null=True, help_text="The id of what it is about.")
    version = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict, blank=True)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    address = models.EmailField(_("address"))
    language = models.CharField(_("language"), max_length=10)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    due_at = models.DateTimeField(_("due"), default=timezone.now)
    claim = models.UUIDField(null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    # What the mail provider calls it when it reports what became of it.
    provider_id = models.CharField(max_length=255, blank=True)
    failure = models.CharField(_("failure"), max_length=10, choices=Failure.choices, blank=True)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)

    objects: ClassVar = OutgoingEmailQuerySet.as_manager()

    class Meta:
        verbose_name = _("outgoing e-mail")
        verbose_name_plural = _("outgoing e-mails")
        indexes: ClassVar = [
            # In the order of `due`, so that the next batch costs the same beside ten thousand that wait.
            models.Index(
                fields=["due_at", "id"], condition=Q(status__in=["queued", "sending"]), name="outgoing_due"
            ),
            models.Index(fields=["about"], name="outgoing_about"),
            models.Index(fields=["address"], name="outgoing_address"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="outgoing_provider_id"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} → {self.address}"

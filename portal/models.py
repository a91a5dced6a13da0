"""The ground floor: people, the mail that waits to be sent, the record of what happened, throttles."""

import uuid
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.failures import Failure
from portal.querysets import ActivityQuerySet
from portal.verbs import Verb


class UserManager(BaseUserManager["User"]):
    """Makes people. An address is stored lower-cased, wherever it comes from."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who can sign in once an address is verified; without `password`, not by password."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Support staff. Nobody is all-powerful here, so Django's `createsuperuser` makes these."""
        return self.create_user(email, password, is_staff=True, **fields)

    def with_verified_address(self, email: str) -> "User | None":
        """The person who has shown this address, in any case, to be theirs."""
        return self.filter(emailaddress__email=email.strip().lower(), emailaddress__verified=True).first()

    def appointable(self) -> "models.QuerySet[User]":
        """Open accounts with a confirmed address, but for support staff, who cannot be given rights."""
        return self.filter(is_active=True, is_staff=False, emailaddress__verified=True).distinct()

    def get_by_natural_key(self, username: str | None) -> "User":
        """The person who signs in with this address, in any case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The e-mail address is the name; allauth's EmailAddress knows further and verified ones."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    is_staff = models.BooleanField(_("support staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    # An account that was deleted is kept, emptied (portal.closing).
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case"),
            # Support staff act through the same rules as everybody; there is no account above the rules.
            models.CheckConstraint(condition=Q(is_superuser=False), name="user_nobody_is_superuser"),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(is_active=False, is_staff=False, name=""),
                name="user_deleted_is_empty",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Deleted user") if self.deleted_at else self.name or self.email

    def get_full_name(self) -> str:
        """What Django's admin calls the person."""
        return str(self)

    get_short_name = get_full_name

    @property
    def address_of_nobody(self) -> str:
        """What stands in for the e-mail address of somebody who has none any more; nobody can have it."""
        return f"{self.uuid}@nobody.invalid"


class FormerAddress(models.Model):
    """An address of an account that was deleted, as a keyed digest.

    The record of activity keeps what people were called and cannot be changed; by these it is told, when it
    is shown, of whom to say "deleted user" (`portal.history`).
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="former_addresses"
    )
    digest = models.CharField(max_length=64, db_index=True)
    closed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user} {self.closed_at:%Y-%m-%d}"


class OutgoingEmailQuerySet(models.QuerySet["OutgoingEmail"]):
    """The outbox, as the sender and the pages ask for it."""

    def due(self) -> Self:
        """What is to be sent now, oldest first; a lease that ran out is due again."""
        return self.filter(
            status__in=[OutgoingEmail.Status.QUEUED, OutgoingEmail.Status.SENDING], due_at__lte=Now()
        ).order_by("due_at", "pk")

    def reached(self, kind: str, about: uuid.UUID, version: str) -> Self:
        """Those of this kind, about this renewal of a thing, that have left or are just leaving."""
        Status = OutgoingEmail.Status
        left = [Status.SENDING, Status.SENT, Status.DELIVERED]
        found = self.filter(kind=kind, about=about, version=version, status__in=left)
        return found.select_related("recipient")


class OutgoingEmail(models.Model):
    """One message to one recipient, written in the transaction that causes it.

    A row carries what to say about which thing and in which language, never a code: `portal.mail` renders
    the message from the thing itself at the moment it is sent.
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


class Activity(models.Model):
    """One thing that happened, written in the transaction that did it and never changed.

    It refers to people, organisations and locations by id and keeps what they were called, so that it
    outlives them. A database trigger refuses every UPDATE and DELETE (portal/migrations).
    """

    at = models.DateTimeField(_("when"), default=timezone.now)
    verb = models.CharField(_("what"), max_length=40, choices=Verb.choices)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("who"), max_length=254, blank=True)
    location_id = models.BigIntegerField(null=True)
    location_name = models.CharField(_("location"), max_length=200, blank=True)
    organisation_id = models.BigIntegerField(null=True)
    organisation_name = models.CharField(_("organisation"), max_length=200, blank=True)
    # Whom it was done to: a name anybody entitled to the record may see, an address fewer may.
    party_name = models.CharField(_("party"), max_length=254, blank=True)
    party_address = models.CharField(_("address of the party"), max_length=254, blank=True)
    details = models.JSONField(_("details"), default=dict)
    via = models.CharField(_("through"), max_length=20)
    address = models.CharField(_("from"), max_length=45, blank=True)

    objects: ClassVar = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activity")
        indexes: ClassVar = [
            models.Index(fields=["location_id", "-at", "-id"], name="activity_of_location"),
            models.Index(fields=["organisation_id", "-at", "-id"], name="activity_of_organisation"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb}"


class Throttle(models.Model):
    """How often something was tried under one key since its window began. Written by `portal.limits`."""

    key = models.CharField(max_length=120, primary_key=True)
    tries = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.tries}"

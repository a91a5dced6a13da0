"""Organisations, and who belongs to them in which role (product rule 1)."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organisations.querysets import (
    ADMINISTRATOR,
    KEY_PURPOSE,
    MemberInvitationQuerySet,
    MembershipQuerySet,
    OrganisationQuerySet,
)
from portal import codes
from portal.invitations.models import AbstractInvitation


class Organisation(models.Model):
    """A company. Its auth group carries its permissions; `organisations.services` alone writes both."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=120)
    country = models.CharField(_("country"), max_length=2, default="DK")
    language = models.CharField(
        _("language of its e-mails"),
        max_length=10,
        choices=settings.LANGUAGES,
        default=settings.LANGUAGE_CODE,
    )
    accepts_shares = models.BooleanField(_("accepts shared locations"), default=True)
    # As people read them, with commas between; compared by `permissions.may_ask_to_join`.
    join_domains = models.CharField(_("e-mail domains that may ask to join"), max_length=1000, blank=True)
    requires_two_step = models.BooleanField(_("Administrators must use two-step sign-in"), default=False)
    # In months; 0 is never. Who reviews, and when it is due, is known to `sharing.reviews.reminders`.
    review_every = models.PositiveSmallIntegerField(
        _("e-mail to review who has access"),
        choices=[(0, _("Never")), (6, _("Every 6 months")), (12, _("Every year"))],
        default=12,
    )
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="organisation")
    # The key itself is never stored: it is derived from the nonce and CODE_KEY (portal.codes).
    key_nonce = models.CharField(max_length=22, default=codes.new_nonce, editable=False)
    key_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    # Deleted, as its people say: nobody belongs to it, and only the record and support still know of it.
    closed_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    objects: ClassVar = OrganisationQuerySet.as_manager()

    # Set by `OrganisationQuerySet.get_visible`.
    viewer_role: str
    is_administered: bool
    # Set by `OrganisationQuerySet.mark_administered`.
    has_administrator: bool

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering: ClassVar = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """The Organisation Key, 16 symbols without dashes. For Administrators' eyes only."""
        return codes.derive(
            purpose=KEY_PURPOSE,
            subject=str(self.uuid),
            nonce=self.key_nonce,
            length=codes.ORGANISATION_KEY_LENGTH,
        )

    @property
    def key_version(self) -> str:
        """Which key this is, for a page to say which one it was shown for. Tells nothing about the key."""
        return codes.digest(self.key_nonce, purpose="organisation-key-version")[:16]

    def renew_key(self) -> None:
        """Another Organisation Key, not saved yet."""
        self.key_nonce = codes.new_nonce()
        self.key_digest = codes.digest(self.key, purpose=KEY_PURPOSE)


class Membership(models.Model):
    """A person's place in an organisation."""

    class Role(models.TextChoices):
        ADMINISTRATOR = ADMINISTRATOR, _("Administrator")
        MEMBER = "member", _("Member")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organisation = models.ForeignKey(
        Organisation, verbose_name=_("organisation"), on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="memberships",
    )
    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.MEMBER)
    since = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("added by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    objects: ClassVar = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation}"


class JoinRequest(models.Model):
    """Somebody who knows the Organisation Key asks to become a member. One row per person, renewed."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting for an answer")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="join_requests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="join_requests")
    sentence = models.CharField(_("about yourself"), max_length=300, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    settled_at = models.DateTimeField(_("settled"), null=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("request to join")
        verbose_name_plural = _("requests to join")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "user"], name="join_request_once"),
            models.CheckConstraint(
                condition=models.Q(state="pending", settled_at__isnull=True)
                | (~models.Q(state="pending") & models.Q(settled_at__isnull=False)),
                name="join_request_settled_with_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} → {self.organisation}"


class MemberInvitation(AbstractInvitation):
    """An Administrator invites an address to become a member. One row per address, renewed."""

    organisation = models.ForeignKey(
        Organisation,
        verbose_name=_("organisation"),
        on_delete=models.CASCADE,
        related_name="member_invitations",
    )
    role = models.CharField(_("role"), max_length=20, choices=Membership.Role.choices)

    objects: ClassVar = MemberInvitationQuerySet.as_manager()

    # What keeps its e-mail from having arrived, set by `organisations.inviting.pending`.
    delivery: str = ""

    class Meta(AbstractInvitation.Meta):
        verbose_name = _("invitation of a member")
        verbose_name_plural = _("invitations of members")
        constraints: ClassVar = [
            *AbstractInvitation.Meta.constraints,
            models.CheckConstraint(condition=~Q(email=""), name="memberinvitation_has_address"),
            models.UniqueConstraint(fields=["organisation", "email"], name="memberinvitation_once"),
        ]
        indexes: ClassVar = [
            *AbstractInvitation.Meta.indexes,
            models.Index(fields=["email"], name="memberinvitation_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} → {self.organisation}"

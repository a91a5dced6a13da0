"""People: the person who signs in, and the addresses of those who have deleted their account."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import codes


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
    # An account that was deleted is kept, emptied (portal.accounts.deletion).
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
    is shown, of whom to say "deleted user" (`portal.activity.sentences`).
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="former_addresses"
    )
    digest = models.CharField(max_length=64, db_index=True)
    closed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user} {self.closed_at:%Y-%m-%d}"


def digest_of(address: str) -> str:
    """The keyed digest by which the address of a deleted account is known again."""
    return codes.digest(address.lower(), purpose="former-address")

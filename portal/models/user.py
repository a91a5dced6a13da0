"""People: the person who signs in, and the addresses of those who have deleted their account."""

import unicodedata
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
from portal.lib.addresses import every_spelling, spelled

_FORMER = "former-address"


class UserManager(BaseUserManager["User"]):
    """Makes and finds people. An address is kept, and looked up, in its one spelling."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who can sign in once an address is verified; without `password`, not by password."""
        user = self.model(email=spelled(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Support staff. Nobody is all-powerful here, so Django's `createsuperuser` makes these."""
        return self.create_user(email, password, is_staff=True, **fields)

    def with_verified_address(self, email: str) -> "User | None":
        """The person who has shown this address, in any spelling, to be theirs."""
        return self.filter(emailaddress__email=spelled(email), emailaddress__verified=True).first()

    def waiting_with(self, email: str) -> "User | None":
        """Who signed up with this address, which nobody has confirmed yet."""
        return self.filter(email=spelled(email)).first()

    def appointable(self) -> "models.QuerySet[User]":
        """Open accounts with a confirmed address, but for support staff, who cannot be given rights."""
        return self.filter(is_active=True, is_staff=False, emailaddress__verified=True).distinct()

    def get_by_natural_key(self, username: str | None) -> "User":
        """The person whose main address this is, in any spelling."""
        return self.get(email=spelled(username or ""))


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

    def set_password(self, raw_password: str | None) -> None:
        """One password on every keyboard: a Mac writes æ and å in two pieces (NFD), others in one (NFC)."""
        super().set_password(None if raw_password is None else composed(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Composed, and as it was typed, for one that was set before passwords were composed."""
        tries = [raw_password] if raw_password is None else [composed(raw_password), raw_password]
        return any(super(User, self).check_password(each) for each in dict.fromkeys(tries))

    @property
    def address_of_nobody(self) -> str:
        """What stands in for the e-mail address of somebody who has none any more; nobody can have it."""
        return f"{self.uuid}@nobody.invalid"


def composed(password: str) -> str:
    """A password in the form in which it is set and checked."""
    return unicodedata.normalize("NFC", password)


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
    return codes.digest(spelled(address), purpose=_FORMER)


def digests_of(address: str) -> set[str]:
    """Those by which it may be known: the record, and digests, are older than the one spelling."""
    return {codes.digest(each.lower(), purpose=_FORMER) for each in every_spelling(address)}

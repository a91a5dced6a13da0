"""Where allauth meets the portal: its e-mails go through the outbox, and people go on where they were."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db.models import ProtectedError, QuerySet
from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import get_language

from portal import limits
from portal.lib.addresses import clean_address
from portal.lib.client_address import client_network
from portal.mail import outbox
from portal.models import User

# A sign-up nobody confirmed is forgotten then; the link to confirm it works for less.
UNCONFIRMED_LIVES = timedelta(days=7)

# Where somebody was going when they had to sign in or sign up first: a path of ours, kept in the session.
GO_ON = "go_on_after_sign_in"


class AccountAdapter(DefaultAccountAdapter):
    """allauth's adapter. Links in its e-mails are made by the worker, so no token is stored on the way."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue what allauth wants sent. Names who it is for and what about, and keeps nothing secret."""
        user = context.get("user")
        user = user if isinstance(user, User) else User.objects.with_verified_address(email)
        outbox.queue(
            "account",
            key=f"account/{get_random_string(22)}",
            address=email,
            language=user.language if user else get_language() or settings.LANGUAGE_CODE,
            recipient=user,
            template=template_prefix.removeprefix("account/email/"),
            at=timezone.now().isoformat(timespec="seconds"),
        )

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """allauth's few tries are counted per network, or anybody could lock a known person out."""
        return f"{super()._get_login_attempts_cache_key(request, **credentials)}:{client_network(request)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """All networks together have many more."""
        if limits.is_spent(limits.WRONG_PASSWORD, _key(credentials)):
            raise self.validation_error("too_many_login_attempts")
        super().pre_authenticate(request, **credentials)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        limits.count(limits.WRONG_PASSWORD, _key(credentials))

    def clean_email(self, email: str) -> str:
        """The form in which addresses are kept; no longer than one is stored."""
        address = clean_address(email)
        if address is None:
            raise ValidationError(EmailValidator.message)
        return str(super().clean_email(address))

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        home = reverse("admin:index") if request.user.is_staff else super().get_login_redirect_url(request)
        return go_on(request) or home

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return go_on(request) or super().get_signup_redirect_url(request)

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        request = allauth_context.request
        if request is not None and request.user.is_authenticated:
            return go_on(request) or reverse("locations:list")
        return super().get_email_verification_redirect_url(email_address)


def _key(credentials: dict[str, Any]) -> str:
    """What wrong passwords are counted by: the address that was typed, whether anybody has it or not."""
    return hashlib.sha256(str(credentials.get("email", "")).lower().encode()).hexdigest()


def go_on(request: HttpRequest) -> str:
    """Where this person was going before they signed in, once; "" when nowhere."""
    return str(request.session.pop(GO_ON, ""))


@receiver(pre_save, sender=EmailAddress)
def free_address(instance: EmailAddress, **kwargs: Any) -> None:
    """Whoever shows an address to be theirs may have it as main address.

    Somebody may have signed up with it who never could confirm it: that account goes, or, should anything
    hang on it, loses the address.
    """
    if not instance.verified:
        return
    owners = EmailAddress.objects.filter(email=instance.email, verified=True).values("user")
    others = User.objects.filter(email=instance.email).exclude(pk=instance.user_id).exclude(pk__in=owners)
    for other in others:
        if not _forget([other] if _never_used().filter(pk=other.pk).exists() else []):
            EmailAddress.objects.filter(user=other, email=instance.email).delete()
            other.email = other.address_of_nobody
            other.save(update_fields=["email"])


def forget_unconfirmed() -> int:
    """Delete sign-ups never confirmed in a week; returns how many."""
    unconfirmed = EmailAddress.objects.filter(verified=False).values("user")
    old = _never_used().filter(date_joined__lt=timezone.now() - UNCONFIRMED_LIVES, pk__in=unconfirmed)
    return _forget(old)


def _never_used() -> QuerySet[User]:
    """Accounts that were signed up for, and nothing more."""
    confirmed = EmailAddress.objects.filter(verified=True).values("user")
    unused = User.objects.filter(last_login=None, is_staff=False, memberships=None, accesses=None)
    return unused.exclude(pk__in=confirmed)


def _forget(users: Iterable[User]) -> int:
    """Delete these, apart from any whom a record needs; returns how many."""
    gone = 0
    for user in users:
        with suppress(ProtectedError):
            user.delete()
            gone += 1
    return gone

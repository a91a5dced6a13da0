"""Where allauth meets the portal: its e-mails go through the outbox, and people go on where they were."""

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
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import get_language

from portal.accounts import guessing, known_device
from portal.lib.addresses import clean_address
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

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Whose password this is, if anybody's: at sign-in, and wherever it is asked once more."""
        guess = guessing.count_password(request, str(credentials.get("email", "")))
        user = super().authenticate(request, **credentials)
        if user is not None:
            guess.give_back()
        return user

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Somebody is signed in, with all that takes."""
        response: HttpResponse = super().post_login(request, user, **kwargs)
        known_device.remember(request, response, user)
        return response

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

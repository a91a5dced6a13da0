"""Where allauth meets the portal: its e-mails go through the outbox, and people go on where they were."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db.models import ProtectedError, Q, QuerySet
from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.accounts import guessing, known_device
from portal.lib.addresses import clean_address, spelled
from portal.mail import outbox
from portal.models import User, composed

# A sign-up nobody confirmed is forgotten then; the link to confirm it works for less.
UNCONFIRMED_LIVES = timedelta(days=7)

_SENT = "account/messages/email_confirmation_sent.txt"

# Where somebody was going when they had to sign in or sign up first: a path of ours, kept in the session.
GO_ON = "go_on_after_sign_in"
# Whose password was typed in this browser while no address of theirs was confirmed: an id, in the session.
TYPED_HERE = "password_typed_here"
# With what address somebody signed up or in, whether anybody has it or not: the page that says where the
# e-mail went names it, so that a typing error is seen. In the session, until they are in.
ADDRESS_TYPED = "address_typed_here"


class AccountAdapter(DefaultAccountAdapter):
    """allauth's adapter. Links in its e-mails are made by the worker, so no token is stored on the way."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "duplicate_email": _("This e-mail address is already in your account."),
        "email_password_mismatch": _("The e-mail address or the password is not correct."),
        "enter_current_password": _("That is not your current password."),
    }

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
        request.session.pop(ADDRESS_TYPED, None)
        return response

    def clean_email(self, email: str) -> str:
        """The form in which addresses are kept; no longer than one is stored."""
        address = clean_address(email)
        if address is None:
            raise ValidationError(EmailValidator.message)
        return str(super().clean_email(address))

    def clean_password(self, password: str, user: User | None = None) -> str:
        """Judged as it will be kept; returned as typed, to be compared with its repetition."""
        super().clean_password(composed(password), user)
        return password

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Not before sign-in that an e-mail was sent: where it was not (allauth's limit), it would tell of
        an account by its absence. The page says what to do.
        """
        if message_template != _SENT or request.user.is_authenticated:
            super().add_message(request, level, message_template, *args, **kwargs)

    def respond_email_verification_sent(self, request: HttpRequest, user: User | None) -> HttpResponse:
        """After sign-up, and after a right password without a confirmed address."""
        request.session[TYPED_HERE] = user.pk if user else 0
        response: HttpResponse = super().respond_email_verification_sent(request, user)
        return response

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        home = reverse("admin:index") if request.user.is_staff else super().get_login_redirect_url(request)
        return go_on(request) or home

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Where the new one is typed: choosing it has ended the session."""
        return reverse("account_login")

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


def sign_in_as_another(request: HttpRequest, *, to: str) -> HttpResponse:
    """Sign out, which forgets all there was; whoever signs in here next goes on at `to`, a path of ours."""
    logout(request)
    request.session[GO_ON] = to
    return redirect("account_login")


def is_waiting(user: User) -> bool:
    """Whether this is a sign-up that nobody has confirmed, and no more."""
    return user.last_login is None and not EmailAddress.objects.filter(user=user, verified=True).exists()


def replace_waiting(request: HttpRequest, email: str) -> None:
    """Somebody signs up anew with an address nobody has confirmed: who waited for it goes, links included.

    So the e-mail is sent again, though allauth would send none for some minutes.
    """
    if _forget(_never_used().filter(email=email)):
        ratelimit.clear(request, action="confirm_email", key=email)


@receiver(pre_save, sender=EmailAddress)
def free_address(instance: EmailAddress, **kwargs: Any) -> None:
    """Keep an address in its one spelling. Whoever shows it to be theirs may have it as main address.

    Others may hold it who never could confirm it. Whoever signed up with it and did nothing since goes, and
    everybody else loses the address and keeps all else.
    """
    instance.email = spelled(instance.email)
    if instance.verified:
        for other in _unconfirmed_holders(instance.email).exclude(pk=instance.user_id):
            _give_up(other, instance.email)


@receiver(post_save, sender=EmailAddress)
def keep_main_address(instance: EmailAddress, **kwargs: Any) -> None:
    """A confirmed main address is that of the account: until now it may have been that of another account, in
    use (`SignupForm.save`). What stands in for the address of somebody who has none is no address, though
    allauth makes one of it.
    """
    user = instance.user
    if instance.email == user.address_of_nobody:
        instance.delete()
    elif instance.verified and instance.primary and user.email != instance.email:
        user.email = instance.email
        user.save(update_fields=["email"])


def lock_holders(email: str) -> None:
    """Lock everybody whom it changes that this address, in its one spelling, is confirmed (`free_address`).

    All at once and by number, as people are locked everywhere.
    """
    rows = EmailAddress.objects.filter(email=email)
    holders = User.objects.filter(Q(email=email) | Q(pk__in=rows.values("user")))
    list(holders.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _unconfirmed_holders(email: str) -> QuerySet[User]:
    rows = EmailAddress.objects.filter(email=email)
    holders = User.objects.filter(Q(email=email) | Q(pk__in=rows.filter(verified=False).values("user")))
    return holders.exclude(pk__in=rows.filter(verified=True).values("user"))


def _give_up(user: User, email: str) -> None:
    main = user.email == email
    if main and _forget(_never_used().filter(pk=user.pk)):
        return
    EmailAddress.objects.filter(user=user, email=email).delete()
    if main:
        user.email = user.address_of_nobody
        user.save(update_fields=["email"])
        if other := EmailAddress.objects.get_verified(user):
            other.set_as_primary()


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

"""The e-mails of the way in. Tokens are made at the moment of sending, so none is ever stored."""

from collections.abc import Callable
from datetime import timedelta

from allauth.account import app_settings
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.mail.outbox import Message, absolute_url, builds, goes_astray
from portal.models import OutgoingEmail


@builds("account", to_unconfirmed=True)
def account(row: OutgoingEmail) -> Message | None:
    """What allauth asked to be sent, by the name of allauth's own template for it."""
    return _BY_TEMPLATE.get(row.details["template"], _something_changed)(row)


def _confirm_address(row: OutgoingEmail) -> Message | None:
    address = EmailAddress.objects.filter(user=row.recipient, email=row.address, verified=False).first()
    if address is None:
        return None
    return Message(
        subject=_("Confirm your e-mail address"),
        heading=_("Confirm your e-mail address"),
        paragraphs=(
            _("Open the page below and press Confirm, and you can use {address} in the portal.").format(
                address=row.address
            ),
        ),
        button=(
            _("Confirm address"),
            absolute_url("account_confirm_email", EmailConfirmationHMAC(address).key),
        ),
        closing=(_works_for(timedelta(days=app_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS)),),
        reason=_("Somebody gave this address in the portal. If it was not you, do nothing."),
    )


def _reset_password(row: OutgoingEmail) -> Message | None:
    if row.recipient is None or not _is_theirs(row):
        return None
    key = default_token_generator.make_token(row.recipient)
    link = absolute_url("account_reset_password_from_key", user_pk_to_url_str(row.recipient), key)
    return Message(
        subject=_("Choose a new password"),
        heading=_("Choose a new password"),
        paragraphs=(
            _("Open the page below to choose a new password for {address}.").format(address=row.address),
        ),
        button=(_("Choose a new password"), link),
        closing=(_works_for(timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)),),
        reason=_("Somebody asked for this in the portal. If it was not you, do nothing: the password stays."),
    )


def _works_for(time: timedelta) -> str:
    """How long a link can be used, counted from the e-mail."""
    days = time.days
    return ngettext("The link works for {days} day.", "The link works for {days} days.", days).format(
        days=days
    )


def _is_theirs(row: OutgoingEmail) -> bool:
    """Whether the address is a confirmed one of theirs. Asked again, for the link opens the account."""
    return EmailAddress.objects.filter(user=row.recipient, email=row.address, verified=True).exists()


def _no_account(row: OutgoingEmail) -> Message:
    return Message(
        subject=_("There is no account with this address"),
        heading=_("There is no account with this address"),
        paragraphs=(
            _("Somebody asked for a new password for {address}, but no account has that address.").format(
                address=row.address
            ),
            # To everybody alike, whether such a sign-up waits or not.
            _("If you have just signed up, open the link in that e-mail first."),
        ),
        button=(_("Make an account"), absolute_url("account_signup")),
        reason=_("Somebody asked for this in the portal. If it was not you, do nothing."),
    )


def _has_account(row: OutgoingEmail) -> Message:
    return Message(
        subject=_("You already have an account"),
        heading=_("You already have an account"),
        paragraphs=(
            _("Somebody tried to make an account with {address}, but there is one already.").format(
                address=row.address
            ),
        ),
        button=(_("Choose a new password"), absolute_url("account_reset_password")),
        reason=_("Somebody asked for this in the portal. If it was not you, do nothing."),
    )


def _something_changed(row: OutgoingEmail) -> Message | None:
    if goes_astray(row):
        return None
    what = {
        "password_changed": _("Your password was changed"),
        "password_reset": _("Your password was changed"),
        "password_set": _("A password was set for your account"),
        "email_changed": _("The main address of your account was changed"),
        "email_deleted": _("An address was removed from your account"),
        "email_confirm": _("An address of your account was confirmed"),
    }.get(row.details["template"], _("Your account was changed"))
    return Message(
        subject=what,
        heading=what,
        paragraphs=(_("If it was you, there is nothing to do. If not, choose a new password at once."),),
        button=(_("Choose a new password"), absolute_url("account_reset_password")),
        reason=_("You get this because the account belongs to this address."),
    )


@builds("account-deleted")
def account_deleted(row: OutgoingEmail) -> Message:
    """The last one, to the address of an account that is no more."""
    return Message(
        subject=_("Your account was deleted"),
        heading=_("Your account was deleted"),
        paragraphs=(
            _("Nobody can sign in with it any more, and you no longer see any location."),
            _("If you ever want to come back, make a new account; it starts empty."),
        ),
        reason=_("You get this because the account belonged to this address."),
    )


_BY_TEMPLATE: dict[str, Callable[[OutgoingEmail], Message | None]] = {
    "email_confirmation": _confirm_address,
    "email_confirmation_signup": _confirm_address,
    "password_reset_key": _reset_password,
    "unknown_account": _no_account,
    "account_already_exists": _has_account,
}

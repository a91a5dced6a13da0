"""How often a password may be guessed, wherever one is asked for: to sign in, once more, or as the old one.

Wrong ones alone are limited, and a right one costs nothing. What is counted is the address that was typed,
whether anybody has it or not, so that being refused tells nothing about it.
"""

from hashlib import sha256

from allauth.core import context as allauth_context
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal import limits
from portal.accounts import known_device
from portal.lib.addresses import clean_address
from portal.lib.client_address import client_network


def count_password(request: HttpRequest, address: str) -> limits.Attempt:
    """Count a password for the account of `address`, before it is looked at; give it back when it was right.

    Raises ValidationError, which says when to try again, where there were too many wrong ones: from this
    device if it is known to be the person's, and else from this network or for this address.
    """
    try:
        return limits.attempt(*_counters(request, clean_address(address) or address))
    except limits.Spent as spent:
        raise ValidationError(
            " ".join([_("There were too many wrong passwords."), try_again_in(spent.minutes)]),
            code="too_many_wrong_passwords",
        ) from None


def _counters(request: HttpRequest, address: str) -> list[limits.Counter]:
    if device := known_device.of(request, address):
        return [(limits.WRONG_PASSWORD_BY_DEVICE, device)]
    account, network = sha256(address.encode()).hexdigest(), client_network(request)
    return [
        (limits.WRONG_PASSWORD_BY_ACCOUNT_AND_ADDRESS, f"{account}/{network}"),
        (limits.WRONG_PASSWORD_BY_ACCOUNT, account),
        (limits.WRONG_PASSWORD_BY_ADDRESS, network),
    ]


def try_again_in(minutes: int) -> str:
    """A sentence that says how long to wait."""
    if minutes > 55:
        return _("Try again in an hour.")
    return ngettext("Try again in a minute.", "Try again in {n} minutes.", minutes).format(n=minutes)


class LimitedSignUp(forms.Form):
    """A form for signing up, of which one network can fill in so many an hour and no more.

    Whether the address has an account makes no difference. What is wrong otherwise costs nothing.
    """

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        try:
            limits.attempt((limits.SIGN_UPS_BY_ADDRESS, client_network(allauth_context.request)))
        except limits.Spent as spent:
            many = _("Very many accounts have been made from your network.")
            self.add_error(None, f"{many} {try_again_in(spent.minutes)}")

"""The way in for the mail provider, which reports there what became of each e-mail.

Only the address of the configured provider exists. django-anymail reads what is sent and checks who sends it;
without a secret to check by, nothing is believed. `portal.mail.delivery` does the rest.
"""

from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt

from portal import limits
from portal.activity.record import Origin, acting_from
from portal.lib.client_address import client_address, client_network

# By which of its settings (ANYMAIL_…) a provider shows that it is the one; any of them will do.
SECRETS = {
    "postmark": ("WEBHOOK_SECRET",),
    "mailgun": ("MAILGUN_WEBHOOK_SIGNING_KEY",),
    "sendgrid": ("SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY", "WEBHOOK_SECRET"),
    "amazon_ses": ("WEBHOOK_SECRET",),
}
_VIEWS = {
    "postmark": "postmark.PostmarkTrackingWebhookView",
    "mailgun": "mailgun.MailgunTrackingWebhookView",
    "sendgrid": "sendgrid.SendGridTrackingWebhookView",
    "amazon_ses": "amazon_ses.AmazonSESTrackingWebhookView",
}


def secret_is_set(provider: str) -> bool:
    """Whether what the provider sends can be told from what anybody sends."""
    return any(settings.ANYMAIL.get(name) for name in SECRETS[provider])


@csrf_exempt
@login_not_required
def tracking(request: HttpRequest, provider: str) -> HttpResponse:
    """Take in a report. 404 for all but the configured provider, 403 without the right secret or key."""
    if provider != settings.MAIL_PROVIDER or provider not in _VIEWS:
        raise Http404
    if not secret_is_set(provider):
        return HttpResponse(status=403)
    try:
        guess = limits.attempt((limits.WRONG_REPORT_BY_ADDRESS, client_network(request)))
    except limits.Spent:
        return HttpResponse(status=429)
    try:
        with acting_from(Origin(via="provider", address=client_address(request))):
            response: HttpResponse = _view(provider).as_view()(request)
    except PermissionDenied:
        return HttpResponse(status=403)
    except Exception:
        # An error of ours: the sender was the right one.
        guess.give_back()
        raise
    guess.give_back()
    return response


@cache
def _view(provider: str) -> Any:
    """Anymail's view. Imported when it is first asked for: Amazon's brings a large library along."""
    view = import_string(f"anymail.webhooks.{_VIEWS[provider]}")
    return type(view.__name__, (_Strict, view), {})


class _Strict:
    """Whatever goes wrong while the sender is checked is a refusal, never a fault of ours."""

    def run_validators(self, request: HttpRequest) -> None:
        try:
            super().run_validators(request)  # type: ignore[misc]
        except Exception as error:
            raise PermissionDenied from error

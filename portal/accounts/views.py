"""The pages about one's own account that allauth does not have."""

from typing import Any

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import EmailAddress, Login
from allauth.account.views import ConfirmEmailView, EmailView, PasswordChangeView, PasswordResetFromKeyView
from django.contrib import messages
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts import deletion, known_device
from portal.accounts.adapter import GO_ON, TYPED_HERE, is_waiting, lock_holders, sign_in_as_another
from portal.accounts.forms import (
    ChangePasswordForm,
    NewcomerForm,
    NewPasswordForm,
    PasswordAgainForm,
    start_account,
)
from portal.errors import Refusal
from portal.lib.addresses import spelled
from portal.models import User
from portal.signals import address_confirming


class ConfirmAddressView(ConfirmEmailView):
    """The page behind the link to confirm an address.

    Name and password of a sign-up count only in the browser that typed them. In any other, whoever reads the
    mailbox is asked for their own, and is in: else somebody could sign up for them and wait for their click.
    A further address of an account in use is confirmed by whoever is signed in to it, for the same reason.
    """

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if self.object and self._starts_anew():
            context.setdefault("form", NewcomerForm(email=self.object.email_address.email))
        elif self.object and self._is_of_another():
            context["sign_in_first"] = True
            self.request.session[GO_ON] = self.request.path
        return context

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        self.object = self.get_object()
        if self._is_of_another():
            if "switch" in self.request.POST:
                return sign_in_as_another(self.request, to=self.request.path)
            return self.render_to_response(self.get_context_data(), status=403)
        if not self._starts_anew():
            return self._confirm(*args, **kwargs)
        form = NewcomerForm(self.request.POST, email=self.object.email_address.email)
        if form.is_valid() and (user := self._start(form)):
            return perform_login(self.request, Login(user=user, signup=True))
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def _starts_anew(self) -> bool:
        user = self.object.email_address.user
        return is_waiting(user) and self.request.session.get(TYPED_HERE) != user.pk

    def _is_of_another(self) -> bool:
        """Whether it is of an account in use that nobody is signed in to here."""
        user = self.object.email_address.user
        return not is_waiting(user) and self.request.user.pk != user.pk

    def logout_other_user(self, confirmation: Any) -> None:
        """Opening a link changes nothing, and nobody confirms for another account than their own."""

    @transaction.atomic
    def _confirm(self, *args: Any, **kwargs: Any) -> HttpResponse:
        self._lock()
        response: HttpResponse = super().post(*args, **kwargs)
        return response

    def _lock(self) -> None:
        """All that confirming changes, in the one order: what waits at the address, then people."""
        email = self.object.email_address.email
        address_confirming.send(sender=EmailAddress, email=email)
        lock_holders(email)

    @transaction.atomic
    def _start(self, form: NewcomerForm) -> User | None:
        """The account as chosen here, its address confirmed; None where somebody else was first."""
        self._lock()
        address = self.object.email_address
        user = User.objects.filter(pk=address.user_id).first()
        if user is None or not is_waiting(user):
            return None
        address.user = user
        if not self.object.confirm(self.request):
            return None
        start_account(user, form.cleaned_data)
        return user


class AddressesView(EmailView):
    """One's own addresses."""

    def _get_email_address(self, request: HttpRequest) -> EmailAddress | None:
        """The one of theirs that a button is about, in whatever spelling."""
        email = spelled(request.POST["email"].replace("\0", ""))
        found: EmailAddress | None = EmailAddress.objects.filter(user=request.user, email=email).first()
        return found

    def _action_primary(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        """Only a confirmed address is anybody's; of another nothing is told."""
        found = self._get_email_address(request)
        if found is None or not found.verified:
            messages.error(request, _("Confirm the address first."))
            return redirect("account_email")
        response: HttpResponse | None = super()._action_primary(request, *args, **kwargs)
        return response


class ChangePasswordView(PasswordChangeView):
    """A new password in place of the old one. Every session ends, this one too."""

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        messages.success(self.request, _("Your password is changed. Sign in with it."))
        known_device.remember(self.request, response, form.user)
        return response


class NewPasswordView(PasswordResetFromKeyView):
    """The page behind the link to choose a new password.

    Whoever has chosen one reads the mailbox: nobody's wrong passwords keep them out of this browser.
    """

    def form_valid(self, form: NewPasswordForm) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        known_device.remember(self.request, response, form.user)
        return response


confirm_address = ConfirmAddressView.as_view()
addresses = AddressesView.as_view()
change_password = ChangePasswordView.as_view()
new_password = NewPasswordView.as_view()


@require_http_methods(["GET", "HEAD", "POST"])
def delete_account(request: HttpRequest) -> HttpResponse:
    """Say what stands in the way of deleting one's account; where nothing does, ask for the password."""
    form = PasswordAgainForm(request.POST or None, user=request.user)
    obstacles = deletion.obstacles(request.user)
    if request.method == "POST" and not obstacles and form.is_valid():
        try:
            deletion.close_account(user=request.user)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            logout(request)
            messages.success(request, _("Your account was deleted."))
            return redirect("account_login")
    context = {"form": form, "obstacles": obstacles}
    refused = request.method == "POST"
    return render(request, "account/delete.html", context, status=422 if refused else 200)

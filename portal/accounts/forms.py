"""The forms of the way in."""

from contextlib import suppress
from copy import deepcopy
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.account.fields import PasswordField
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal import limits
from portal.accounts import guessing
from portal.accounts.adapter import ADDRESS_TYPED, replace_waiting
from portal.lib.forms import KnownAddressField, as_address_field
from portal.lib.validators import not_the_portal, plain_line
from portal.models import User

_NEW_PASSWORD = {"password1": _("New password"), "password2": _("New password (again)")}


class PasswordAgainForm(allauth_forms.ReauthenticateForm):
    """The password once more, before the account is deleted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].error_messages["required"] = _("Enter your password.")


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    """The old password, which is guessed at here no more often than elsewhere, and a new one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, oldpassword=_("Current password"), **_NEW_PASSWORD)

    def clean_oldpassword(self) -> str:
        guess = guessing.count_password(allauth_context.request, self.user.email)
        password = str(super().clean_oldpassword())
        guess.give_back()
        return password


class LoginForm(allauth_forms.LoginForm):
    """Sign-in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = as_address_field(self.fields["login"], KnownAddressField)

    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        """Sign in, or send the link to confirm the address, which the page then names."""
        request.session[ADDRESS_TYPED] = self.cleaned_data["login"]
        response: HttpResponse = super().login(request, redirect_url)
        return response


class ResetPasswordForm(allauth_forms.ResetPasswordForm):
    """Asking for a link to choose a new password: only whose address it is gets one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = as_address_field(self.fields["email"], KnownAddressField)

    def clean_email(self) -> str:
        """allauth would fall back to accounts in which the address was never confirmed."""
        email: str = self.cleaned_data["email"]
        owner = User.objects.with_verified_address(email)
        self.users = [owner] if owner and owner.is_active else []
        return email


class NewPasswordForm(allauth_forms.ResetPasswordKeyForm):
    """A new password, behind the link that was asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, **_NEW_PASSWORD)


class AddEmailForm(allauth_forms.AddEmailForm):
    """A further address of one's own. Others who say it is theirs, and never confirmed it, do not count."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = as_address_field(self.fields["email"])


class SignupForm(guessing.LimitedSignUp, allauth_forms.SignupForm):
    """Sign-up: a name, an address and a password."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        validators=[plain_line, not_the_portal],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("As colleagues and customers know you."),
    )
    field_order = ("name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = as_address_field(self.fields["email"])

    def validate_unique_email(self, value: str) -> str:
        """Only who has confirmed the address has an account with it."""
        self.account_already_exists = EmailAddress.objects.is_verified(value)
        return value

    def clean(self) -> dict[str, Any]:
        """allauth does not know the name when it looks at the password, which must not be like it."""
        cleaned: dict[str, Any] = super().clean()
        _check_new_password(self, cleaned.get("email", ""))
        return cleaned

    def try_save(self, request: HttpRequest) -> Any:
        """Take as long for an address that has an account: the answer must not tell by its time."""
        request.session[ADDRESS_TYPED] = self.cleaned_data["email"]
        may_replace = limits.count(limits.SIGNING_UP_WITH_ONE_ADDRESS, self.cleaned_data["email"])
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
            return super().try_save(request)
        if may_replace:
            # Signed up with in this very moment by somebody else, it is theirs to confirm.
            with suppress(IntegrityError):
                return self.save(request), None
        make_password(self.cleaned_data["password1"])
        return None, get_adapter().respond_email_verification_sent(request, None)

    @transaction.atomic
    def save(self, request: HttpRequest) -> User:
        """The new account, in place of whoever signed up with the address before and never confirmed it.

        Somebody's account in use may have it unconfirmed as main address: it keeps it until then.
        """
        email = self.cleaned_data["email"]
        replace_waiting(request, email)
        user = User(email=email)
        if User.objects.filter(email=email).exists():
            user.email = user.address_of_nobody
        start_account(user, self.cleaned_data)
        EmailAddress.objects.create(user=user, email=email, primary=True)
        return user


class NewcomerForm(forms.Form):
    """Name and password anew, for whoever confirms an address in another browser than signed up with it.

    Anybody can sign up with it: what they chose is not whoever reads its e-mail.
    """

    use_required_attribute = False

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email
        self.fields["name"] = deepcopy(SignupForm.base_fields["name"])
        self.fields["password1"] = PasswordField(
            label=_("Password"),
            autocomplete="new-password",
            help_text=password_validators_help_text_html(),
        )

    def clean(self) -> dict[str, Any]:
        _check_new_password(self, self.email)
        return self.cleaned_data


def start_account(user: User, chosen: dict[str, Any]) -> None:
    """Name, password and language as chosen in this browser, in place of whatever there was."""
    user.name = chosen["name"]
    user.language = get_language() or user.language
    user.set_password(chosen["password1"])
    user.save()


def _label(form: forms.Form, **labels: Any) -> None:
    """Labels in place of allauth's, which also stand in the fields."""
    for name, label in labels.items():
        form.fields[name].label = label
        form.fields[name].widget.attrs["placeholder"] = label


def _check_new_password(form: forms.Form, email: str) -> None:
    """Say beside the field what is wrong with the password of somebody with this name and address."""
    password = form.cleaned_data.get("password1")
    if password:
        try:
            get_adapter().clean_password(password, User(email=email, name=form.cleaned_data.get("name", "")))
        except forms.ValidationError as error:
            form.add_error("password1", error)

"""The forms of the way in."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.core import context as allauth_context
from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.accounts import guessing
from portal.lib.validators import not_the_portal, plain_line
from portal.models import User


class PasswordAgainForm(allauth_forms.ReauthenticateForm):
    """The password once more, before the account is deleted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].error_messages["required"] = _("Enter your password.")


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    """The old password, which is guessed at here no more often than elsewhere, and a new one."""

    def clean_oldpassword(self) -> str:
        guess = guessing.count_password(allauth_context.request, self.user.email)
        password = str(super().clean_oldpassword())
        guess.give_back()
        return password


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

    def clean(self) -> dict[str, Any]:
        """allauth does not know the name when it looks at the password, which must not be like it."""
        cleaned: dict[str, Any] = super().clean()
        user = User(email=cleaned.get("email", ""), name=cleaned.get("name", ""))
        if cleaned.get("password1"):
            try:
                validate_password(cleaned["password1"], user)
            except forms.ValidationError as error:
                self.add_error("password1", error)
        return cleaned

    def try_save(self, request: HttpRequest) -> Any:
        """Take as long for an address that has an account: the answer must not tell by its time."""
        if self.account_already_exists:
            make_password(self.cleaned_data.get("password1"))
        return super().try_save(request)

    def save(self, request: HttpRequest) -> User:
        user: User = super().save(request)
        user.name = self.cleaned_data["name"]
        user.language = get_language() or user.language
        user.save(update_fields=["name", "language"])
        return user

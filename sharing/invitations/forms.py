"""The forms of sharing. They say what is wrong with the input; whether it may be done is for the services."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from portal import codes
from portal.lib.forms import AddressField
from portal.lib.humanize import last_day
from portal.lib.validators import clean_message
from sharing.invitations.recipients import NO_ADDRESS
from sharing.models import Invitation

Kind = Invitation.Kind


class TermsForm(forms.Form):
    """What somebody is given, and until when."""

    use_required_attribute = False

    level = forms.TypedChoiceField(
        label=_("They can"),
        coerce=lambda value: Level(int(value)),
        choices=Level.choices,
        initial=Level.MANAGE.value,
        widget=forms.RadioSelect,
    )
    access_ends = forms.DateField(
        label=_("Last day of their access"),
        required=False,
        help_text=_("Leave it empty and the access lasts until somebody ends it, or your own ends."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("Enter a date, or leave this empty.")},
    )

    def __init__(self, *args: Any, levels: Iterable[Level] = tuple(Level), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["level"].choices = [  # type: ignore[attr-defined]
            (level.value, format_html("<strong>{}</strong><small>{}</small>", level.label, level.means))
            for level in levels
        ]

    def clean_access_ends(self) -> Any:
        """A day still to come."""
        day = self.cleaned_data["access_ends"]
        if day is not None and day < timezone.localdate():
            raise forms.ValidationError(_("This day has passed. Choose a later one."))
        if day is not None and day.year > timezone.localdate().year + 50:
            raise forms.ValidationError(_("Choose a day within the next fifty years."))
        return day

    @property
    def terms(self) -> dict[str, Any]:
        """What is offered, as the services take it; the last day counts whole."""
        day = self.cleaned_data["access_ends"]
        end = day and timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        return {"level": self.cleaned_data["level"], "access_ends_at": end}


class InviteForm(TermsForm):
    """ "Invite partner": one form for the three ways. Fields of the other ways are ignored."""

    kind = forms.ChoiceField(label=_("Share with"), choices=Kind.choices, initial=Kind.PERSON)
    email = AddressField(
        label=_("E-mail address"),
        required=False,
        help_text=_(
            "They get an e-mail with a code and a link. No account yet? They can make one on the way in."
        ),
        error_messages={"invalid": NO_ADDRESS},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    key = forms.CharField(
        label=_("Organisation Key"),
        required=False,
        max_length=60,
        help_text=_("Ask the organisation for it: an Administrator finds it under Organisation."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    works_once = forms.BooleanField(
        label=_("The code works once"),
        required=False,
        help_text=_("Otherwise everybody you give it to can use it until it ends."),
    )
    message = forms.CharField(
        label=_("Message (optional)"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, own_end: datetime | None = None, **kwargs: Any) -> None:
        """`own_end`: when the access of whoever invites ends (None: never)."""
        super().__init__(*args, **kwargs)
        if own_end:
            said = _("Your own access ends on {day}, and theirs with it at the latest.")
            self.fields["access_ends"].help_text = said.format(day=last_day(own_end))

    def clean_message(self) -> str:
        """Without what turns text round or cannot be seen: it stands in an e-mail."""
        return clean_message(self.cleaned_data["message"])

    def clean(self) -> dict[str, Any]:
        """What was typed for another way is kept on the page and neither asked for nor found wrong."""
        kind = self.cleaned_data.get("kind")
        for name, way in (("email", Kind.PERSON), ("key", Kind.ORGANISATION)):
            if kind != way:
                self.errors.pop(name, None)
        if kind == Kind.CODE:
            self.errors.pop("message", None)
        if kind == Kind.PERSON and not self.cleaned_data.get("email") and "email" not in self.errors:
            self.add_error("email", NO_ADDRESS)
        return self.cleaned_data


class AddressForm(forms.Form):
    """The corrected address of an invitation whose e-mail did not arrive."""

    use_required_attribute = False

    email = AddressField(
        label=_("E-mail address"),
        error_messages={"invalid": NO_ADDRESS, "required": NO_ADDRESS},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class CodeForm(forms.Form):
    """ "Add a location": the box for a code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=60,
        help_text=_("It stands in the e-mail, or the person who shares with you has it."),
        error_messages={"required": _("Enter the code you were given.")},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "placeholder": "XXXX-XXXX-XXXX",
            }
        ),
    )

    def clean_code(self) -> str:
        """The normalised code. A typing error shows by the check symbol, before anything is looked up."""
        typed = self.cleaned_data["code"]
        try:
            return codes.normalise(typed, length=codes.INVITATION_CODE_LENGTH)
        except codes.Mistyped:
            pass
        try:
            codes.normalise(typed, length=codes.ORGANISATION_KEY_LENGTH)
        except codes.Mistyped:
            raise forms.ValidationError(
                _(
                    "There is a typing error in this code. It has 12 letters and digits in groups of four; "
                    "check each one. There is no O, I, L or U in a code."
                )
            ) from None
        raise forms.ValidationError(
            _("This is an Organisation Key. It is for sharing a location with the organisation.")
        )

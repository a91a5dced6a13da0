"""Asking for a location by its number, and what it is answered with."""

from django import forms
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from portal.lib.validators import clean_message
from sharing.invitations.forms import InviteForm


class AskForm(forms.Form):
    """What one must know, and say. Whether there is such a location is not for a form to tell."""

    number = forms.IntegerField(
        label=_("Number of the location"),
        min_value=1,
        max_value=10**12,
        help_text=_("It stands under the location's name. Ask somebody who can see the location."),
        error_messages={
            name: _("Enter the number, in digits alone.")
            for name in ("required", "invalid", "min_value", "max_value")
        },
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    sentence = forms.CharField(
        label=_("Who you are and why you ask"),
        max_length=300,
        help_text=_("Those who manage the location read it, with your name and your address."),
        error_messages={"required": _("Say in a sentence who you are and why you ask.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean_sentence(self) -> str:
        """Without what turns text round or cannot be seen: it stands in an e-mail."""
        return clean_message(self.cleaned_data["sentence"])


class AnswerForm(InviteForm):
    """With what somebody who asked is let in: level and last day, as in "Invite partner"."""

    kind = email = key = works_once = message = None

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["level"].initial = Level.VIEW.value

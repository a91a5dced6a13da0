"""The form of deleting an organisation."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from organisations.models import Organisation
from portal.models import User


class CloseForm(forms.Form):
    """Who takes what nobody else manages: the person or another organisation of theirs. And its name."""

    use_required_attribute = False

    to = forms.ModelChoiceField(
        label=_("Who takes them"),
        queryset=Organisation.objects.none(),
        required=False,
        empty_label=_("Me"),
        to_field_name="uuid",
        error_messages={"invalid_choice": _("Choose yourself or another organisation that you administer.")},
    )
    name = forms.CharField(
        label=_("Type the name of the organisation"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Type the name of the organisation to delete it.")},
    )

    def __init__(self, *args: Any, user: User, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Organisation.objects.administered_by(user).exclude(pk=organisation.pk)
        self.fields["to"].queryset = others  # type: ignore[attr-defined]

"""The form of handing a location over."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.lib.forms import AddressField
from portal.lib.validators import clean_message
from sharing.transfers.services import NO_OWNERS_ADDRESS


class TransferForm(forms.Form):
    """Who is to be the next Owner."""

    use_required_attribute = False

    email = AddressField(
        label=_("E-mail address of the new Owner"),
        help_text=_(
            "They get an e-mail with a code and a link. No account yet? They can make one on the way in."
        ),
        error_messages={"required": NO_OWNERS_ADDRESS, "invalid": NO_OWNERS_ADDRESS},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    message = forms.CharField(
        label=_("Message (optional)"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean_message(self) -> Any:
        """Without what turns text round or cannot be seen: it stands in an e-mail."""
        return clean_message(self.cleaned_data["message"])

"""The forms of locations."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from locations.models import Location
from organisations.models import Organisation
from portal.lib.countries import COUNTRIES
from portal.lib.validators import plain_line
from portal.models import User


class LocationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name, address and electrical settings of a location."""

    use_required_attribute = False
    country = forms.ChoiceField(label=_("Country"), choices=COUNTRIES, initial="DK")

    class Meta:
        model = Location
        fields: ClassVar = [
            "name",
            "street",
            "postal_code",
            "city",
            "country",
            "category",
            "grid_type",
            "phases",
            "main_fuse",
            "usable_share",
            "fallback_current",
            "notes",
        ]
        error_messages: ClassVar = {
            "name": {"required": _("Give the location a name, so that others recognise it.")},
            "street": {"required": _("Enter street and number.")},
            "postal_code": {"required": _("Enter the postal code.")},
            "city": {"required": _("Enter the city.")},
        }
        widgets: ClassVar = {
            "street": forms.TextInput(attrs={"autocomplete": "off"}),
            "notes": forms.Textarea(attrs={"rows": 4}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "street", "postal_code", "city"):
            self.fields[name].validators.append(plain_line)

    def clean(self) -> dict[str, Any]:
        """The fallback current flows through the main fuse too."""
        fuse, fallback = self.cleaned_data.get("main_fuse"), self.cleaned_data.get("fallback_current")
        if fuse is not None and fallback is not None and fallback > fuse:
            self.add_error("fallback_current", _("The fallback current cannot be above the main fuse."))
        return self.cleaned_data


class NewLocationForm(LocationForm):
    """A new location needs a name and an address; the rest has its usual values and is set later."""

    organisation = forms.TypedChoiceField(
        label=_("Belongs to"),
        empty_value=None,
        error_messages={"required": _("Choose whom the location belongs to.")},
        help_text=_("Everybody in the organisation sees its locations."),
    )

    class Meta(LocationForm.Meta):
        fields: ClassVar = ["name", "street", "postal_code", "city", "country", "category"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {str(each.uuid): each for each in Organisation.objects.of(user)}
        if not own:
            del self.fields["organisation"]
            return
        # Of several none is the likely one, and the wrong one would let its people in: it must be chosen.
        several = len(own) > 1
        nobody = [("", _("Choose one")), ("me", _("Me alone"))] if several else [("", _("Me alone"))]
        field: Any = self.fields["organisation"]
        field.choices = [*nobody, *((uuid, each.name) for uuid, each in own.items())]
        field.coerce, field.required = own.get, several
        field.initial = "" if several else next(iter(own))

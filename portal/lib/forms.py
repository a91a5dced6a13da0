"""How forms look, and the fields that several of them have."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, validate_email
from django.forms.renderers import TemplatesSetting

from portal.lib.addresses import MAX_ADDRESS_LENGTH, clean_address, spelled


class FormRenderer(TemplatesSetting):
    """Every field of every form is drawn by one template: label, help, error, input."""

    field_template_name = "forms/field.html"


class AddressField(forms.CharField):
    """One e-mail address. Taken in every spelling, cleaned to the one in which addresses are kept.

    Every field for an address is one of these (Django's own keeps whatever was typed).
    """

    widget = forms.EmailInput
    default_error_messages = {"invalid": EmailValidator.message}

    def __init__(self, *, max_length: int = MAX_ADDRESS_LENGTH, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)

    def to_python(self, value: Any) -> str:
        typed = super().to_python(value)
        return self.read(typed) if typed else ""

    def read(self, typed: str) -> str:
        """The address. Raises ValidationError for what is none."""
        address = clean_address(typed)
        if address is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return address


class KnownAddressField(AddressField):
    """The address of an account there is, which may be one that would not be taken today."""

    def read(self, typed: str) -> str:
        address = spelled(typed)
        try:
            validate_email(address)
        except ValidationError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        return address


def as_address_field(field: forms.Field, kind: type[AddressField] = AddressField) -> AddressField:
    """An address field in place of a library's own: its label, help and hints to the browser stay."""
    attrs = {name: value for name, value in field.widget.attrs.items() if name not in ("type", "maxlength")}
    return kind(
        label=field.label,
        required=field.required,
        help_text=field.help_text,
        initial=field.initial,
        widget=forms.EmailInput(attrs=attrs),
    )

"""How forms look."""

from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    """Every field of every form is drawn by one template: label, help, error, input."""

    field_template_name = "forms/field.html"

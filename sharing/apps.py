from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SharingConfig(AppConfig):
    name = "sharing"
    verbose_name = _("sharing")

    def ready(self) -> None:
        """Listen to what the floors below tell."""
        import_module("sharing.receivers")

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LocationsConfig(AppConfig):
    name = "locations"
    verbose_name = _("locations")

    def ready(self) -> None:
        """Listen to what the floor below tells."""
        import_module("locations.receivers")

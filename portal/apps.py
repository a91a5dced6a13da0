from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("people, e-mail and activity")

    def ready(self) -> None:
        """Find the system checks, the listeners, and the e-mails each app sends."""
        import_module("portal.checks")
        import_module("portal.accounts")
        import_module("portal.mail.delivery")
        for config in apps.get_app_configs():
            for name in ("emails", "invitation_emails"):
                if module_has_submodule(config.module, name):
                    import_module(f"{config.name}.{name}")

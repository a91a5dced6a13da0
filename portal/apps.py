from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("people, e-mail and activity")

    def ready(self) -> None:
        """Find the system checks, the listeners, and the e-mails each app sends."""
        import_module("portal.serving.checks")
        import_module("portal.accounts.adapter")
        import_module("portal.mail.delivery")
        for name in email_modules():
            import_module(name)


def email_modules() -> Iterator[str]:
    """The full names of the modules that build e-mails: `emails`, `…_emails` and `reminders`, at any depth of
    our own apps, which stand beside this one. Each must be imported wherever the portal runs, or its kinds
    have no builder there.
    """
    beside = Path(apps.get_app_config("portal").path).parent
    for config in apps.get_app_configs():
        if Path(config.path).parent != beside:
            continue
        for module in walk_packages(config.module.__path__, f"{config.name}.", onerror=_fail):
            if module.name.endswith((".emails", "_emails", ".reminders")):
                yield module.name


def _fail(package: str) -> None:
    """A story that cannot be imported must not pass for one without e-mails."""
    raise ImportError(f"{package} cannot be imported")

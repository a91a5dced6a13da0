"""`manage.py reset`: an empty portal again. For trying it out; a real installation has no use for it."""

import shutil
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.serving.supervisor import may_change_data


class Command(BaseCommand):
    help = "Delete everything under var/: database, keys, mail, queue. Only with DEVELOPMENT=1."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("Data is only deleted in development (DEVELOPMENT=1).")
        with may_change_data(settings.VAR_DIR) as allowed:
            if not allowed:
                raise CommandError(f"The portal is running on {settings.VAR_DIR}. Stop it first (Ctrl-C).")
            for path in settings.VAR_DIR.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.stdout.write(f"Emptied {settings.VAR_DIR}")

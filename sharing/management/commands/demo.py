"""`manage.py demo`: people, organisations, locations and shares to try the portal with."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.models import User
from sharing.demo import fill


class Command(BaseCommand):
    """Fill an empty database with demo data. Everybody's password is "demo"."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            raise CommandError("There are people in the database already. `make reset` empties it.")
        fill()

"""The portal's answer to Django's `user.has_perm`, from the permission rows."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.db.models import Model

from locations.levels import Level
from locations.models import Location
from locations.permissions import level_of


class LocationPermissionBackend(BaseBackend):
    """Answers `user.has_perm("locations.view_location", location)` from the funnel, end dates included."""

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        app, _, codename = perm.rpartition(".")
        wanted = Level.of_codename(codename)
        if not isinstance(obj, Location) or wanted is None or app not in ("", "locations"):
            return False
        level = level_of(user_obj, obj)
        return level is not None and level >= wanted

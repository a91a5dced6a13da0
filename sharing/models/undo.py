"""What one act on the Permissions tab changed, kept for as long as it can be undone."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from locations.models import Location

# For this long whoever did it can undo it.
LASTS = timedelta(minutes=10)


class Undo(models.Model):
    """One act of one person on one location. `before` says how it was, by primary key, where it changed."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now, db_index=True)
    # The last entry of the location's record that belongs to the act.
    last_entry = models.BigIntegerField()
    # "access": [pk, level, end]; "invitation": [pk, level]; "transfer": [pk]; "request": [pk].
    before = models.JSONField()
    done_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.by} · {self.location} · {self.at:%Y-%m-%d %H:%M}"

    @property
    def ends_at(self) -> datetime:
        """When there is no time left."""
        return self.at + LASTS

    @property
    def is_open(self) -> bool:
        """Whether there is time left, and nobody has done it."""
        return self.done_at is None and self.ends_at > timezone.now()

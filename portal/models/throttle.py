"""The counters behind `portal.limits`."""

from django.db import models


class Throttle(models.Model):
    """How often something was tried under one key since its window began. Written by `portal.limits`."""

    key = models.CharField(max_length=120, primary_key=True)
    tries = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.tries}"

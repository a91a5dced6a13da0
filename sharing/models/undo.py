"""What one act on the Permissions tab changed, kept for as long as it can be undone."""

import uuid
from datetime import datetime, timedelta
from typing import TypedDict

from django.conf import settings
from django.db import models
from django.utils import timezone

from locations.models import Location

# For this long whoever did it can undo it.
LASTS = timedelta(minutes=10)


class Was(TypedDict):
    """One row that the act changed, by its primary key. Moments are kept as ISO text."""

    pk: int


class AccessWas(Was):
    """On which terms somebody had access (None: without an end)."""

    level: int
    ends_at: str | None


class TransferWas(Was):
    """How long an invitation to become Owner could be accepted."""

    expires_at: str


class InvitationWas(TransferWas):
    """The same of an invitation, and what it gave; how often a code had been used."""

    level: int
    uses: int


class Told(TypedDict):
    """Which person was told by e-mail that which access had ended, by their primary keys."""

    access: int
    person: int


class MembershipWas(Was):
    """Which role one of those who had access had in an organisation."""

    role: str


class Before(TypedDict):
    """How it was, of what the act changed; and how it stood with those who had the access, after it."""

    accesses: list[AccessWas]
    invitations: list[InvitationWas]
    transfers: list[TransferWas]
    requests: list[Was]
    told: list[Told]
    memberships: list[MembershipWas]


class Undo(models.Model):
    """One act of one person on one location. `before` is a `Before`: how it was, where it changed."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now, db_index=True)
    # The last entry of the location's record that belongs to the act.
    last_entry = models.BigIntegerField()
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
        """Whether there is time left, and nobody has done it.

        One written before an upgrade, which kept less, is over: it would have been in ten minutes.
        """
        is_whole = Before.__required_keys__ <= self.before.keys()
        return is_whole and self.done_at is None and self.ends_at > timezone.now()

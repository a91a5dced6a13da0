"""Putting a location away and taking it back into use."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from locations.levels import Level
from locations.models import Location
from locations.projection import carry_copies
from locations.services import lock_location, require_level
from portal.activity.record import record
from portal.models import User
from portal.verbs import Verb


@transaction.atomic
def archive_location(*, location: Location, by: User) -> Location:
    """Put the location away: it leaves the lists, can no longer be shared, and can be restored."""
    return _set_archived(location, by, archived_at=timezone.now(), verb=Verb.LOCATION_ARCHIVED)


@transaction.atomic
def restore_location(*, location: Location, by: User) -> Location:
    """Take an archived location back into use."""
    return _set_archived(location, by, archived_at=None, verb=Verb.LOCATION_RESTORED)


def _set_archived(location: Location, by: User, *, archived_at: datetime | None, verb: Verb) -> Location:
    location = lock_location(location)
    require_level(by, location, Level.MANAGE)
    if bool(location.archived_at) != bool(archived_at):
        location.archived_at = archived_at
        location.save(update_fields=["archived_at"])
        carry_copies(location)
        record(verb, by=by, location=location)
    return location

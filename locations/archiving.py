"""Putting a location away and taking it back into use, and whose that is to do (product rule 2).

Archiving takes a location from everybody, so Manage alone is not enough: it is for the Owner and for the
members of the installing party, as long as they have Manage. Pages, buttons and the verbs ask here.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations.emails import queue_archived, queue_restored
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from locations.projection import carry_copies
from locations.querysets import AccessQuerySet, LocationQuerySet
from locations.services import lock_location, require_level
from locations.sorting import sort_key
from portal.activity.record import record
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb

NOT_THEIRS = _("Only the Owner of a location and whoever installed it can archive it and restore it.")


def decides(level: Level | None, ways: Iterable[Access]) -> bool:
    """Whether somebody who has `level` now, by these live ways, decides about the location as a whole."""
    return level == Level.MANAGE and any(way.reason in Access.STANDING for way in ways)


def may_archive(user: User, location: Location, level: Level | None) -> bool:
    """Whether this person, who has `level` there now, may archive and restore it. One query, or none."""
    return level == Level.MANAGE and decides(level, _standing_ways(user).filter(location=location))


def mark_archivable(locations: LocationQuerySet, user: User) -> LocationQuerySet:
    """With `.is_archivable`, whether this person may, of locations on which they have Manage now."""
    standing = _standing_ways(user).filter(location=OuterRef("pk"))
    marked: LocationQuerySet = locations.annotate(is_archivable=Exists(standing))
    return marked


def those_who_lose(location: Location, by: User) -> list[Party]:
    """Everybody but `by` from whom archiving takes it, people and organisations, by name. One query."""
    live = Access.objects.live().filter(location=location).exclude(user=by).with_parties()
    return sorted({access.party for access in live}, key=lambda party: (sort_key(str(party)), party.pk))


@transaction.atomic
def archive_location(*, location: Location, by: User) -> Location:
    """Put the location away: it leaves the lists, can no longer be shared, and can be restored.

    Everybody who loses it is told. Raises Refusal where it is not theirs to do.
    """
    location = _lock_to_decide(location, by)
    if location.archived_at is None:
        _set_archived(location, by, Verb.LOCATION_ARCHIVED)
        queue_archived(location, by)
    return location


@transaction.atomic
def restore_location(*, location: Location, by: User) -> Location:
    """Take an archived location back into use, and tell everybody who has it again. Raises Refusal where it
    is not theirs to do."""
    location = _lock_to_decide(location, by)
    since = location.archived_at
    if since is not None:
        _set_archived(location, by, Verb.LOCATION_RESTORED)
        queue_restored(location, by, since)
    return location


def _standing_ways(user: User) -> AccessQuerySet:
    return Access.objects.live().reaching(user).filter(reason__in=Access.STANDING)


def _lock_to_decide(location: Location, by: User) -> Location:
    location = lock_location(location)
    level = require_level(by, location, Level.MANAGE)
    if not may_archive(by, location, level):
        raise Refusal(NOT_THEIRS)
    return location


def _set_archived(location: Location, by: User, verb: Verb) -> None:
    location.archived_at = timezone.now() if verb == Verb.LOCATION_ARCHIVED else None
    location.save(update_fields=["archived_at"])
    carry_copies(location)
    record(verb, by=by, location=location)

"""Whose it is to put a location away and to take it back into use, and who loses it (product rule 2).

Archiving takes a location from everybody, so Manage alone is not enough: it is for the Owner and for the
members of the installing party, as long as they have Manage. Pages, buttons and the verbs ask here.
"""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from locations.querysets import AccessQuerySet, LocationQuerySet
from locations.sorting import sort_key
from portal.models import User

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


def _standing_ways(user: User) -> AccessQuerySet:
    return Access.objects.live().reaching(user).filter(reason__in=Access.STANDING)

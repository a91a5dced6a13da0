"""Guardian's permission rows as the projection of Access rows: what is written to them, and nothing is read.

Who may do what is asked of `locations.permissions`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Case, Model, Q, Value, When

from locations.levels import Level
from locations.models import Access, Location, LocationGroupPermission, LocationUserPermission
from locations.permissions import Party, permission_id
from portal.models import User

# What a permission row says of its location, so that a list is read from such rows alone.
COPIES = ("archived", "sort_name", "search_text")


def project(location: Location, party: Party) -> None:
    """Make the permission rows of one party on one location say what its Access rows say.

    Call it inside the transaction that changes an Access row.
    """
    project_all([location], party)


def project_all(locations: Collection[Location], party: Party, *, only_more: bool = False) -> None:
    """The same for many locations, in as many statements as for one.

    `only_more` says that access was only given: then no row can be left over, and none is looked for.
    """
    wanted = _ends_by_level(locations, party)
    model, grantee = _table_of(party)
    model._default_manager.bulk_create(
        [
            model(
                content_object=location,
                permission_id=permission_id(level),
                ends_at=ends_at,
                **copies(location, level),
                **grantee,
            )
            for location in locations
            for level, ends_at in wanted[location.pk].items()
        ],
        update_conflicts=True,
        unique_fields=["content_object", *(key.removesuffix("_id") for key in grantee), "permission"],
        update_fields=["ends_at", *COPIES],
    )
    if only_more:
        return
    kept = Q(pk__in=[])
    for level in Level:
        held = [location.pk for location in locations if level in wanted[location.pk]]
        kept |= Q(permission_id=permission_id(level), content_object__in=held)
    model._default_manager.filter(content_object__in=locations, **grantee).exclude(kept).delete()


def carry_copies(location: Location) -> None:
    """After a change of `copies`: bring those in the permission rows up to date."""
    view = When(permission_id=permission_id(Level.VIEW), then=Value(location.search_text))
    values = copies(location) | {"search_text": Case(view, default=Value(""))}
    for model in (LocationUserPermission, LocationGroupPermission):
        model._default_manager.filter(content_object=location).update(**values)


def copies(location: Location, level: Level = Level.VIEW) -> dict[str, Any]:
    """The COPIES of this location in the row of this level.

    Lists are of what one may view, so only those rows are searched: the others carry no text, which spares
    two fifths of the tables.
    """
    searched = location.search_text if level is Level.VIEW else ""
    return dict(zip(COPIES, (location.archived_at is not None, location.sort_name, searched), strict=True))


def _ends_by_level(locations: Collection[Location], party: Party) -> dict[int, dict[Level, datetime | None]]:
    """Per location, for each level the party has: the end of what lasts longest (None: never)."""
    rows = Access.objects.live().of_party(party).filter(location__in=locations)
    ends: dict[int, dict[Level, datetime | None]] = {location.pk: {} for location in locations}
    for location_id, given, ends_at in rows.values_list("location_id", "level", "ends_at"):
        of_location = ends[location_id]
        for level in Level:
            if level <= given:
                known = of_location.get(level, ends_at)
                of_location[level] = None if known is None or ends_at is None else max(known, ends_at)
    return ends


def _table_of(party: Party) -> tuple[type[Model], dict[str, int]]:
    if isinstance(party, User):
        return LocationUserPermission, {"user_id": party.pk}
    return LocationGroupPermission, {"group_id": party.group_id}

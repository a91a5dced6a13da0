"""Where the permission rows do not say what the Access rows say, and how that is mended.

`locations.projection.project` writes both in one transaction, so there is drift only after somebody wrote
past it: a restored table, a statement by hand. `manage.py check_access` is for that.
"""

from collections.abc import Collection, Iterator
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from locations.levels import Level
from locations.models import Access, Location, LocationGroupPermission, LocationUserPermission
from locations.permissions import Party, permission_id
from locations.projection import project
from locations.services import lock_location
from organisations.models import Organisation
from portal.models import User

# A table of permission rows, its column of the grantee, and where an Access row names the same grantee.
_TABLES: list[tuple[type[Model], str, str]] = [
    (LocationUserPermission, "user_id", "user_id"),
    (LocationGroupPermission, "group_id", "organisation__group_id"),
]
# A location and a user's or group's id, under the column it is found in.
Place = tuple[int, str, int]


def find(among: Collection[int] | None = None) -> dict[str, set[Place]]:
    """Every place where the two differ, by what is wrong there. A few queries, whatever there is.

    `among` are the ids of the locations to look at, where that is not all.
    """
    found: dict[str, set[Place]] = {
        "access without its permission": set(),
        "permission without access": set(),
        "permission with another end than its access": set(),
        "permission with an outdated copy of the location": set(),
    }
    for model, grantee, holder in _TABLES:
        for kind, rows in zip(found, _drifted(model, grantee, holder, among), strict=True):
            found[kind].update((location, grantee, who) for location, who in rows)
    return found


def mend(place: Place) -> None:
    """Write the permission rows of one party on one location anew, from its Access rows."""
    location_id, grantee, who = place
    with transaction.atomic():
        location = lock_location(Location(pk=location_id))
        party = _party(grantee, who)
        if party is not None:
            return project(location, party)
        # A group that belongs to no organisation has no access, so it has no permission either.
        LocationGroupPermission._default_manager.filter(content_object=location, group_id=who).delete()
    return None


def _drifted(
    model: type[Model], grantee: str, holder: str, among: Collection[int] | None
) -> Iterator[set[tuple[int, int]]]:
    """The four kinds of drift of one table, in the order of `find`, as pairs of location and grantee.

    A row whose end has come gives nothing; it may stay until somebody tidies it.
    """
    table = model._default_manager.all()
    holding = Access.objects.live().filter(**{f"{holder}__isnull": False})
    if among is not None:
        table, holding = table.filter(content_object__in=among), holding.filter(location__in=among)
    live = table.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=Now()))
    ids = {level: permission_id(level) for level in Level}
    missing, extra, ended = set(), set(), set()
    extra |= _pairs(live.exclude(permission_id__in=ids.values()), "content_object_id", grantee)
    for level, permission in ids.items():
        accesses = holding.filter(level__gte=level)
        row = table.filter(
            content_object=OuterRef("location"), permission=permission, **{grantee: OuterRef(holder)}
        )
        missing |= _pairs(accesses.exclude(Exists(row)), "location_id", holder)
        behind = accesses.filter(location=OuterRef("content_object"), **{holder: OuterRef(grantee)})
        rows = live.filter(permission=permission)
        extra |= _pairs(rows.exclude(Exists(behind)), "content_object_id", grantee)
        ended |= _pairs(
            _with_another_end(table.filter(permission=permission), behind), "content_object_id", grantee
        )
    searched = Q(permission=ids[Level.VIEW], search_text=F("content_object__search_text"))
    current = (searched | (~Q(permission=ids[Level.VIEW]) & Q(search_text=""))) & (
        Q(archived=True, content_object__archived_at__isnull=False)
        | Q(archived=False, content_object__archived_at__isnull=True)
    )
    current &= Q(sort_name=F("content_object__sort_name"))
    yield from (missing, extra, ended, _pairs(table.exclude(current), "content_object_id", grantee))


def _with_another_end(rows: QuerySet[Any], behind: QuerySet[Access]) -> QuerySet[Any]:
    """Those that end otherwise than the last of the Access rows behind them (without an end: never)."""
    rows = rows.annotate(
        forever=Exists(behind.filter(ends_at__isnull=True)),
        latest=Subquery(behind.order_by(F("ends_at").desc(nulls_first=True)).values("ends_at")[:1]),
    )
    too_long = Q(forever=False, latest__isnull=False) & (Q(ends_at__isnull=True) | ~Q(ends_at=F("latest")))
    return rows.filter(Q(forever=True, ends_at__isnull=False) | too_long)


def _pairs(rows: QuerySet[Any], location: str, grantee: str) -> set[tuple[int, int]]:
    return set(rows.values_list(location, grantee))


def _party(grantee: str, who: int) -> Party | None:
    if grantee == "user_id":
        return User.objects.get(pk=who)
    organisation: Organisation | None = Organisation.objects.filter(group=who).first()
    return organisation

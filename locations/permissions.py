"""Who may do what with a location: what is asked of guardian's permission rows.

Access rows are the truth; the permission rows are their projection, written by `locations.projection` alone
and read by the functions below alone. guardian's own reading functions know nothing of end dates and read in
proportion to all locations, so nothing calls them but the test that compares
(docs/decisions/0001-permissions.md).
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser, Permission
from django.db import connection
from django.db.models import Case, F, Max, Model, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest, Now
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from locations.grantees import Ways
from locations.levels import Level
from locations.permission_rows import LocationGroupPermission, LocationUserPermission
from locations.sorting import words_in
from organisations.models import Organisation
from portal.lib.cached_sql import Prepared
from portal.lib.paging import Cursor, beyond
from portal.models import User

Party = User | Organisation

MOST_ARMS = 4
_LIVE = Q(ends_at__isnull=True) | Q(ends_at__gt=Now())

_permission_ids: dict[Level, int] = {}


def visible_ids(user: User, at_least: Level = Level.VIEW) -> QuerySet[Any, Any]:
    """The ids of the locations on which `user` has `at_least` this level now, by any way: the funnel.

    A UNION, so that it costs in proportion to what the person sees, not to what there is.
    """
    return _ids_of(_live_rows(user), Q(permission_id=permission_id(at_least)))


def found_ids(user: User, query: str, ways: Ways | None = None) -> QuerySet[Any, Any]:
    """The ids of the locations `user` sees with every word of `query` in name and address, by any way or by
    `ways` alone; in proportion to what they see, as `visible_ids`.
    """
    rows = _rows_by_way(ways) if ways else _live_rows(user)
    return _ids_of(rows, Q(permission_id=permission_id(Level.VIEW)) & _containing(words_in(query)))


def ids_by_name(
    user: User,
    *,
    ways: Ways | None = None,
    archived: bool,
    query: str = "",
    cursor: Cursor | None = None,
    backwards: bool = False,
    limit: int,
) -> list[int]:
    """The ids of at most `limit` locations `user` sees, in order of name, after (or before) a cursor; only
    those with every word of `query` in name and address.

    The fast path of the Locations list. Each of the person's grantees (themselves, their organisations; or
    those of `ways` alone) is one range of an index that already stands in this order, so the cost follows
    `limit`, neither what the person sees nor what there is: 232 buffers, rows included, for a page of
    100,000 in a million, 1.12 times the least there is (docs/benchmarks.md). What is searched in stands there
    too, so a search that finds little reads that range and nothing else. The database merges the ranges:
    PostgreSQL when each is cut to `limit` first, SQLite by itself. Why: docs/decisions/0001-permissions.md.
    """
    ways = ways or Ways.of(user)
    shape: dict[str, Any] = {
        "personally": ways.personally,
        "groups": len(ways.group_ids),
        "apart": _stand_apart(ways.group_ids),
        "archived": archived,
        "backwards": backwards,
        "limit": limit,
    }
    grantees = (*([user.pk] if ways.personally else []), *ways.group_ids)
    values = (permission_id(Level.VIEW), *grantees, *(cursor or ()))
    if words := words_in(query):
        return [pk for _, pk in _keys_by_name(*values, **shape, words=words)]
    return [pk for _, pk in _KEYS_BY_NAME.rows(*values, **shape)]


def _keys_by_name(
    view: int,
    *rest: Any,
    personally: bool,
    groups: int,
    apart: bool,
    archived: bool,
    backwards: bool,
    limit: int,
    words: Collection[str] = (),
) -> QuerySet[Any, Any]:
    """Names and ids. `rest`: the user where `personally`, as many `groups`, and the two parts of a cursor."""
    user, rest = (rest[0], rest[1:]) if personally else (None, rest)
    order = ("-sort_name", "-content_object_id") if backwards else ("sort_name", "content_object_id")
    cursor = cast(Cursor, rest[groups:]) or None
    arms = [
        # IN, as Django says NOT for a plain False, and by that SQLite takes no range but sorts everything.
        rows.filter(_containing(words), permission_id=view, archived__in=[archived])
        .filter(beyond(cursor, backwards, key="sort_name", pk="content_object_id"))
        .values_list("sort_name", "content_object_id")
        .distinct()
        for rows in _rows_by_grantee(user, rest[:groups], apart=apart)
    ]
    keys = arms[0]
    if arms[1:]:
        if connection.features.supports_slicing_ordering_in_compound:
            arms = [arm.order_by(*order)[:limit] for arm in arms]
        keys = arms[0].union(*arms[1:])
    return keys.order_by(*order)[:limit]


_KEYS_BY_NAME = Prepared(_keys_by_name)


def names_of_ways(user: User, ids: list[int]) -> dict[int, set[str]]:
    """By which ways `user` sees each of these locations now: names of organisations, "" for personally."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    if ids:
        for pk, name in _NAMES_OF_WAYS.rows(user.pk, permission_id(Level.VIEW), *ids):
            found[pk].add(name)
    return found


def _names_of_ways(user: int, view: int, *ids: int) -> QuerySet[Any, Any]:
    names: list[Value | F] = [Value(""), F("group__organisation__name")]
    ways = [
        rows.filter(permission_id=view, content_object_id__in=ids).values_list("content_object_id", name)
        for rows, name in zip(_live_rows(User(pk=user)), names, strict=True)
    ]
    return ways[0].union(*ways[1:])


# Every page of the list of somebody in several organisations asks it.
_NAMES_OF_WAYS = Prepared(_names_of_ways)


def level_of(user: User | AnonymousUser, location: Model) -> Level | None:
    """The highest level this person has on this Location now, by any way; None for a stranger. One query."""
    if not isinstance(user, User) or not user.is_active:
        return None
    ids = [
        rows.filter(content_object=location).values_list("permission_id", flat=True)
        for rows in _live_rows(user)
    ]
    held = set(ids[0].union(*ids[1:]))
    return max((level for level in Level if permission_id(level) in held), default=None)


def levels_of(
    user: User | AnonymousUser, locations: Collection[Model], ways: Ways | None = None
) -> dict[int, Level]:
    """The same for many Locations, by their primary keys; strangers' are left out. One query.

    With all `ways` of the person, where they are known, a page costs the same however much they see: 206
    buffers for who sees 100,000 of a million, instead of 2,888; somebody in thirty organisations does better
    without (296 and 170).
    """
    if not isinstance(user, User) or not user.is_active:
        return {}
    pairs = [
        rows.filter(content_object__in=locations).values_list("content_object_id", "permission_id")
        for rows in (_rows_by_way(ways) if ways else _live_rows(user))
    ]
    by_id = {permission_id(level): level for level in Level}
    levels: dict[int, Level] = {}
    for location_id, permission in pairs[0].union(*pairs[1:]):
        level = by_id.get(permission, Level.VIEW)
        levels[location_id] = max(level, levels.get(location_id, level))
    return levels


def level_column(user: User) -> Greatest:
    """`level_of` as a column of a query about locations, with 0 for a stranger: a page asks both at once."""
    level = Case(*(When(permission_id=permission_id(level), then=Value(level.value)) for level in Level))
    highest = [
        rows.filter(content_object=OuterRef("pk"))
        .values("content_object")
        .annotate(highest=Max(level))
        .values("highest")
        for rows in _live_rows(user)
    ]
    return Greatest(*(Coalesce(Subquery(one), 0) for one in highest))


def permission_id(level: Level) -> int:
    """The primary key of the permission that `level` adds. Kept per process; a literal helps the planner."""
    if not _permission_ids:
        for pk, codename in Permission.objects.filter(
            content_type__app_label="locations", content_type__model="location"
        ).values_list("pk", "codename"):
            found = Level.of_codename(codename)
            if found:  # never otherwise: the model has no other permissions today
                _permission_ids[found] = pk
    return _permission_ids[level]


@receiver(post_migrate)
def _forget_permission_ids(**kwargs: Any) -> None:
    _permission_ids.clear()


def _ids_of(rows: list[QuerySet[Any, Any]], which: Q) -> QuerySet[Any, Any]:
    ids = [arm.filter(which).values("content_object_id") for arm in rows]
    return ids[0].union(*ids[1:])


def _containing(words: Collection[str]) -> Q:
    """What each of these words is found in: of rows of View, as only those carry the text."""
    return Q(*(Q(search_text__contains=word) for word in words))


def _live_rows(user: User) -> list[QuerySet[Any, Any]]:
    """The permission rows that say something about this person now: their own, and their organisations'."""
    groups = user.groups.through._default_manager.filter(user_id=user.pk).values("group_id")
    return [_own_rows(user.pk), LocationGroupPermission._default_manager.filter(_LIVE, group_id__in=groups)]


def _own_rows(user: int) -> QuerySet[Any, Any]:
    return LocationUserPermission._default_manager.filter(_LIVE, user_id=user)


def _rows_by_way(ways: Ways) -> list[QuerySet[Any, Any]]:
    """As `_live_rows`, for these ways."""
    user, groups = ways.user.pk if ways.personally else None, ways.group_ids
    return _rows_by_grantee(user, groups, apart=_stand_apart(groups))


def _stand_apart(groups: Collection[int]) -> bool:
    """Whether each group is asked for by itself, which the planner prefers.

    Beyond a few of them one entry serves all: more arms cost more to plan than they save.
    """
    return len(groups) <= MOST_ARMS


def _rows_by_grantee(user: int | None, groups: Collection[int], *, apart: bool) -> list[QuerySet[Any, Any]]:
    """The person's own rows, unless that is None, and those of these groups; `apart`, one entry for each."""
    chunks = [[group] for group in groups] if apart else [groups]
    return [
        *([] if user is None else [_own_rows(user)]),
        *(LocationGroupPermission._default_manager.filter(_LIVE, group_id__in=chunk) for chunk in chunks),
    ]

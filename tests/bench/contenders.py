"""The questions, and three ways to answer each: the portal's, guardian's own, and the least there is.

The lower bound is one statement, without the ORM, on a flat table made for the people who are asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from guardian.backends import ObjectPermissionBackend
from guardian.shortcuts import get_objects_for_user, get_users_with_perms

from locations.grantees import Ways
from locations.levels import Level
from locations.models import Location
from locations.permissions import ids_by_name, level_of, levels_of
from locations.querysets import COUNT_CAP, PAGE_SIZE
from organisations.models import Membership
from portal.lib.paging import beyond
from sharing.permissions import Viewer
from tests.bench.sample import Sample
from tests.tools import matching

ROWS = PAGE_SIZE + 1
Act = Callable[[Sample], Any]
_SEEN = (
    "SELECT l.* FROM bench_access a JOIN locations_location l ON l.id = a.location_id"
    " WHERE a.user_id = %s AND NOT a.archived"
)
_IN_ORDER = f" ORDER BY a.sort_name, a.location_id LIMIT {ROWS}"


@dataclass(frozen=True)
class Question:
    """`ours` and `guardian` give the same answer; `lower` is a statement and its parameters."""

    name: str
    ours: Act
    guardian: Act
    lower: Callable[[Sample], tuple[str, list[Any]]]
    # Of whose list there is such a page.
    needs: str = ""


def run(statement: tuple[str, list[Any]]) -> list[Any]:
    """Past Django altogether."""
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        return cursor.execute(*statement).fetchall()


def _guardian(sample: Sample) -> Any:
    seen = get_objects_for_user(sample.user, "locations.view_location", Location)
    return seen.filter(archived_at__isnull=True)


def _first_rows(rows: Any) -> list[Any]:
    return [row.pk for row in rows.order_by("sort_name", "pk")[:ROWS]][:PAGE_SIZE]


def _after(sample: Sample, page: str) -> tuple[str, int]:
    name, _, pk = sample.cursors[page].rpartition("~")
    return name, int(pk)


def _later(page: str) -> Question:
    def ours(sample: Sample) -> list[int]:
        return [
            one.pk for one in Location.objects.visible_page(sample.user, after=sample.cursors[page]).locations
        ]

    def guardian(sample: Sample) -> list[int]:
        return _first_rows(_guardian(sample).filter(beyond(_after(sample, page), False, key="sort_name")))

    def lower(sample: Sample) -> tuple[str, list[Any]]:
        past = " AND (a.sort_name, a.location_id) > (%s, %s)"
        return _SEEN + past + _IN_ORDER, [sample.user.pk, *_after(sample, page)]

    return Question(f"list, {page} page", ours, guardian, lower, needs=page)


def _list(sample: Sample) -> list[int]:
    return [one.pk for one in Location.objects.visible_page(sample.user).locations]


def _list_with_levels(sample: Sample) -> list[tuple[int, bool, bool]]:
    """The page, and on each row whether it may be changed and whether it may be shared."""
    ways = Ways.of(sample.user)
    page = Location.objects.visible_page(sample.user, ways=ways).locations
    held = levels_of(sample.user, page, ways)
    return [(one.pk, held[one.pk] >= Level.CONFIGURE, held[one.pk] >= Level.MANAGE) for one in page]


def _guardian_list_with_levels(sample: Sample) -> list[tuple[int, bool, bool]]:
    may = ObjectPermissionBackend().has_perm
    rows = _guardian(sample).order_by("sort_name", "pk")[:ROWS]
    return [
        (row.pk, may(sample.user, "change_location", row), may(sample.user, "manage_location", row))
        for row in rows[:PAGE_SIZE]
    ]


def _search(name: str, words: str) -> Question:
    """The first page of what has all of these words in name and address."""

    def ours(sample: Sample) -> list[int]:
        return [one.pk for one in Location.objects.visible_page(sample.user, query=words).locations]

    def guardian(sample: Sample) -> list[int]:
        return _first_rows(matching(_guardian(sample), words))

    def lower(sample: Sample) -> tuple[str, list[Any]]:
        having = " AND a.search_text LIKE %s" * len(words.split())
        return _SEEN + having + _IN_ORDER, [sample.user.pk, *(f"%{word}%" for word in words.split())]

    return Question(name, ours, guardian, lower)


def _count(sample: Sample) -> int:
    return len(ids_by_name(sample.user, archived=False, limit=COUNT_CAP + 1))


def _who(sample: Sample) -> Any:
    """Every entry of the Permissions tab."""
    return Viewer.of(sample.user, sample.location).live


def people_of(sample: Sample) -> set[int]:
    """Everybody those entries let in, for comparing with guardian's answer."""
    live = _who(sample)
    members = Membership.objects.filter(
        organisation__in=[a.organisation_id for a in live if a.organisation_id]
    )
    return {a.user_id for a in live if a.user_id} | set(members.values_list("user_id", flat=True))


def _guardian_who(sample: Sample) -> set[int]:
    return {user.pk for user in get_users_with_perms(sample.location)}


_COUNT = (
    "SELECT count(*) FROM (SELECT FROM bench_access WHERE user_id = %s AND NOT archived LIMIT %s) AS counted"
)
_CHECK = "SELECT level FROM bench_access WHERE user_id = %s AND location_id = %s"
_WHO = "SELECT * FROM locations_access WHERE location_id = %s AND ended_at IS NULL"

QUESTIONS = [
    Question(
        "list, first page",
        _list,
        lambda s: _first_rows(_guardian(s)),
        lambda s: (_SEEN + _IN_ORDER, [s.user.pk]),
    ),
    *(_later(page) for page in ("second", "middle", "last")),
    Question(
        "list with what one may do",
        _list_with_levels,
        _guardian_list_with_levels,
        lambda s: (_SEEN + _IN_ORDER, [s.user.pk]),
    ),
    _search("search for a street", "havnevej"),
    _search("search for a city", "odense"),
    # All that one sees is looked through.
    _search("search for what is nowhere", "havnevej nowhere"),
    Question(
        "count",
        _count,
        lambda s: min(_guardian(s).count(), COUNT_CAP + 1),
        lambda s: (_COUNT, [s.user.pk, COUNT_CAP + 1]),
    ),
    Question(
        "one check",
        lambda s: level_of(s.user, s.location) is not None,
        lambda s: ObjectPermissionBackend().has_perm(s.user, "view_location", s.location),
        lambda s: (_CHECK, [s.user.pk, s.location.pk]),
    ),
    Question("who has access", _who, _guardian_who, lambda s: (_WHO, [s.location.pk])),
]

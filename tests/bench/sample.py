"""The people who are asked for: some of each kind, with a location of theirs and places in their list."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.plan import IN_THIRTY, Plan

if TYPE_CHECKING:
    from locations.models import Location
    from portal.models import User

EACH = 3
_FLAT = """
    CREATE TABLE bench_access AS
    SELECT seen.user_id, l.sort_name, l.id AS location_id, l.search_text, max(level) AS level,
        l.archived_at IS NOT NULL AS archived
    FROM (
        SELECT user_id, location_id, level FROM locations_access WHERE user_id = ANY(%(people)s)
        UNION ALL
        SELECT m.user_id, location_id, level
        FROM organisations_membership m JOIN locations_access a USING (organisation_id)
        WHERE m.user_id = ANY(%(people)s)
    ) AS seen JOIN locations_location l ON l.id = location_id
    GROUP BY seen.user_id, l.id
"""
_KEYS = "SELECT sort_name, location_id FROM bench_access WHERE user_id = %s AND NOT archived ORDER BY 1, 2"


@dataclass
class Sample:
    """One person. `cursors` begin the second, the middle and the last page of their list."""

    kind: str
    user: "User"
    location: "Location"
    cursors: dict[str, str] = field(default_factory=dict)
    sees: int = 0


def draw(plan: Plan) -> list[Sample]:
    """Some people of each kind, in turn. What they see stands in `bench_access`, for the lower bound."""
    people = {
        "20": [*_members(plan, plan.installers_of(20)[:2]), plan.first_contractor + 7],
        "1,000": _members(plan, plan.installers_of(1000)[:EACH]),
        "10,000": _members(plan, plan.installers_of(10_000)[:EACH]),
        "100,000": _members(plan, plan.installers_of(100_000)[:EACH]),
        "prefix": _members(plan, [plan.prefixed]),
        "30 organisations": list(range(plan.first_in_thirty, plan.first_in_thirty + IN_THIRTY)),
    }
    people = {kind: (some * EACH)[:EACH] for kind, some in people.items() if some}
    _make_lower_bound(sorted({person for some in people.values() for person in some}))
    samples = [
        (kind, person)
        for turn in zip(*people.values(), strict=True)
        for kind, person in zip(people, turn, strict=True)
    ]
    return [_sample(kind, person) for kind, person in samples]


def _members(plan: Plan, organisations: list[int]) -> list[int]:
    """The first people of these, or of one of them the first three."""
    first: dict[int, list[int]] = {}
    for organisation, person in plan.members:
        first.setdefault(organisation, []).append(person)
    return [first[one][nth] for nth in range(EACH) for one in organisations][:EACH]


def _make_lower_bound(people: list[int]) -> None:
    """The least work there is: everything these people see, written out flat, in the order of the list."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_access")
        cursor.execute(_FLAT, {"people": people})
        cursor.execute(
            "CREATE INDEX ON bench_access (user_id, archived, sort_name, location_id, search_text)"
        )
        cursor.execute("CREATE INDEX ON bench_access (location_id, user_id)")
        cursor.execute("VACUUM (ANALYZE) bench_access")


def _sample(kind: str, person: int) -> Sample:
    from django.db import connection

    from locations.models import Location
    from portal.models import User

    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [person])
        keys = cursor.fetchall()
    middle = keys[len(keys) // 2]
    sample = Sample(kind, User.objects.get(pk=person), Location.objects.get(pk=middle[1]), sees=len(keys))
    for name, at in (("second", 49), ("middle", len(keys) // 2), ("last", len(keys) - 51)):
        if 0 <= at < len(keys) - 1 and len(keys) > 100:
            sample.cursors[name] = f"{keys[at][0]}~{keys[at][1]}"
    return sample

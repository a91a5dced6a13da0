"""The Locations list on the embedded default: the same ranges of the same index as on PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from locations.levels import Level
from locations.models import Access, Location
from locations.services import give_access
from organisations.services import create_organisation
from tests.cast import Cast, make_location

pytestmark = pytest.mark.embedded


@pytest.mark.parametrize(
    "which",
    [{}, {"after": "site 00000001~1"}, {"before": "site 00000002~9"}, {"query": "vej 8000"}],
)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is SQLite's")
def test_a_page_is_one_covering_range_for_each_grantee_and_nothing_is_sorted(
    cast: Cast, django_assert_num_queries: Callable[[int], Any], which: dict[str, str]
) -> None:
    """So it costs what the page costs, at 100,000 locations as at ten; in three statements, whoever it is."""
    parties = [cast.contractor, *(create_organisation(name=name, by=cast.contractor) for name in "AB")]
    for number, party in enumerate(parties):
        give_access(
            location=make_location(cast.installer, cast.firm, f"Site {number}"),
            party=party,
            level=Level.VIEW,
            reason=Access.Reason.CODE,
            by=cast.installer,
        )
    with CaptureQueriesContext(connection) as captured, django_assert_num_queries(3):
        Location.objects.visible_page(cast.contractor, **which)
    (keys,) = [query["sql"] for query in captured if "UNION" in query["sql"]]
    plan = explained(keys)
    ranges = [step for step in plan if step.startswith(("SEARCH", "SCAN"))]
    assert len(ranges) == len(parties)
    assert all("USING COVERING INDEX" in step and "_permission_list" in step for step in ranges), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


def explained(sql: str) -> list[str]:
    """The steps of SQLite's plan."""
    with connection.cursor() as sqlite:
        sqlite.execute(f"EXPLAIN QUERY PLAN {sql}")
        return [step[3] for step in sqlite.fetchall()]

"""Many at once costs by the batch, not by the row: literal statements, the same for 10 and 500 locations.

On PostgreSQL; SQLite takes so few values in one statement that Django divides a batch into several.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from locations.levels import Level
from locations.models import Access, Location
from locations.projection import project_all
from locations.sorting import search_text, sort_key
from sharing.bulk import jobs, offers
from sharing.models import BulkJob, Invitation
from tests.cast import Cast
from tests.tools import in_days

pytestmark = pytest.mark.postgres

NEW_ADDRESS = "ny@test.example"


def many(cast: Cast, count: int) -> list[Location]:
    """So many locations of the firm, written in one go."""
    names = [f"Plads {number}" for number in range(count)]
    found = Location.objects.bulk_create(
        Location(
            name=name,
            street="Vej 1",
            postal_code="8000",
            city="Aarhus",
            sort_name=sort_key(name),
            search_text=search_text(name),
        )
        for name in names
    )
    Access.objects.bulk_create(
        Access(location=one, organisation=cast.firm, level=Level.MANAGE, reason="installed") for one in found
    )
    project_all(found, cast.firm)
    return list(found)


def statements(act: Callable[[], Any]) -> int:
    """How many it takes, without those that begin and end a transaction."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return len([one for one in captured if "SAVEPOINT" not in one["sql"]])


def confirmed(cast: Cast, act: str, found: list[Location], **terms: Any) -> BulkJob:
    job = BulkJob(by=cast.installer, act=act, language="da", **terms)
    jobs.draft(job, found)
    jobs.confirm(job=job, by=cast.installer)
    claimed = jobs.claim()
    assert claimed == job
    return claimed


@pytest.mark.parametrize("rows", [10, 500])
def test_a_batch_of_each_act(cast: Cast, rows: int) -> None:
    """Sharing, sharing again, accepting, other terms, ending."""
    found = many(cast, rows)
    share: dict[str, Any] = {"email": cast.contractor.email, "level": Level.MANAGE}
    new = confirmed(cast, "share", found, **share)
    assert statements(lambda: jobs.step(new)) == SHARE
    jobs.step(new)
    again = confirmed(cast, "share", found, **share)
    assert statements(lambda: jobs.step(again)) == SHARE_AGAIN
    jobs.step(again)
    assert Invitation.objects.open().count() == rows
    again.offer.refresh_from_db()
    offers.accept(offer=again.offer, by=cast.contractor, nonce=again.offer.nonce)
    accepting = jobs.claim()
    assert accepting and statements(lambda: jobs.step(accepting)) == ACCEPT
    jobs.step(accepting)
    terms: dict[str, Any] = {"user": cast.contractor, "level": Level.VIEW, "sets_end": True}
    change = confirmed(cast, "terms", found, access_ends_at=in_days(9), **terms)
    assert statements(lambda: jobs.step(change)) == TERMS
    jobs.step(change)
    assert set(Access.objects.filter(user=cast.contractor).values_list("level", flat=True)) == {1}
    end = confirmed(cast, "end", found, user=cast.contractor)
    assert statements(lambda: jobs.step(end)) == END
    assert not Access.objects.live().filter(user=cast.contractor).exists()


# Of the last three some ask what waits for the party, or is open to it.
SHARE, SHARE_AGAIN, ACCEPT, TERMS, END = 14, 14, 19, 19, 14


@pytest.mark.heavy
def test_a_thousand_locations(cast: Cast) -> None:
    """The figure of docs/decisions/0006-many-at-once.md: run it with `-s`."""
    found = many(cast, 1000)
    job = BulkJob(by=cast.installer, act="share", email=NEW_ADDRESS, level=Level.MANAGE, language="da")
    begun = time.perf_counter()
    jobs.draft(job, found)
    previewed = time.perf_counter()
    jobs.confirm(job=job, by=cast.installer)
    number = statements(jobs.work_off)
    done = time.perf_counter()
    print(f"\npreview {previewed - begun:.2f} s, work {done - previewed:.2f} s, {number} statements")
    assert Invitation.objects.filter(email=NEW_ADDRESS).count() == 1000
    assert number == THOUSAND


THOUSAND = 37

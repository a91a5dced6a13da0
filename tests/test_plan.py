"""What `make test` runs where: each stack gets its own addresses, and no other's."""

import pytest
from _pytest.mark.expression import Expression

from tests.parts import Part
from tests.run import Run, _planned

pytestmark = pytest.mark.embedded

# Every kind of test there is, by its markers.
KINDS = [set(), {"embedded"}, {"postgres"}, {"pages"}, {"heavy"}, {"pages", "heavy"}, {"postgres", "heavy"}]
DATABASE = Part("PostgreSQL", where="postgres://here/x")
QUEUES = [Part("Redis", where="redis://here/1"), Part("Redis", where="redis://here/2")]


def test_the_embedded_default_gets_no_server() -> None:
    embedded, *real = _planned(DATABASE, *QUEUES)
    assert not {"DATABASE_URL", "REDIS_URL"} & set(embedded.environment)
    assert {run.environment["DATABASE_URL"] for run in real} == {DATABASE.where}


def test_no_two_runs_share_what_one_of_them_empties() -> None:
    _embedded, *real = _planned(DATABASE, *QUEUES)
    assert [run.environment["REDIS_URL"] for run in real] == [queue.where for queue in QUEUES]


def test_without_any_server_everything_runs_on_the_embedded_default() -> None:
    missing = Part("Redis", why="none")
    (run,) = _planned(Part("PostgreSQL", why="none"), missing, missing)
    assert run.selection == "" and run.measured
    assert run.environment == {"PORTAL_TESTS_NO_POSTGRES": "none"}


def where(runs: list[Run], kind: set[str]) -> list[tuple[str, bool]]:
    """The runs that take a test with these markers: their stack, and whether they measure it."""

    def has(name: str, **_arguments: object) -> bool:
        return name in kind

    taken = [run for run in runs if Expression.compile(run.selection).evaluate(has)]
    return [(run.stack, run.measured) for run in taken]


def test_every_kind_of_test_runs_where_it_should() -> None:
    """Nothing is left out, nothing runs twice on one stack, and nothing is measured twice."""
    embedded, pages, real = "embedded default", "PostgreSQL and Redis, pages", "PostgreSQL and Redis"
    runs = _planned(DATABASE, *QUEUES)
    assert [where(runs, kind) for kind in KINDS] == [
        [(embedded, True), (real, False)],
        [(embedded, True)],
        [(real, False)],
        [(pages, True)],
        [(real, False)],
        [(pages, True)],
        [(real, False)],
    ]

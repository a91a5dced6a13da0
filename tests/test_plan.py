"""What `make test` runs where: each stack gets its own addresses, and no other's."""

import pytest
from _pytest.mark.expression import Expression

from tests.parts import Part
from tests.run import Run, _planned

pytestmark = pytest.mark.embedded

# Every kind of test there is, by its markers.
KINDS = [set(), {"embedded"}, {"postgres"}, {"pages"}, {"heavy"}, {"pages", "heavy"}, {"postgres", "heavy"}]
DATABASE, QUEUE = Part("PostgreSQL", where="postgres://here/x"), Part("Redis", where="redis://here/1")


def test_the_embedded_default_gets_no_server() -> None:
    embedded, real = _planned(DATABASE, QUEUE)
    assert all(not {"DATABASE_URL", "REDIS_URL"} & set(run.environment) for run in embedded)
    addresses = {(run.environment["DATABASE_URL"], run.environment["REDIS_URL"]) for run in real}
    assert addresses == {(DATABASE.where, QUEUE.where)}


def test_without_any_server_everything_runs_on_the_embedded_default() -> None:
    ((run,),) = _planned(Part("PostgreSQL", why="none"), Part("Redis", why="none"))
    assert run.selection == "" and run.measured
    assert run.environment == {"PORTAL_TESTS_NO_POSTGRES": "none"}


def measured(runs: list[Run], kind: set[str]) -> list[bool]:
    """Of the runs that take a test with these markers, whether each measures it."""

    def has(name: str, **_arguments: object) -> bool:
        return name in kind

    return [run.measured for run in runs if Expression.compile(run.selection).evaluate(has)]


def test_every_kind_of_test_runs_where_it_should() -> None:
    """Nothing is left out, and nothing runs twice on one stack."""
    stacks = _planned(DATABASE, QUEUE)
    assert [[measured(runs, kind) for runs in stacks] for kind in KINDS] == [
        [[True], [False]],
        [[True], []],
        [[], [False]],
        [[], [True]],
        [[], [False]],
        [[], [False]],
        [[], [False]],
    ]

"""The gates of `python -m tests.bench --gate` notice what they are there for."""

from copy import deepcopy
from typing import Any

import pytest

from tests.bench import gates, report
from tests.bench.plan import SIZES, Plan

pytestmark = pytest.mark.embedded


def found(size: str, question: str = "list, first page", kind: str = "20", **row: Any) -> dict[str, Any]:
    """What a run found, with one row, all as it should be but for what is named."""
    ours = {"queries": row.pop("queries", 1), "buffers": row.pop("buffers", 25), "p50": 4.0, "p95": 5.0}
    stock = ours | {"p50": row.pop("guardian", 900.0)}
    lower = ours | {"p50": row.pop("lower", 1.0)}
    fine = {"equal": True, "buffers_ratio": 1.0, "sees": 20, "ours": ours, "guardian": stock, "lower": lower}
    return {
        "size": size,
        "built": 1.0,
        "postgres": "15",
        "shared_buffers": "128MB",
        "cores": 2,
        "rows": [{"question": question, "kind": kind} | fine | row],
        "writing": {"share": {"1": 9, "1000": 9}, "accept": 4, "accept_in_all": 16, "sweep": 1000},
    }


BREACHES = {
    "another answer": {"equal": False},
    "a query too many": {"queries": 4},
    "more than the lower bound": {"buffers_ratio": 1.3},
    "more in thirty organisations": {"kind": "30 organisations", "buffers_ratio": 3.1},
    "a check that reads much": {"question": "one check", "buffers": 26},
    "a check of two queries": {"question": "one check", "queries": 2},
    "a count that reads much": {"question": "count", "buffers": 251},
    "a search through everything": {"question": "search for a street", "buffers": 400},
    "a search that asks again": {"question": "search for a street", "queries": 4},
    "levels that read all one sees": {"question": "list with what one may do", "buffers": 1001},
    "a query for each person": {"question": "who has access", "queries": 4},
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_broken_bound_is_told(breach: str) -> None:
    row = BREACHES[breach]
    kept = {name: value for name, value in row.items() if name in ("question", "kind")}
    assert list(gates.broken([found("10k", **kept)])) == []
    (told,) = gates.broken([found("10k", **row)])
    assert told.startswith("10k: ")


@pytest.mark.parametrize("broken", [{"share": {"1": 9, "1000": 10}}, {"accept": 5}, {"sweep": 1501}])
def test_writing_that_takes_more_is_told(broken: dict[str, Any]) -> None:
    measured = found("100k")
    measured["writing"] |= broken
    assert len(list(gates.broken([measured]))) == 1


def test_growth_is_told() -> None:
    small, large = found("10k", buffers=100), found("1m", buffers=160)
    assert list(gates.broken([small, large])) == []
    larger = deepcopy(large)
    larger["rows"][0]["ours"]["buffers"] = 161
    assert len(list(gates.broken([small, larger]))) == 1


def test_times_are_told_at_a_million_only() -> None:
    assert list(gates.slow(found("1m"))) == []
    assert list(gates.slow(found("100k", lower=0.1, guardian=1.0))) == []
    assert len(list(gates.slow(found("1m", lower=0.1, guardian=1.0)))) == 2


def test_the_report_says_every_figure() -> None:
    text = report.write([found("10k"), found("100k", buffers=1234)], "make bench", ["too slow"])
    assert "`make bench`" in text and "## 100k locations" in text and "| 1,234 |" in text
    assert "- too slow" in text and "{" not in text


@pytest.mark.parametrize("size", SIZES)
def test_the_plan_is_as_skewed_as_it_says(size: str) -> None:
    plan = Plan(SIZES[size])
    assert sum(plan.installed) == plan.size
    assert plan.installed[0] == plan.size // 10 and plan.installed[1:7] == [plan.size // 100] * 6
    smalls = plan.installed[8:]
    assert 45 < sum(smalls) / len(smalls) < 55
    assert plan.installers_of(20) and plan.installers_of(1000)
    memberships = [person for _, person in plan.members]
    assert memberships.count(plan.first_in_thirty) == 30

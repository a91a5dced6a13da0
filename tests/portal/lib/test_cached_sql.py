"""SQL that is worked out once must answer each time as if it had been worked out for that time."""

from typing import Any

import pytest
from django.db.models import Q, QuerySet

from portal.lib.cached_sql import Prepared
from portal.models import User
from tests.cast import Cast

Worked = list[tuple[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def worked() -> Worked:
    """What was worked out so far."""
    return []


@pytest.fixture
def question(worked: Worked) -> Prepared:
    """The ids of two people, of one by name; of any of them after another."""

    def work_out(*values: Any, downwards: bool = False) -> QuerySet[Any, Any]:
        worked.append((values, {"downwards": downwards}))
        name, *ids = values
        found = User.objects.filter(Q(name=name) | Q(pk__in=ids), is_active=True)
        return found.order_by("-pk" if downwards else "pk").values_list("pk", "name")

    return Prepared(work_out)


def test_it_answers_for_the_values_it_is_asked_with(cast: Cast, question: Prepared) -> None:
    """In whatever order they come, and whatever was asked before."""
    for wanted in [(cast.installer, cast.operator), (cast.stranger, cast.customer)]:
        for downwards in (False, True, False):
            found = question.rows(cast.contractor.name, *(one.pk for one in wanted), downwards=downwards)
            people = sorted([cast.contractor, *wanted], key=lambda one: one.pk, reverse=downwards)
            assert found == [(one.pk, one.name) for one in people]


def test_it_is_worked_out_once_for_each_shape(cast: Cast, question: Prepared, worked: Worked) -> None:
    for one in (cast.installer, cast.operator, cast.stranger):
        question.rows(one.name, one.pk)
        question.rows(one.name, one.pk, downwards=True)
        question.rows(one.name)
    assert len(worked) == 3
    assert {len(values) for values, _ in worked} == {1, 2}


@pytest.mark.parametrize("name", ["'; --", "%", "%s", "\ue000value 0\ue000", ""])
def test_a_value_is_a_value_whatever_stands_in_it(cast: Cast, question: Prepared, name: str) -> None:
    User.objects.filter(pk=cast.stranger.pk).update(name=name)
    assert question.rows("Nobody of that name") == []
    assert question.rows(name) == [(cast.stranger.pk, name)]


def test_it_takes_one_query(cast: Cast, question: Prepared, django_assert_num_queries: Any) -> None:
    for _ in range(2):
        with django_assert_num_queries(1):
            question.rows(cast.installer.name, cast.installer.pk)

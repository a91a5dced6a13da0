"""Limits: counted exactly, per name and key, whatever becomes of the transaction."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from portal import limits
from portal.limits import Limit
from portal.models import Throttle
from tests.cast import (
    invite,
    make_cast,
)

THREE = Limit("test", 3, timedelta(minutes=5))


@pytest.mark.django_db
def test_a_limit_counts_per_name_and_key_and_starts_anew_when_its_window_is_over() -> None:
    assert [limits.count(THREE, "a") for _ in range(5)] == [True, True, True, False, False]
    assert limits.is_spent(THREE, "a")
    assert limits.count(THREE, "b")
    assert not limits.is_spent(THREE, "b")
    assert limits.count(Limit("other", 3, THREE.period), "a")
    end = Throttle.objects.get(key="test/a").ends_at
    assert timedelta(minutes=4) < end - timezone.now() <= THREE.period
    Throttle.objects.filter(key="test/a").update(ends_at=timezone.now())
    assert not limits.is_spent(THREE, "a")
    assert limits.count(THREE, "a")
    assert Throttle.objects.get(key="test/a").tries == 1
    assert Throttle.objects.get(key="test/a").ends_at > end


@pytest.mark.django_db
def test_only_counters_whose_window_is_over_are_forgotten() -> None:
    for key in "abc":
        limits.count(THREE, key)
    Throttle.objects.filter(key="test/a").update(ends_at=timezone.now())
    assert [limits.forget_ended() for _ in range(2)] == [1, 0]
    assert set(Throttle.objects.values_list("key", flat=True)) == {"test/b", "test/c"}


@pytest.mark.django_db(transaction=True)
def test_exactly_the_limit_of_many_at_once_pass() -> None:
    """Quality.md, throttle: counted in one upsert, on both databases."""
    limit, passed, start = Limit("test", 20, timedelta(minutes=5)), [], threading.Barrier(8)

    def work() -> None:
        try:
            start.wait()
            passed.extend(limits.count(limit, "a") for _ in range(10))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert (len(passed), sum(passed)) == (80, 20)
    assert Throttle.objects.get().tries == 80


@pytest.mark.django_db(transaction=True)
def test_a_try_that_ended_in_a_refusal_stays_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting is outside the business transaction: a rollback must not un-count a try."""
    from portal.errors import Refusal

    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    cast = make_cast()
    for _ in range(3):
        with pytest.raises(Refusal):
            invite(cast.site, cast.stranger, cast.contractor)
    assert Throttle.objects.get(key__startswith="invitations/account").tries == 3

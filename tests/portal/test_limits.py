"""Limits: counted exactly, per name and key, whatever becomes of the transaction."""

import ast
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

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
from tests.serving import ROOT
from tests.test_architecture import APPS, modules

THREE = Limit("test", 3, timedelta(minutes=5))
MANY = Limit("many", 5, timedelta(hours=1))


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
    """Counted in one upsert, on both databases."""
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


def tries() -> dict[str, int]:
    return dict(Throttle.objects.values_list("key", "tries"))


def refused(*counters: limits.Counter) -> limits.Spent:
    with pytest.raises(limits.Spent) as spent:
        limits.attempt(*counters)
    return spent.value


@pytest.mark.django_db
def test_a_try_counts_under_all_its_limits_or_under_none() -> None:
    """Whoever has no tries left must not use up those of everybody behind the same address."""
    for _ in range(3):
        limits.attempt((THREE, "a"), (MANY, "net"))
    for _ in range(4):
        assert refused((THREE, "a"), (MANY, "net")).minutes == 5
    assert tries() == {"test/a": 3, "many/net": 3}
    for _ in range(2):
        limits.attempt((THREE, "b"), (MANY, "net"))
    assert refused((THREE, "c"), (MANY, "net")).minutes == 60
    assert refused((THREE, "a"), (MANY, "net")).minutes == 60, "the longer of two waits"
    assert tries() == {"test/a": 3, "test/b": 2, "many/net": 5}


@pytest.mark.django_db
def test_a_refused_try_does_not_lengthen_the_wait() -> None:
    for _ in range(3):
        limits.attempt((THREE, "a"))
    end = Throttle.objects.get().ends_at
    for _ in range(5):
        assert refused((THREE, "a")).until == end
    Throttle.objects.update(ends_at=timezone.now())
    limits.attempt((THREE, "a"))


@pytest.mark.django_db
def test_right_ones_cost_nothing_and_leave_nothing() -> None:
    for _ in range(10):
        limits.attempt((THREE, "a"), (MANY, "net")).give_back()
    assert tries() == {}
    limits.attempt((THREE, "a"))
    limits.attempt((THREE, "a"), (MANY, "net")).give_back()
    assert tries() == {"test/a": 1}


@pytest.mark.django_db
def test_giving_back_is_once_never_below_zero_and_never_in_a_later_window() -> None:
    first, second = limits.attempt((THREE, "a")), limits.attempt((THREE, "a"))
    for _ in range(3):
        first.give_back()
    assert tries() == {"test/a": 1}
    Throttle.objects.update(tries=0)
    second.give_back()
    assert tries().get("test/a", 0) == 0
    old = limits.attempt((THREE, "b"))
    Throttle.objects.filter(key="test/b").update(ends_at=timezone.now())
    limits.attempt((THREE, "b"))
    old.give_back()
    assert tries()["test/b"] == 1


_WORKER = """
import os, sys
from datetime import timedelta
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from portal import limits
account = limits.Limit("account", 20, timedelta(minutes=5))
network = limits.Limit("network", 300, timedelta(hours=1))
print("ready", flush=True)
sys.stdin.readline()
def passes(*counters):
    try:
        return limits.attempt(*counters)
    except limits.Spent:
        return None
wrong = [passes((account, "a"), (network, "n")) for _ in range(50)]
right = 0
for _ in range(50):
    if found := passes((limits.Limit("right", 4, timedelta(hours=1)), "r"), (network, "n")):
        found.give_back()
        right += 1
print(sum(map(bool, wrong)), right)
"""


@pytest.mark.django_db(transaction=True)
def test_of_tries_from_four_processes_exactly_the_limit_get_through() -> None:
    """200 at once. Right ones cost nothing, however many come together with others."""
    command = [sys.executable, "-c", _WORKER, str(connection.settings_dict["NAME"])]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    workers = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert [sum(int(each[place]) for each in said) for place in (0, 1)] == [20, 200]
    assert tries() == {"account/a": 20, "network/n": 20}


def test_whether_a_limit_is_spent_decides_nothing() -> None:
    """Asked first and counted afterwards, limits let more in than they say when asked in parallel. Where a
    page says beforehand that one has to wait, what decides is an `attempt`."""
    says_so = {"sharing/enter_code/session_codes.py"}
    for path in modules(*APPS):
        walked = ast.walk(ast.parse((ROOT / path).read_text()))
        names = {node.attr for node in walked if isinstance(node, ast.Attribute)}
        if str(path) != "portal/limits.py" and "is_spent" in names:
            assert str(path) in says_so and "attempt" in names, path

"""The background tasks of the ground floor do what the services they call do, and end."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal import tasks
from portal.mail import outbox
from portal.models import Throttle
from tests.cast import Cast


def test_sending_goes_on_until_nothing_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [20, 20, 3, 0, 99]
    monkeypatch.setattr(outbox, "deliver_due", lambda: batches.pop(0))
    tasks.deliver_due_email()
    assert batches == [99]


def test_sending_stops_before_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that ran on would be killed in the middle of a message."""
    moments = iter([0, tasks.LONGEST_SENDING_SECONDS - 1, tasks.LONGEST_SENDING_SECONDS])
    monkeypatch.setattr(tasks.time, "monotonic", lambda: next(moments))
    sent: list[int] = []
    monkeypatch.setattr(outbox, "deliver_due", lambda: sent.append(20) or 20)
    tasks.deliver_due_email()
    assert len(sent) == 2


def test_what_is_over_is_forgotten_and_nothing_else(db: None) -> None:
    now = timezone.now()
    for name, ends_at in (("over", now - timedelta(seconds=1)), ("running", now + timedelta(hours=1))):
        Throttle.objects.create(key=name, tries=1, ends_at=ends_at)
        Session.objects.create(session_key=name, session_data="", expire_date=ends_at)
    tasks.forget_old_throttles()
    tasks.forget_ended_sessions()
    assert list(Throttle.objects.values_list("key", flat=True)) == ["running"]
    assert list(Session.objects.values_list("session_key", flat=True)) == ["running"]


def test_demo_data_is_only_for_an_empty_portal(cast: Cast) -> None:
    with pytest.raises(CommandError, match="There are people in the database already"):
        call_command("demo")

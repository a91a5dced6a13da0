"""Nudging a worker: on commit, by a name that is a task, and harmless when it is lost."""

import re
from typing import Any

import pytest
from django.db import transaction

from portal import celery
from tests.test_architecture import APPS, ROOT, modules

NUDGED = re.compile(r"celery\.nudge\((.*)\)")


def test_every_name_that_is_nudged_is_a_task() -> None:
    """A name is not looked up where it is sent: with a letter wrong no worker would ever take it."""
    celery.app.loader.import_default_modules()
    texts = [(ROOT / path).read_text() for path in modules(*APPS)]
    names = [name for text in texts for name in NUDGED.findall(text)]
    assert len(names) >= 3
    assert {name.strip('"') for name in names} <= set(celery.app.tasks)


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_nudged_by_what_is_committed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(celery.app, "send_task", lambda name, **options: sent.append((name, options)))
    with transaction.atomic():
        celery.nudge("portal.tasks.deliver_due_email")
        assert sent == []
    once = {"retry": False, "expires": 60, "ignore_result": True}
    assert sent == [("portal.tasks.deliver_due_email", once)]
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        celery.nudge("portal.tasks.deliver_due_email")
        1 / 0  # noqa: B018
    assert len(sent) == 1

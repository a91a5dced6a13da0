"""The Celery application: workers and beat start from here."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.db import transaction

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def leave_logging_alone(**kwargs: Any) -> None:
    """Celery would add handlers of its own, which pass codes by the filter in Django's LOGGING."""


def nudge(name: str) -> None:
    """Ask a worker to run the task of this name as soon as the current transaction commits.

    Harmless if it is lost: beat asks by itself before long. By name, so that what asks imports no tasks,
    which import it.
    """

    def send() -> None:
        app.send_task(name, retry=False, expires=60, ignore_result=True)

    transaction.on_commit(send, robust=True)

"""Background work of the ground floor. Tasks only call services."""

import time

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore

from portal import limits
from portal.accounts import adapter as accounts_adapter
from portal.activity.record import Origin, acting_from
from portal.mail import outbox

# A task takes no further batch after this; beat starts the next in ten seconds.
LONGEST_SENDING_SECONDS = 60


@shared_task(name="portal.tasks.deliver_due_email")
def deliver_due_email() -> None:
    """Send e-mail until nothing is due, well within the time a task may take."""
    end = time.monotonic() + LONGEST_SENDING_SECONDS
    with acting_from(Origin(via="worker")):
        while outbox.deliver_due() and time.monotonic() < end:
            pass


@shared_task(name="portal.tasks.forget_old_throttles")
def forget_old_throttles() -> None:
    """Tidy counters whose window is over."""
    limits.forget_ended()


@shared_task(name="portal.tasks.forget_ended_sessions")
def forget_ended_sessions() -> None:
    """Delete sessions that are over."""
    SessionStore.clear_expired()


@shared_task(name="portal.tasks.forget_unconfirmed_accounts")
def forget_unconfirmed_accounts() -> None:
    """Delete sign-ups whose address nobody confirmed."""
    accounts_adapter.forget_unconfirmed()

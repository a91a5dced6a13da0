"""Background work of sharing. Tasks only call services."""

from celery import shared_task

from organisations import inviting
from portal.activity.record import Origin, acting_from
from sharing.access import reminders as access_reminders
from sharing.bulk import jobs
from sharing.invitations import withdrawing
from sharing.requests import services as requests
from sharing.reviews import reminders as reviews_reminders
from sharing.tab import undoing
from sharing.transfers import services as transfers


@shared_task(name="sharing.tasks.settle_expired_invitations")
def settle_expired_invitations() -> None:
    """Mark invitations of every kind and codes that have run out, and tell those who made them."""
    with acting_from(Origin(via="worker")):
        withdrawing.settle_expired_invitations()
        inviting.settle_expired_invitations()
        transfers.settle_expired()


@shared_task(name="sharing.tasks.remind_of_ends")
def remind_of_ends() -> None:
    """Remind both sides of access that is about to end."""
    with acting_from(Origin(via="worker")):
        access_reminders.remind_of_ends()


@shared_task(name="sharing.tasks.ask_for_reviews")
def ask_for_reviews() -> None:
    """Ask those for whom it is time to review who has access."""
    with acting_from(Origin(via="worker")):
        reviews_reminders.ask_those_due()


@shared_task(name="sharing.tasks.look_up_requests")
def look_up_requests() -> None:
    """Find the locations that were asked for by their number, and tell those who manage them."""
    with acting_from(Origin(via="worker")):
        requests.look_up_due()


@shared_task(name="sharing.tasks.answer_what_is_over")
def answer_what_is_over() -> None:
    """Answer who asked to use an invitation that was renewed, or has run out, meanwhile."""
    with acting_from(Origin(via="worker")):
        requests.answer_what_is_over()


@shared_task(name="sharing.tasks.forget_old_requests")
def forget_old_requests() -> None:
    """Delete requests to be let in that nobody answered in time."""
    requests.forget_old()


@shared_task(name="sharing.tasks.work_off_jobs")
def work_off_jobs() -> None:
    """Do what was ordered about many locations, well within the time a task may take."""
    with acting_from(Origin(via="worker")):
        jobs.work_off()


@shared_task(name="sharing.tasks.forget_drafts")
def forget_drafts() -> None:
    """Delete previews of jobs that nobody has confirmed, and what can be undone no longer."""
    jobs.forget_drafts()
    undoing.forget_old()

"""Background work of locations. Tasks only call services."""

from celery import shared_task

from locations import services
from portal.activity.record import Origin, acting_from


@shared_task(name="locations.tasks.settle_ended_access")
def settle_ended_access() -> None:
    """Tidy access whose end date has come."""
    with acting_from(Origin(via="worker")):
        services.settle_ended_access()

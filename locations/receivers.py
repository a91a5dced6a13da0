"""What locations do when something ends on a floor below, in the same transaction."""

from typing import Any

from django.dispatch import receiver

from locations import handover
from organisations.models import Organisation
from organisations.signals import organisation_closed, organisation_closing
from portal.models import User


@receiver(organisation_closing)
def refuse_if_left_to_nobody(organisation: Organisation, **kwargs: Any) -> None:
    """An organisation with a location that nobody else manages is not deleted."""
    handover.refuse_if_left_to_nobody(organisation)


@receiver(organisation_closed)
def end_access(organisation: Organisation, by: User, **kwargs: Any) -> None:
    """Its access ends with it."""
    handover.end_all_of(organisation, by)

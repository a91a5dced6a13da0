"""What became of an e-mail after the mail provider took it: sent → delivered → bounced, complained or failed.

The provider tells it in its own time (`portal.mail.webhooks`): twice, late, or in another order than it
happened. So each step is one conditional UPDATE, which never goes back (docs/rules.md, "Delivery").
"""

import re
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, tracking
from django.db import transaction
from django.dispatch import receiver

from portal.failures import Failure, failure_of
from portal.lib.addresses import spelled
from portal.models import OutgoingEmail
from portal.signals import delivery_changed

Status = OutgoingEmail.Status

# From which status an e-mail comes to each. A server may bounce later what it took at first, so a bounce
# follows a delivery and not the other way round; nothing follows a complaint.
_COMES_FROM = {
    Status.DELIVERED: [Status.SENT],
    Status.FAILED: [Status.SENT],
    Status.BOUNCED: [Status.SENT, Status.DELIVERED],
    Status.COMPLAINED: [Status.SENT, Status.DELIVERED, Status.BOUNCED, Status.FAILED],
}
_STATUS_OF = {
    EventType.DELIVERED: Status.DELIVERED,
    EventType.BOUNCED: Status.BOUNCED,
    EventType.REJECTED: Status.FAILED,
    EventType.FAILED: Status.FAILED,
    EventType.COMPLAINED: Status.COMPLAINED,
}


@receiver(tracking)
def heard(sender: Any, event: AnymailTrackingEvent, **kwargs: Any) -> None:
    """The provider reports something of an e-mail; whatever is not about its arrival is nothing to us."""
    status = _STATUS_OF.get(event.event_type)
    if status is None or not event.message_id or not event.recipient:
        return
    if status == Status.BOUNCED and (event.description or "").startswith("Transient: General"):
        # Amazon calls an out-of-office reply so, too: it takes no delivery back.
        status = Status.FAILED
    note(
        provider_id=event.message_id,
        address=event.recipient,
        status=status,
        failure="" if status == Status.DELIVERED else _failure(event),
    )


@transaction.atomic
def note(*, provider_id: str, address: str, status: Status, failure: str) -> bool:
    """Write down what became of the e-mail the provider knows by this id; whether that was news."""
    before = OutgoingEmail.objects.filter(provider_id=provider_id, status__in=_COMES_FROM[status])
    # The provider reports the address as it stood on the envelope, with a domain of ASCII.
    email = next((each for each in before if spelled(each.address) == spelled(address)), None)
    if email is None or not before.filter(pk=email.pk).update(status=status, failure=failure):
        return False
    email.status, email.failure = status, failure
    delivery_changed.send(sender=OutgoingEmail, email=email)
    return True


def _failure(event: AnymailTrackingEvent) -> Failure:
    """The class of what the provider says, from what the other mail server answered if that is known."""
    if event.event_type == EventType.COMPLAINED:
        return Failure.COMPLAINT
    if event.reject_reason == RejectReason.INVALID:
        return Failure.ADDRESS
    # Postmark's descriptions give examples in brackets of what it may have been.
    described = re.sub(r"\(.*?\)", "", str(event.description or ""))
    found = failure_of(f"{event.mta_response or ''} {described}")
    if found == Failure.OTHER and event.reject_reason in (RejectReason.BLOCKED, RejectReason.SPAM):
        return Failure.REFUSED
    return found

"""Deleting an organisation. Its row stays, because the record and what it once shared refer to it."""

from unicodedata import normalize

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organisations import emails, joining
from organisations.models import JoinRequest, Organisation
from organisations.services import drop_member, lock_organisation, require_administrator
from organisations.signals import organisation_closed, organisation_closing, organisation_locking
from portal.activity.record import record
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb


@transaction.atomic
def close_organisation(*, organisation: Organisation, by: User, name: str) -> None:
    """Delete it: memberships, requests to join, its key and, on the floors above, its access end; all its
    members are told.

    `name` is what `by` typed to confirm. Raises Refusal beside `name` where it is another, and where it holds
    a location that nobody else manages.
    """
    organisation = lock_organisation(organisation)
    require_administrator(by, organisation)
    if _folded(name) != _folded(organisation.name):
        raise Refusal(
            _("Type the name as it stands here: {organisation}").format(organisation=organisation.name),
            field="name",
        )
    organisation_locking.send(sender=Organisation, organisation=organisation)
    organisation_closing.send(sender=Organisation, organisation=organisation, by=by)
    emails.queue_organisation_closed(organisation, by)
    for membership in organisation.memberships.by_name():
        drop_member(membership=membership, by=by)
    for request in organisation.join_requests.filter(state=JoinRequest.State.PENDING).select_related("user"):
        joining.settle_as_refused(request, by)
    organisation_closed.send(sender=Organisation, organisation=organisation, by=by)
    organisation.closed_at = timezone.now()
    # Whoever has the key, and looked it up before this, finds another one in its place.
    organisation.renew_key()
    organisation.save(update_fields=["closed_at", "key_nonce", "key_digest"])
    record(Verb.ORGANISATION_CLOSED, by=by, organisation=organisation)


def _folded(name: str) -> str:
    return " ".join(normalize("NFKC", name).casefold().split())

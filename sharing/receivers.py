"""What sharing does when something ends on a floor below, in the same transaction."""

from collections.abc import Callable
from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.db.models import Q
from django.dispatch import receiver

from locations.models import Access, Location
from locations.services import lock_each
from locations.signals import access_grew, accesses_ended
from organisations.models import MemberInvitation, Organisation
from organisations.record import of_invitation as of_member_invitation
from organisations.signals import (
    membership_began,
    membership_beginning,
    membership_ended,
    organisation_closing,
    organisation_locking,
)
from portal.accounts.deletion import Obstacle
from portal.activity.record import record_all
from portal.models import Activity, OutgoingEmail, User
from portal.signals import (
    account_closing,
    account_obstacles,
    address_confirming,
    delivery_changed,
    invitations_over,
)
from portal.verbs import Verb
from sharing.access import membership, removing, settling
from sharing.deletion import account as deletion_account
from sharing.invitations import withdrawing
from sharing.models import AccessRequest, Invitation, Transfer
from sharing.record import of_invitation, of_transfer
from sharing.requests import emails as requests_emails
from sharing.requests import services as requests
from sharing.signals import requests_refused


@receiver(membership_ended)
def withdraw_invitations(organisation: Organisation, user: User, by: User, **kwargs: Any) -> None:
    """Open invitations and codes of somebody who may no longer share the location are withdrawn; and what is
    open to somebody who was put out."""
    membership.lock_what_ends(organisation, user, by)
    withdrawing.withdraw_of_former_member(organisation=organisation, user=user, by=by)
    withdrawing.withdraw_transfers_of_former_member(user=user, by=by)
    membership.take_back_from(organisation, user, by)


@receiver(membership_beginning)
def lock_what_waits(organisation: Organisation, user: User, **kwargs: Any) -> None:
    """Before the lock on the person, which comes last."""
    membership.lock_what_waits(organisation, user)


@receiver(membership_began)
def settle_what_waits_for_member(organisation: Organisation, user: User, **kwargs: Any) -> None:
    """What somebody sees as a member by now waits for them no longer."""
    settling.settle_what_waits(membership.where_something_waits(organisation, user))
    settling.settle_requests_of_member(organisation, user)


@receiver(access_grew)
def settle_what_waits(locations: list[Location], **kwargs: Any) -> None:
    """What was got another way settles what waits."""
    settling.settle_what_waits(locations)


@receiver(address_confirming)
def lock_what_waits_at(email: str, **kwargs: Any) -> None:
    """Before the locks on people, which come later."""
    settling.lock_what_waits_at(email)


@receiver(email_confirmed)
def settle_what_waits_at(email_address: EmailAddress, **kwargs: Any) -> None:
    """What was sent to an address, and its person has by now. The locks are `lock_what_waits_at`'s."""
    settling.settle_what_waits_at(email_address.email)


@receiver(invitations_over)
def answer_who_asked_to_use(sender: type, ids: list[int], **kwargs: Any) -> None:
    """Everybody who asked to use an invitation gets an answer once it can be used no longer."""
    requests.refuse_what_is_over(sender, ids)


@receiver(requests_refused)
def tell_who_asked(requests: list[AccessRequest], **kwargs: Any) -> None:
    """Whoever asked is told."""
    requests_emails.queue_answers(requests)


@receiver(account_obstacles)
def say_what_stands_in_the_way(user: User, **kwargs: Any) -> list[Obstacle]:
    """Organisations and locations that would be left to nobody."""
    return deletion_account.obstacles(user)


@receiver(account_closing)
def end_what_hangs_on_the_account(user: User, **kwargs: Any) -> None:
    """Memberships, access and invitations of somebody who deletes their account."""
    deletion_account.end_all_of(user)


@receiver(accesses_ended)
def withdraw_after(accesses: list[Access], by: User, **kwargs: Any) -> None:
    """So are those of an organisation that has lost or passed on its locations, and codes its people know."""
    removing.withdraw_after(accesses, by)


@receiver(organisation_locking)
def lock_all_it_concerns(organisation: Organisation, **kwargs: Any) -> None:
    """The locations it has, and those its members or others have sent invitations for: in one order."""
    held = Access.objects.live().filter(organisation=organisation)
    open_ones = Invitation.objects.unsettled().filter(
        Q(organisation=organisation) | Q(invited_by__in=organisation.memberships.values("user"))
    )
    transfers = Transfer.objects.open().filter(invited_by__in=organisation.memberships.values("user"))
    concerned = Q()
    for rows in (held, open_ones, transfers):
        concerned |= Q(pk__in=rows.values("location"))
    lock_each(Location.objects.filter(concerned))


@receiver(organisation_closing)
def withdraw_from_organisation(organisation: Organisation, by: User, **kwargs: Any) -> None:
    """What was sent to an organisation that will be no more can be accepted by nobody.

    Before its access ends: giving somebody its place takes the lock on that person, which comes last.
    """
    withdrawing.withdraw_sent_to(organisation=organisation, by=by)


# Which e-mails are invitations, of what, by which column that is found, and how it is recorded.
_INVITATIONS: dict[str, tuple[Any, str, Callable[..., Activity]]] = {
    "invitation": (Invitation, "uuid", of_invitation),
    "offer": (Invitation, "offer__uuid", of_invitation),
    "transfer": (Transfer, "uuid", of_transfer),
    "member-invitation": (MemberInvitation, "uuid", of_member_invitation),
}


@receiver(delivery_changed)
def record_delivery(email: OutgoingEmail, **kwargs: Any) -> None:
    """Whether an invitation reached its reader belongs to the record of its location or organisation."""
    if email.kind not in _INVITATIONS:
        return
    model, column, entry = _INVITATIONS[email.kind]
    delivered = email.status == OutgoingEmail.Status.DELIVERED
    verb = Verb.INVITATION_DELIVERED if delivered else Verb.INVITATION_UNDELIVERED
    details = {} if delivered else {"failure": email.failure}
    entries = []
    for invitation in model.objects.filter(**{column: email.about}).with_all():
        if invitation.email:
            # Where it was sent to: the address may have been corrected since.
            invitation.email = email.address
        entries.append(entry(verb, invitation, None, **details))
    record_all(entries)

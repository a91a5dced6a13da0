"""Deleting one's own account (product rule 1).

The row of the person stays, emptied, because accesses, invitations and the record point to it. What hangs on
the account is ended by the floors above, who are told by `portal.signals`.
"""

from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.accounts.addresses import verified_addresses
from portal.activity.record import record
from portal.errors import Refusal
from portal.mail import outbox
from portal.models import FormerAddress, OutgoingEmail, User, digest_of
from portal.signals import account_closing, account_obstacles
from portal.verbs import Verb


@dataclass(frozen=True)
class Obstacle:
    """Why an account cannot be deleted yet: a sentence, and the address of the page where that is mended."""

    sentence: str
    url: str


def obstacles(user: User) -> list[Obstacle]:
    """Everything that stands in the way of deleting this account."""
    answers: list[Any] = account_obstacles.send(sender=User, user=user)
    return [obstacle for _receiver, found in answers for obstacle in found]


@transaction.atomic
def close_account(*, user: User) -> None:
    """Delete the account of `user`. It ends at once in every browser; a last e-mail says so.

    The same address can sign up anew and gets nothing of what this account had. Raises Refusal where
    something stands in the way, or came meanwhile.
    """
    account_closing.send(sender=User, user=user)
    user = lock_person(user)
    # One they never showed to be theirs may be somebody else's, and so is the mail that waits for it.
    addresses = set(verified_addresses(user))
    record(Verb.ACCOUNT_DELETED, by=user)
    _drop_mail(user, addresses)
    if user.email in addresses:
        _queue_farewell(user)
    # Nobody's own stands for somebody without any: by a row of theirs the record knows who did what.
    _remember(user, addresses or {user.address_of_nobody})
    _empty(user)


def lock_person(user: User) -> User:
    """The person as they are now; nobody gives them anything before this transaction ends (`lock_receiver`).

    For whatever ends an account. Taken after every lock on an organisation or a location
    (docs/architecture.md). Raises Refusal when it is deleted.
    """
    locked: User = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if locked.deleted_at:
        raise Refusal(_("This account has been deleted."))
    return locked


def _drop_mail(user: User, addresses: set[str]) -> None:
    """What waits for them is not sent, and what was sent no longer says where to."""
    letters = OutgoingEmail.objects.filter(Q(recipient=user) | Q(address__in=addresses))
    waiting = [OutgoingEmail.Status.QUEUED, OutgoingEmail.Status.SENDING]
    letters.filter(status__in=waiting).update(status=OutgoingEmail.Status.OBSOLETE)
    # A mail server's refusal names the address, too.
    letters.update(address=user.address_of_nobody, last_error="")


def _queue_farewell(user: User) -> None:
    """To the address itself: the account it was sent for is no more."""
    outbox.queue(
        "account-deleted",
        key=f"account-deleted/{user.uuid}",
        address=user.email,
        language=get_language() or user.language,
    )


def _remember(user: User, addresses: set[str]) -> None:
    """Keep what tells the record whom to call deleted, and gives nobody an address."""
    FormerAddress.objects.bulk_create(
        FormerAddress(user=user, digest=digest_of(address), closed_at=timezone.now()) for address in addresses
    )


def _empty(user: User) -> None:
    EmailAddress.objects.filter(user=user).delete()
    user.groups.clear()
    user.email, user.name = user.address_of_nobody, ""
    user.is_active = user.is_staff = False
    user.deleted_at = timezone.now()
    # Sessions carry a digest of the password: this ends every one.
    user.set_unusable_password()
    user.save()

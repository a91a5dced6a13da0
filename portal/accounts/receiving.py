"""To whom something can be given: access, a place in an organisation, a role (product rule 1).

Support staff are never given anything, and neither is whose account is closed. What they hold from before
stays, and ends as anybody's does. Everything is given by `locations.services.give_all` or
`organisations.services.add_member`, which ask `lock_receiver`; so does whatever gives more to who has
something already (`sharing.access.changing.apply`, `organisations.services.change_role`, undoing). Who takes
something up themselves is asked before, by `refuse_support`, for an organisation of theirs as well.
"""

from django.utils.translation import gettext_lazy as _

from portal.errors import Refusal
from portal.models import User

NOT_FOR_SUPPORT = _("Support staff are given no access. Sign in with an account that is not for support.")
# Whoever gives is not told why: nobody need know who works for support.
CANNOT_RECEIVE = _("Nothing can be given to this account. Ask them to use another one.")


class CannotReceive(Refusal):
    """Whatever somebody was to be given, their account is none that is given anything."""


def can_receive(user: User) -> bool:
    """Whether something can be given to them, as `user` was read."""
    return user.is_active and not user.is_staff


def lock_receiver(user: User, *, by: User | None) -> User:
    """The person as they are now; they stay somebody to whom something can be given until this transaction
    ends.

    For whatever gives somebody a place or access. Taken after every lock on an organisation or a location
    (docs/architecture.md). Raises CannotReceive, worded for `by`, who may be the person.
    """
    locked: User = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if locked == by:
        refuse_support(locked)
    if not can_receive(locked):
        raise CannotReceive(CANNOT_RECEIVE)
    return locked


def refuse_support(by: User) -> None:
    """Raises CannotReceive to support staff, who take nothing up, for themselves or for others."""
    if by.is_staff:
        raise CannotReceive(NOT_FOR_SUPPORT)

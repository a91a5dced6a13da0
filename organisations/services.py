"""The verbs of organisations. Membership and auth group are written here, together, and nowhere else.

Every change of members locks the organisation's row first: two Administrators who leave at the same moment
then come one after the other, and the second is refused.
"""

from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from organisations import emails
from organisations.models import Membership, Organisation
from organisations.permissions import is_administrator, is_last_administrator
from organisations.settling import (
    settle_invitations_of_member,
    settle_request_of_member,
    withdraw_of_former_administrator,
    withdraw_of_former_member,
)
from organisations.signals import membership_began, membership_beginning, membership_ended
from portal import codes, limits
from portal.accounts.receiving import lock_receiver, refuse_support
from portal.activity.record import record
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb


@transaction.atomic
def create_organisation(
    *, name: str, by: User, country: str = "DK", language: str = "en-gb", uuid: UUID | None = None
) -> Organisation:
    """A new organisation with its Organisation Key; `by` becomes its first Administrator.

    `uuid` is what the form was shown for: sent twice with the same name, it makes one organisation. Raises
    Refusal to support staff.
    """
    refuse_support(by)
    organisation = Organisation(name=name, country=country, language=language, uuid=uuid or uuid4())
    # Two organisations may have one name, auth groups may not; of two clicks at once, one makes the group.
    organisation.group, is_new = Group.objects.get_or_create(name=f"organisation {organisation.uuid}")
    if not is_new:
        made: Organisation | None = Organisation.objects.of(by).filter(uuid=uuid, name=name).first()
        return made or create_organisation(name=name, by=by, country=country, language=language)
    organisation.renew_key()
    organisation.save()
    record(Verb.ORGANISATION_CREATED, by=by, organisation=organisation)
    add_member(organisation=organisation, user=by, role=Membership.Role.ADMINISTRATOR, by=by)
    return organisation


@transaction.atomic
def change_organisation(*, organisation: Organisation, by: User, **fields: Any) -> Organisation:
    """Change any of its settings; old and new values are recorded."""
    organisation = lock_organisation(organisation)
    require_administrator(by, organisation)
    changes = {
        name: [str(getattr(organisation, name)), str(value)]
        for name, value in fields.items()
        if getattr(organisation, name) != value
    }
    for name in changes:
        setattr(organisation, name, fields[name])
    if changes:
        organisation.save(update_fields=list(changes))
        record(Verb.ORGANISATION_CHANGED, by=by, organisation=organisation, changes=changes)
    return organisation


@transaction.atomic
def replace_key(*, organisation: Organisation, by: User, version: str = "") -> Organisation:
    """A new Organisation Key; the old one stops at once, and every Administrator is told.

    `version` says which key `by` was shown (`Organisation.key_version`; empty: whichever it is). Raises
    Refusal where that one was replaced meanwhile, by a second click or by somebody else.
    """
    organisation = lock_organisation(organisation)
    require_administrator(by, organisation)
    if version not in ("", organisation.key_version):
        raise Refusal(_("The Organisation Key has just been replaced. It was not replaced again."))
    organisation.renew_key()
    organisation.save(update_fields=["key_nonce", "key_digest"])
    record(Verb.KEY_REPLACED, by=by, organisation=organisation)
    emails.queue_key_replaced(organisation, by)
    return organisation


@transaction.atomic
def add_member(*, organisation: Organisation, user: User, role: Membership.Role, by: User) -> Membership:
    """Make `user` a member, whatever way they came; an open request of theirs to join is approved by that,
    and what invitations into it wait for them are withdrawn.

    Somebody who is one already stays as they are, role included. Raises Refusal for a person to whom nothing
    can be given.
    """
    organisation = lock_organisation(organisation)
    membership_beginning.send(sender=Membership, organisation=organisation, user=user)
    user = lock_receiver(user, by=by)
    membership, created = Membership.objects.get_or_create(
        organisation=organisation, user=user, defaults={"role": role, "added_by": by}
    )
    if created:
        user.groups.add(organisation.group)
        settle_request_of_member(organisation, user, by)
        _record_member(Verb.MEMBER_JOINED, membership, by, role=role)
        membership_began.send(sender=Membership, organisation=organisation, user=user)
        # After what they ask for is settled: who asks to use what is withdrawn is refused.
        settle_invitations_of_member(organisation, user)
    return membership


@transaction.atomic
def change_role(*, membership: Membership, by: User, role: Membership.Role) -> Membership:
    """Give a member another role. Raises Refusal where it would leave no Administrator, or make one of
    somebody to whom nothing can be given."""
    organisation = lock_organisation(membership.organisation)
    require_administrator(by, organisation)
    membership = _current(membership)
    if membership.role != role:
        if role == Membership.Role.ADMINISTRATOR:
            lock_receiver(membership.user, by=by)
        else:
            _refuse_if_last(membership)
        before, membership.role = membership.role, role
        membership.save(update_fields=["role"])
        _record_member(Verb.ROLE_CHANGED, membership, by, changes={"role": [before, role]})
        if role != Membership.Role.ADMINISTRATOR:
            withdraw_of_former_administrator(organisation, membership.user, by)
        if membership.user_id != by.pk:
            emails.queue_role_changed(membership, by)
    return membership


@transaction.atomic
def end_membership(*, membership: Membership, by: User) -> None:
    """Leave, or remove somebody. What comes through the organisation ends at once; what was given to the
    person stays. Raises Refusal to the last Administrator, and to whoever may not remove others.
    """
    organisation = lock_organisation(membership.organisation)
    leaves = membership.user_id == by.pk
    if not leaves:
        require_administrator(by, organisation)
    membership = _current(membership)
    _refuse_if_last(membership)
    drop_member(membership=membership, by=by)
    if not leaves:
        emails.queue_membership_ended(organisation, membership.user, by)


def drop_member(*, membership: Membership, by: User) -> None:
    """End a membership and its rights, under the caller's lock on the organisation and by its decision."""
    organisation, user = membership.organisation, membership.user
    _record_member(Verb.MEMBER_LEFT if user == by else Verb.MEMBER_REMOVED, membership, by)
    membership.delete()
    user.groups.remove(organisation.group)
    withdraw_of_former_administrator(organisation, user, by)
    withdraw_of_former_member(organisation, user, by)
    membership_ended.send(sender=Membership, organisation=organisation, user=user, by=by)


@transaction.atomic
def mend_group(organisation: Organisation) -> None:
    """Make the auth group hold exactly the members. `add_member` and `end_membership` keep it so; this is for
    what somebody wrote past them, and `manage.py check_access --repair` calls it.
    """
    # A deleted one, too, which `lock_organisation` refuses: nobody may be left in its group.
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    organisation.group.user_set.set(organisation.memberships.values_list("user_id", flat=True))


def find_by_key(*, key: str, by: User, network: str) -> Organisation:
    """The organisation that `key` belongs to. Whoever has its key may know its name.

    Raises Refusal beside the field `key`: mistyped (costs no attempt), unknown (unknown, replaced and
    invented keys alike), or too many wrong ones from this account or this network. A right key is looked up
    before the network is asked, so that colleagues behind one address cannot use up each other's tries
    (docs/decisions/0003-codes.md).
    """
    try:
        normalised = codes.normalise(key, length=codes.ORGANISATION_KEY_LENGTH)
    except codes.Mistyped:
        raise Refusal(_MISTYPED_KEY if key.strip() else _NO_KEY, field="key") from None
    try:
        guess = limits.attempt((limits.WRONG_KEY_BY_ACCOUNT, by.pk))
    except limits.Spent:
        raise Refusal(_TOO_MANY_KEYS, field="key") from None
    organisation: Organisation | None = Organisation.objects.with_key(normalised).first()
    if organisation is None:
        within = limits.count(limits.WRONG_KEY_BY_ADDRESS, network)
        raise Refusal(UNKNOWN_KEY if within else _TOO_MANY_KEYS, field="key", looked_up=True)
    guess.give_back()
    return organisation


def lock_organisation(organisation: Organisation) -> Organisation:
    """The organisation as it is now, locked until the transaction ends (SQLite locks as a whole).

    Raises Refusal where it was deleted: nothing begins there any more.
    """
    locked: Organisation = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    if locked.closed_at:
        raise Refusal(_("This organisation has been deleted."))
    return locked


def require_administrator(user: User, organisation: Organisation) -> None:
    """Raises Refusal unless this person is an Administrator now."""
    if not is_administrator(user, organisation):
        raise Refusal(_("Only an Administrator of the organisation can do this."))


def _current(membership: Membership) -> Membership:
    current: Membership | None = (
        Membership.objects.select_related("user", "organisation").filter(pk=membership.pk).first()
    )
    if current is None:
        raise Refusal(_("This person is no longer a member."))
    return current


def _refuse_if_last(membership: Membership) -> None:
    """There is always at least one Administrator (product rule 1). Call it under the organisation's lock."""
    if is_last_administrator(membership):
        raise Refusal(_("There must be at least one Administrator. Make somebody else Administrator first."))


def _record_member(verb: Verb, membership: Membership, by: User, **details: Any) -> None:
    record(
        verb,
        by=by,
        organisation=membership.organisation,
        party=str(membership.user),
        party_address=membership.user.email,
        **details,
    )


_NO_KEY = _("Enter the Organisation Key of the organisation.")
_MISTYPED_KEY = _(
    "There is a typing error in this key. It has 16 letters and digits in groups of four; check each one."
)
_TOO_MANY_KEYS = _("Those were too many wrong keys. Try again in an hour.")
UNKNOWN_KEY = _("No organisation has this key. Check it with the organisation; keys can be replaced.")

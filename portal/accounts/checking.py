"""What is wrong with whose address is whose, for `manage.py check_accounts`. Changes nothing."""

from collections import defaultdict
from collections.abc import Iterator

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef

from portal.lib.addresses import spelled
from portal.models import User


def problems() -> dict[str, list[str]]:
    """By what is wrong, the accounts or addresses that are concerned. Empty where all is well.

    Sign-ups that nobody has confirmed yet, and deleted accounts, are nothing to mend.
    """
    found = {
        "Accounts without a confirmed address, by which nobody can sign in": _without_address(),
        "Main address not confirmed": _main_not_confirmed(),
        "Several accounts of one mailbox": _of_one_mailbox(),
        "Addresses not in the one spelling": _otherwise_spelled(),
    }
    return {wrong: concerned for wrong, each in found.items() if (concerned := sorted(each))}


def _confirmed(**which: object) -> Exists:
    return Exists(EmailAddress.objects.filter(user=OuterRef("pk"), verified=True, **which))


def _without_address() -> Iterator[str]:
    """Such as the migration to one spelling leaves: who had the same mailbox and signed in longer ago."""
    used = User.objects.filter(deleted_at=None).exclude(_confirmed())
    for user in used:
        if user.email == user.address_of_nobody or user.last_login or user.is_staff:
            yield _named(user)


def _main_not_confirmed() -> Iterator[str]:
    main = _confirmed(email=OuterRef("email"))
    yield from map(_named, User.objects.filter(_confirmed(), deleted_at=None).exclude(main))


def _of_one_mailbox() -> Iterator[str]:
    owners: dict[str, set[str]] = defaultdict(set)
    confirmed = EmailAddress.objects.filter(verified=True).select_related("user")
    for address in confirmed.iterator():
        owners[spelled(address.email)].add(_named(address.user))
    yield from (f"{address}: {', '.join(sorted(who))}" for address, who in owners.items() if len(who) > 1)


def _otherwise_spelled() -> Iterator[str]:
    for rows in (User.objects.filter(deleted_at=None), EmailAddress.objects.all()):
        for address in rows.values_list("email", flat=True).iterator():
            if address != spelled(address):
                yield address


def _named(user: User) -> str:
    return f"{user.name or user.email} ({user.uuid})"

"""What waits for one person and what they have sent: the Invitations page, and the count in the menu."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Model, Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime

from portal.invitation_mail import delivery
from portal.invitations import AbstractInvitation
from portal.models import User
from portal.paging import Around, beyond, page_around
from portal.prepared import Prepared
from sharing.kinds import KINDS
from sharing.models import AccessRequest, Invitation

# What waits is answered, not paged through; somebody with more starts with these.
SHOWN_WAITING = 50
SENT_PAGE_SIZE = 30
# What their e-mails are called in the outbox.
_MAIL = ("invitation", "member-invitation", "transfer", "offer")


class Asked(NamedTuple):
    """Requests, newest first: `of` somebody who has sent an invitation that another account would use, and
    `by` somebody who knows the number of a location."""

    of: list[AccessRequest]
    by: list[AccessRequest]


@dataclass
class Sent:
    """One page of what somebody has sent and nobody has answered, newest first."""

    invitations: list[Any]
    next: str
    previous: str


def count_waiting(user: User | AnonymousUser) -> Counter[type[Model]]:
    """How much waits for this person's answer, of each kind. One query."""
    if not isinstance(user, User) or not user.is_active:
        return Counter()
    kinds = [*KINDS, AccessRequest]
    return Counter({kinds[number]: n for number, n in _COUNTED.rows(user.pk)})


def _count_waiting(user_pk: int) -> QuerySet[Any, Any]:
    # Active, as whoever is asked for.
    user = User(pk=user_pk, is_active=True)
    arms: list[QuerySet[Any]] = [kind.objects.addressed_to(user).open().on_their_own() for kind in KINDS]
    arms.append(AccessRequest.objects.open().about_sent_by(user))
    counts = [
        arm.order_by().values(which=Value(number)).annotate(n=Count("pk")).values_list("which", "n")
        for number, arm in enumerate(arms)
    ]
    together: QuerySet[Any, Any] = counts[0].union(*counts[1:], all=True)
    return together


# Every page asks it.
_COUNTED = Prepared(_count_waiting)


def waiting_for(user: User, limit: int = SHOWN_WAITING, kinds: Iterable[Any] = KINDS) -> list[Any]:
    """The invitations of these kinds that wait for this person, or an organisation they administer, newest
    first.

    One query for each kind.
    """
    found = [one for kind in kinds for one in kind.objects.waiting_for(user).on_their_own()[:limit]]
    return sorted(found, key=_key, reverse=True)[:limit]


def asked(user: User) -> Asked:
    """The requests that nobody has answered: put to this person, and by this person. One query."""
    rows = AccessRequest.objects.open().order_by("-asked_at")
    of, by = (arm.values("pk")[:SHOWN_WAITING] for arm in (rows.about_sent_by(user), rows.by_number_of(user)))
    found = list(AccessRequest.objects.filter(Q(pk__in=of) | Q(pk__in=by)).with_all())
    return Asked(
        of=[one for one in found if one.offer is not None], by=[one for one in found if one.offer is None]
    )


def sent_by(user: User, *, after: str = "", before: str = "") -> Sent:
    """What this person has sent and nobody has answered, across all locations and organisations.

    Each with `.undelivered`. One query for each kind and one for the e-mails, whatever there is.
    """

    def fetch(cursor: Any, backwards: bool, limit: int) -> list[Any]:
        order = ("invited_at", "uuid") if backwards else ("-invited_at", "-uuid")
        past = beyond(cursor, not backwards, key="invited_at", pk="uuid")
        found = [
            one
            for kind in KINDS
            for one in _sent(kind, user).filter(past).with_all().order_by(*order)[:limit]
        ]
        return sorted(found, key=_key, reverse=not backwards)[:limit]

    page = page_around(Around(after, before, SENT_PAGE_SIZE), fetch=fetch, read=_read, write=_write)
    _mark_undelivered(page[0])
    return Sent(*page)


def _sent(kind: type[AbstractInvitation], user: User) -> Any:
    """The open ones, and the expired until withdrawn or renewed. A code that has ended is of no use."""
    sent = kind.objects.unsettled().filter(invited_by=user).on_their_own()
    if kind is Invitation:
        sent = sent.exclude(kind="code", state="expired").exclude(kind="code", expires_at__lte=Now())
    return sent


def _mark_undelivered(invitations: list[Any]) -> None:
    found = delivery(_MAIL, invitations)
    for one in invitations:
        one.undelivered = found.get(one.nonce, "")


def _key(invitation: Any) -> tuple[datetime, str]:
    return invitation.invited_at, invitation.uuid.hex


def _write(invitation: Any) -> str:
    return f"{invitation.invited_at.isoformat()}~{invitation.uuid.hex}"


def _read(text: str) -> Any:
    moment, _separator, key = text.partition("~")
    try:
        at, uuid = parse_datetime(moment), UUID(key)
    except ValueError:
        return None
    return (at, uuid) if at and at.tzinfo else None

"""What waits for one person and what they have sent: the Invitations page, and the count in the menu."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Model, QuerySet, Value
from django.db.models.functions import Now

from portal.invitations.emails import delivery
from portal.invitations.models import AbstractInvitation
from portal.lib.cached_sql import Prepared
from portal.lib.paging import Around, beyond, moment_of, page_around, ticks_of
from portal.models import User
from sharing.kinds import KINDS
from sharing.models import AccessRequest, Invitation

# What waits is answered, not paged through; somebody with more starts with these.
SHOWN_WAITING = 50
SENT_PAGE_SIZE = 30
_KINDS = list(KINDS)
_OLDEST = ("invited_at", "uuid")
_NEWEST = ("-invited_at", "-uuid")
# What their e-mails are called in the outbox.
_MAIL = ("invitation", "member-invitation", "transfer", "offer")


class Asked(NamedTuple):
    """Requests, newest first: `of` somebody who has sent an invitation that another account would use, and
    `by` somebody who knows the number of a location."""

    of: list[AccessRequest]
    by: list[AccessRequest]


@dataclass
class Mine:
    """What the Invitations page lists, newest first: what waits, and a page of what this person has sent."""

    waiting: list[Any]
    sent: list[Any]
    next: str
    previous: str


class _Found(NamedTuple):
    """An invitation of any kind that is to be listed, in the order in which it is; `kind` as in `_KINDS`."""

    invited_at: datetime
    uuid: UUID
    kind: int
    pk: int


def count_waiting(user: User | AnonymousUser) -> Counter[type[Model]]:
    """How much waits for this person's answer, of each kind. One query."""
    if not isinstance(user, User) or not user.is_active:
        return Counter()
    kinds = [*KINDS, AccessRequest]
    return Counter({kinds[number]: n for number, n in _COUNTED.rows(user.pk)})


def _count_waiting(user_pk: int) -> QuerySet[Any, Any]:
    # Active, as whoever is asked for.
    user = User(pk=user_pk, is_active=True)
    arms: list[QuerySet[Any]] = [_waiting(kind, user) for kind in KINDS]
    arms.append(AccessRequest.objects.open().about_sent_by(user))
    counts = [
        arm.order_by().values(which=Value(number)).annotate(n=Count("pk")).values_list("which", "n")
        for number, arm in enumerate(arms)
    ]
    together: QuerySet[Any, Any] = counts[0].union(*counts[1:], all=True)
    return together


# Every page asks it.
_COUNTED = Prepared(_count_waiting)


def waiting_for(user: User, limit: int, kinds: Iterable[type[AbstractInvitation]]) -> list[Any]:
    """The newest that wait for this person, or an organisation they administer. One query for each kind."""
    found = [one for kind in kinds for one in kind.objects.waiting_for(user).on_their_own()[:limit]]
    return sorted(found, key=lambda one: (one.invited_at, one.uuid), reverse=True)[:limit]


def page_of(user: User, *, after: str = "", before: str = "") -> Mine:
    """What waits for this person; and what they have sent and nobody has answered, that with `.undelivered`.

    Across all locations and organisations. Two queries to find it, one for each kind there is something of,
    and one for the e-mails.
    """

    def fetch(cursor: Any, backwards: bool, limit: int) -> list[_Found]:
        past = beyond(cursor, not backwards, key="invited_at", pk="uuid")
        return _first([_sent(kind, user).filter(past) for kind in _KINDS], limit, backwards)

    waiting = _first([_waiting(kind, user) for kind in _KINDS], SHOWN_WAITING)
    around = Around(after, before, SENT_PAGE_SIZE)
    sent, following, previous = page_around(around, fetch=fetch, read=_read, write=_write)
    loaded = _loaded([*waiting, *sent])
    found = Mine(
        [loaded[one] for one in waiting if one in loaded],
        [loaded[one] for one in sent if one in loaded],
        following,
        previous,
    )
    _mark_undelivered(found.sent)
    return found


def _first(arms: Iterable[QuerySet[Any]], limit: int, backwards: bool = False) -> list[_Found]:
    """The newest of these, one queryset for each of _KINDS; the oldest, `backwards`. One query."""
    order = _OLDEST if backwards else _NEWEST
    columns = [
        arm.values_list("invited_at", "uuid", Value(number), "pk")
        for number, arm in enumerate(_limited([arm.order_by(*order) for arm in arms], limit))
    ]
    rows = [_Found(*row) for row in columns[0].union(*columns[1:], all=True)]
    return sorted(rows, reverse=not backwards)[:limit]


def _limited(arms: Iterable[QuerySet[Any]], limit: int) -> list[QuerySet[Any]]:
    """The first of each, for a UNION: an arm may have no LIMIT itself on SQLite, what it looks in may."""
    return [arm.model._default_manager.filter(pk__in=arm.values("pk")[:limit]).order_by() for arm in arms]


def _loaded(found: Iterable[_Found]) -> dict[_Found, Any]:
    """The invitations themselves. One query for each kind among them."""
    of_kind: dict[int, list[_Found]] = defaultdict(list)
    for one in found:
        of_kind[one.kind].append(one)
    loaded: dict[_Found, Any] = {}
    for number, some in of_kind.items():
        rows = _KINDS[number].objects.with_all().in_bulk([one.pk for one in some])
        # What is not there has gone since it was found.
        loaded |= {one: rows[one.pk] for one in some if one.pk in rows}
    return loaded


def asked(user: User) -> Asked:
    """The requests that nobody has answered: put to this person, and by this person. One query."""
    rows = AccessRequest.objects.open().order_by("-asked_at")
    of, by = _limited([rows.about_sent_by(user), rows.by_number_of(user)], SHOWN_WAITING)
    found = list(rows.filter(pk__in=of.values("pk").union(by.values("pk"))).with_all())
    return Asked(
        of=[one for one in found if one.offer is not None], by=[one for one in found if one.offer is None]
    )


def _waiting(kind: type[AbstractInvitation], user: User) -> Any:
    return kind.objects.addressed_to(user).open().on_their_own()


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


def _write(found: _Found) -> str:
    return f"{ticks_of(found.invited_at)}~{found.uuid.hex}"


def _read(text: str) -> Any:
    ticks, _separator, key = text.partition("~")
    moment = moment_of(ticks)
    try:
        return (moment, UUID(key)) if moment else None
    except ValueError:
        return None

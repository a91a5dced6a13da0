"""Changing what a share gives and until when; and giving up part of one's own (product rule 3)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access
from portal.accounts.receiving import CANNOT_RECEIVE, can_receive, lock_receiver
from portal.errors import Refusal
from portal.lib.humanize import last_day
from portal.models import User
from sharing.access.putting_out import Loss, TakenBack, take_back, taken_back_with
from sharing.access.removing import given_on_from, withdraw_of_those_who_lost
from sharing.invitations.services import LOCATION_ARCHIVED, MAY_NOT_SHARE, lock_to_share
from sharing.invitations.withdrawing import withdraw_all
from sharing.models import Invitation
from sharing.models.bulk import Outcome
from sharing.permissions import Viewer, access_to_share_by

EXTENSION = timedelta(days=30)
# One click extends what ends within this.
ENDS_SOON = timedelta(days=14)

Terms = tuple[Level, datetime | None]


def change_level(*, access: Access, by: User, level: Level, let_stand: bool = False) -> Access:
    """Give a share another level; its end stays. What was offered to its party beyond that is lowered, unless
    it is to `let_stand`. Raises Refusal when it is not theirs to change.
    """
    return _change(access, by, Viewer.may_change, lambda now: (level, now.ends_at), let_stand)


def change_terms(
    *, access: Access, by: User, level: Level, ends_at: datetime | None, let_stand: bool = False
) -> Access:
    """Give a share another level and another end (None: no end).

    What its party gave on ends with it at the latest; what was offered to it beyond a lowered level is
    lowered, unless it is to `let_stand`. Of their own access, people can give up part. Raises
    Refusal when it is not theirs to change, and beside `access_ends` when the end has passed or is beyond
    their own.
    """
    return _change(access, by, Viewer.may_reach_terms_of, lambda now: (level, ends_at), let_stand)


def extend(*, access: Access, by: User, known_end: datetime) -> Access:
    """Let a share last thirty days longer, or as long as one's own, if it still ends at `known_end`.

    A second click knows an end that is no longer so, and changes nothing.
    """

    def terms(now: Access) -> Terms:
        if now.ends_at is None or now.ends_at != known_end:
            return Level(now.level), now.ends_at
        through = lock_to_share(now.location, by)[1]
        wanted = _thirty_days_after(now.ends_at)
        most = through.gives_until(wanted) or wanted
        # Where one's own end leaves nothing to give, what was wanted is refused with the reason.
        return Level(now.level), most if most > now.ends_at else wanted

    return _change(access, by, Viewer.may_change, terms)


@transaction.atomic
def _change(
    access: Access,
    by: User,
    rule: Callable[[Viewer, Access], bool],
    terms: Callable[[Access], Terms],
    let_stand: bool = False,
) -> Access:
    location = locations.lock_location(access.location)
    viewer = Viewer.of(by, location)
    access = viewer.accesses[access.pk]
    if access not in viewer.live:
        raise Refusal(_("This access has ended, so it is not yours to change any more."))
    if not rule(viewer, access):
        raise Refusal(_("This access is not yours to change."))
    level, ends_at = terms(access)
    if (level, ends_at) == (access.level, access.ends_at):
        return access
    more = gives_more(access, level, ends_at)
    reason = forbidden(viewer, access, level, ends_at, access_to_share_by(by, location) if more else None)
    if reason:
        raise reason
    apply([Change(viewer, access, level, ends_at)], by, let_stand=let_stand)
    return access


@dataclass
class Change:
    """Other terms for one access, as its location's viewer sees it."""

    viewer: Viewer
    access: Access
    level: Level
    ends_at: datetime | None

    def __post_init__(self) -> None:
        """What hangs on it, before anything changes."""
        self.lowers = self.access.level > self.level
        self.had = self.access.level
        self.given_on = given_on_from(self.access, self.viewer)

    @property
    def losses(self) -> list[Loss]:
        """What somebody else loses by it; nothing, where it is the viewer's own or a level is not lowered."""
        if not self.lowers or self.viewer.holds(self.access):
            return []
        return [Loss(self.access.party, self.viewer.location, self.had)]

    def shortened(self) -> list[tuple[Access, Level]]:
        """What was given on from it and would outlast it."""
        if self.ends_at is None:
            return []
        return [(one, Level(one.level)) for one in self.given_on if not _ends_by(one, self.ends_at)]


def apply(changes: Collection[Change], by: User, *, let_stand: bool = False) -> None:
    """Give these other terms, which are allowed, under the caller's locks on their locations.

    What is offered beyond a lowered level is lowered with it, unless that is to `let_stand`. Raises Refusal
    for a person who gets more and to whom nothing can be given any more.

    In as many statements for many locations as for one, but for each further party or reason.
    """
    _lock_who_gets_more(changes, by)
    wanted = {one.access.pk: (one.access, one.level, one.ends_at) for one in changes}
    given_on = {
        access.pk: (access, level, change.ends_at)
        for change in changes
        for access, level in change.shortened()
        if access.pk not in wanted
    }
    for terms in (wanted, given_on):
        _change_all(terms.values(), by)
    left = [one.viewer.location for one in changes]
    withdraw_of_those_who_lost(left, by)
    lowered = {one.viewer.location.pk: one.level for one in changes if one.lowers}
    codes = Invitation.objects.open().filter(location__in=lowered, kind=Invitation.Kind.CODE)
    if lowered:
        withdraw_all([code for code in codes.with_all() if code.level > lowered[code.location_id]], by)
    if not let_stand:
        take_back([loss for one in changes for loss in one.losses], by)


def _lock_who_gets_more(changes: Collection[Change], by: User) -> None:
    """As whatever gives does: `forbidden` has asked of people as they were read."""
    more = {
        one.access.user_id: one.access.user
        for one in changes
        if one.access.user and gives_more(one.access, one.level, one.ends_at)
    }
    for _pk, person in sorted(more.items()):
        lock_receiver(person, by=by)


def offers_to_take_back(change: Change) -> TakenBack:
    """What is offered to its party beyond these terms, and would go or be lowered with them."""
    return taken_back_with(change.losses, lowering={change.access.pk: change.level})


def _change_all(wanted: Iterable[tuple[Access, Level, datetime | None]], by: User) -> None:
    """Party by party and reason by reason; of several ways on one location the lesser ones first.

    One that a change before it has replaced is over.
    """
    rounds: dict[Any, list[Access]] = defaultdict(list)
    seen: Counter[Any] = Counter()
    for access, level, ends_at in sorted(wanted, key=lambda one: (one[0].level, one[0].pk)):
        way = (access.location_id, access.party, access.reason)
        rounds[seen[way], access.party, access.reason, level, ends_at].append(access)
        seen[way] += 1
    in_turn = sorted(rounds.items(), key=lambda one: one[0][0])
    for (number, party, _reason, level, ends_at), accesses in in_turn:
        here = _those_live(accesses) if number else accesses
        if here:
            locations.change_all(accesses=here, party=party, level=level, ends_at=ends_at, by=by)


def _those_live(accesses: Collection[Access]) -> list[Access]:
    live = set(Access.objects.live().filter(pk__in=[one.pk for one in accesses]).values_list("pk", flat=True))
    return [one for one in accesses if one.pk in live]


def ends_soon(access: Access) -> bool:
    """Whether it ends so soon that one click is offered to extend it."""
    return access.ends_at is not None and access.ends_at <= timezone.now() + ENDS_SOON


def gives_more(access: Access, level: Level, ends_at: datetime | None) -> bool:
    """Whether these terms are more than the access gives now, in level or in time."""
    return level > access.level or not access.lasts_as_long_as(ends_at)


def forbidden(
    viewer: Viewer, access: Access, level: Level, ends_at: datetime | None, through: Access | None
) -> Refusal | None:
    """Why these terms are not the viewer's to give, who shares the location by `through`; None if they are.

    Nobody gives above their own level, beyond their own end, or for a time that is over.
    """
    if ends_at is not None and ends_at <= timezone.now():
        return Refusal(
            _("This day has passed. Choose a later one."), field="access_ends", outcome=Outcome.BEYOND
        )
    if not gives_more(access, level, ends_at):
        return None
    if not viewer.may_change(access):
        return Refusal(_("You can give up part of your own access, but not give yourself more."))
    if access.user and not can_receive(access.user):
        return Refusal(CANNOT_RECEIVE, outcome=Outcome.NOT_YOURS)
    if viewer.location.archived_at:
        return Refusal(LOCATION_ARCHIVED, outcome=Outcome.ARCHIVED)
    if through is None:
        return Refusal(MAY_NOT_SHARE, outcome=Outcome.NOT_YOURS)
    if through.lasts_as_long_as(ends_at) or through.ends_at is None:
        return None
    return Refusal(
        _("Your own access ends on {day}, and nobody gives for longer than they have.").format(
            day=last_day(through.ends_at)
        ),
        field="access_ends",
        outcome=Outcome.BEYOND,
    )


def _ends_by(access: Access, moment: datetime) -> bool:
    return access.ends_at is not None and access.ends_at <= moment


def _thirty_days_after(moment: datetime) -> datetime:
    """At the same time of day where the portal's clocks hang, so that a last day stays a whole one."""
    local = timezone.localtime(moment)
    return timezone.make_aware(local.replace(tzinfo=None) + EXTENSION).astimezone(UTC)

"""Access review: what a person may keep or end of what others have, and their answers to it.

Whose it is to review is asked of `Viewer.may_end` like everywhere. This only asks it of all locations at
once, in a number of queries that depends neither on how many locations nor on how many parties there are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location, Opening
from locations.permissions import Party
from locations.record import of_party
from organisations.models import Membership, Organisation
from portal.activity.record import record_all
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb
from sharing.access import removing
from sharing.access.emails import queue_accesses_removed
from sharing.access.putting_out import TakenBack, taken_back_with
from sharing.models import AccessReview
from sharing.permissions import Viewer

# What nobody of a party has opened for this long is marked.
UNUSED_FOR = timedelta(days=365)
# For this long an answer counts as given: as long as the shorter of the periods in which it is asked for.
ANSWERED_FOR = timedelta(days=182)
# More are ended in several goes: each takes some statements.
MOST_AT_ONCE = 100
NOT_THEIRS = _("This access has ended, or it is no longer yours to review.")


@dataclass
class Item:
    """One access of somebody else's that the viewer may keep or end."""

    access: Access
    viewer: Viewer
    # The day on which its party last opened the location.
    opened: date | None
    review: AccessReview | None

    @property
    def level(self) -> Level:
        """What its party can do."""
        return Level(self.access.level)

    @property
    def is_unused(self) -> bool:
        """Whether its party has not opened the location for a year; what is younger cannot have been left."""
        known = self.opened or timezone.localdate(self.access.since)
        return known < timezone.localdate() - UNUSED_FOR

    @property
    def is_answered(self) -> bool:
        """Whether somebody has kept it lately."""
        return self.review is not None and self.review.at > timezone.now() - ANSWERED_FOR

    @property
    def decided_at(self) -> datetime:
        """When somebody last wanted its party to have it: by giving it, or by keeping it."""
        since: datetime = self.access.since
        return max(since, self.review.at) if self.review else since


@dataclass
class Group:
    """One party with everything of it that the viewer may keep or end, by name of location."""

    party: Party
    items: list[Item]

    @cached_property
    def locations(self) -> list[Location]:
        """On which locations; a party may have several ways to one."""
        return list({item.viewer.location.pk: item.viewer.location for item in self.items}.values())

    @property
    def levels(self) -> list[Level]:
        """What the party can do somewhere, the least first."""
        return sorted({item.level for item in self.items})

    @property
    def since(self) -> datetime:
        """Since when it has any of it."""
        return min(item.access.since for item in self.items)

    @property
    def ends_at(self) -> datetime | None:
        """When the last of it ends by itself; None where some of it does not."""
        ends = [item.access.ends_at for item in self.items if item.access.ends_at]
        return max(ends) if len(ends) == len(self.items) else None

    @property
    def opened(self) -> date | None:
        """When the party last opened any of it."""
        return max((item.opened for item in self.items if item.opened), default=None)

    @property
    def unused(self) -> int:
        """How much of it the party has not opened for a year."""
        return sum(item.is_unused for item in self.items)

    @property
    def unanswered(self) -> int:
        """How much of it nobody has kept lately."""
        return sum(not item.is_answered for item in self.items)

    @property
    def review(self) -> AccessReview | None:
        """The latest answer, where all of it has been answered."""
        answers = [item.review for item in self.items if item.review and item.is_answered]
        return max(answers, key=lambda one: one.at) if len(answers) == len(self.items) else None


@dataclass
class Review:
    """Everything of others that somebody may end now, and the organisations they administer."""

    items: list[Item]
    administered: list[Organisation]


def review_of(user: User) -> Review:
    """What somebody has to review, wherever their right to it comes from. Six queries at most."""
    places = Membership.objects.filter(user=user).select_related("organisation").order_by("organisation")
    return Review(
        items=_items(user, places, None),
        administered=[one.organisation for one in places if one.role == Membership.Role.ADMINISTRATOR],
    )


def items_of(user: User, *, only: Collection[int] | None = None) -> list[Item]:
    """Everything of others that this person may end now; `only` on these locations. Six queries at most."""
    return _items(user, Membership.objects.filter(user=user), only)


def _items(user: User, places: Iterable[Membership], only: Collection[int] | None) -> list[Item]:
    viewers = _viewers(user, {one.organisation_id: one.role for one in places}, only)
    opened = _openings(viewers)
    found = [
        Item(
            access,
            viewer,
            opened.get(_key(access.location_id, access.party)),
            getattr(access, "review", None),
        )
        for viewer in viewers.values()
        for access in viewer.live
        if not viewer.holds(access) and viewer.may_end(access)
    ]
    return sorted(found, key=lambda item: (item.viewer.location.sort_name, item.access.pk))


def groups_of(items: Iterable[Item]) -> list[Group]:
    """By party, in order of their names."""
    found: dict[Party, list[Item]] = defaultdict(list)
    for item in items:
        found[item.access.party].append(item)
    groups = [Group(party, of_party) for party, of_party in found.items()]
    return sorted(groups, key=lambda group: (str(group.party).casefold(), str(group.party.uuid)))


def group_of(user: User, party: UUID) -> Group | None:
    """One party, by its uuid; None where there is nothing of it that this person may end."""
    return next((group for group in groups_of(items_of(user)) if group.party.uuid == party), None)


@transaction.atomic
def keep(*, accesses: Collection[Access], by: User, seen: datetime) -> list[Access]:
    """Put on the record that these are still wanted. Returns those for which that was new.

    `seen` is when `by` looked at them: what was given or kept since has had its answer, so a second click, or
    a second Administrator, changes nothing. Raises Refusal when none is theirs to review any more.
    """
    locations.lock_each(Location.objects.filter(pk__in={access.location_id for access in accesses}))
    items = items_of(by, only=[access.location_id for access in accesses])
    asked = [item for item in items if item.access in accesses]
    if not asked:
        raise Refusal(NOT_THEIRS)
    seen = min(seen, timezone.now())
    kept = [item.access for item in asked if item.decided_at <= seen]
    AccessReview.objects.bulk_create(
        [AccessReview(access=access, by=by) for access in kept],
        update_conflicts=True,
        unique_fields=["access"],
        update_fields=["at", "by"],
    )
    record_all(
        of_party(Verb.REVIEWED, access, by, access=str(access.uuid), level=access.level) for access in kept
    )
    return kept


@transaction.atomic
def end(
    *,
    accesses: Collection[Access],
    by: User,
    also_given_on: bool = True,
    let_stand: bool = False,
) -> list[Access]:
    """End these as `removing.remove_access` does, at most MOST_AT_ONCE; each reader gets one e-mail for all.

    Returns all that ended; empty when they had ended before. Raises Refusal when one is not theirs to end.
    """
    locations.lock_each(Location.objects.filter(pk__in={access.location_id for access in accesses}))
    asked: dict[int, list[Access]] = defaultdict(list)
    chosen = list(accesses)[:MOST_AT_ONCE]
    viewers = Viewer.of_many(by, {access.location for access in chosen})
    for access in chosen:
        viewer = viewers[access.location_id]
        if viewer.accesses[access.pk] not in viewer.live:
            continue
        if not viewer.may_end(access):
            raise Refusal(removing.NOT_YOURS)
        asked[access.location_id].append(viewer.accesses[access.pk])
    endings = [
        removing.Ending.of(theirs, viewers[pk], also_given_on=also_given_on) for pk, theirs in asked.items()
    ]
    removing.end_all(endings, by, let_stand=let_stand)
    ended = [(access, ending.viewer) for ending in endings for access in ending.accesses]
    queue_accesses_removed([one for one, viewer in ended if not viewer.holds(one)], by)
    return [access for access, _viewer in ended]


def given_on(items: Iterable[Item]) -> list[Access]:
    """What ends with these unless it is kept: what their parties have shared on. No query."""
    asked = [item.access for item in items]
    found: dict[int, Access] = {}
    for item in items:
        for access in removing.given_on_from(item.access, item.viewer):
            found[access.pk] = access
    return [access for access in found.values() if access not in asked]


def taken_back(items: Iterable[Item]) -> TakenBack:
    """What is open to their parties there and goes with these, and with what was given on."""
    asked: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        asked[item.viewer.location.pk].append(item)
    endings = [
        removing.Ending.of([one.access for one in there], there[0].viewer, also_given_on=True)
        for there in asked.values()
    ]
    return taken_back_with(
        [loss for ending in endings for loss in ending.losses],
        ending=[access for ending in endings for access in ending.accesses],
    )


def _viewers(user: User, roles: dict[int, str], only: Collection[int] | None) -> dict[int, Viewer]:
    """This person on each location that they manage and somebody else has access to, by primary key.

    `roles` are theirs, by organisation. Who may end what others have has Manage, so no location is missing.
    """
    managed = Location.objects.visible_to(user, Level.MANAGE)
    if only is not None:
        managed = managed.filter(pk__in=only)
    others = Access.objects.live().exclude(user=user).exclude(organisation__in=list(roles))
    shared = managed.filter(pk__in=others.values("location"))
    viewers = {
        location.pk: Viewer(user, location, Level.MANAGE, {}, roles) for location in shared.defer("notes")
    }
    accesses = Access.objects.filter(location__in=list(viewers)).mark_live().select_related("review")
    for access in _with_people(accesses):
        viewer = viewers[access.location_id]
        access.location = viewer.location
        viewer.accesses[access.pk] = access
    return viewers


def _with_people(accesses: Iterable[Access]) -> list[Access]:
    """With parties, and who reviewed them: each person and organisation is read once, not for each row."""
    accesses = list(accesses)
    reviews = [access.review for access in accesses if hasattr(access, "review")]
    wanted = {access.user_id for access in accesses} | {review.by_id for review in reviews}
    people = User.objects.in_bulk(wanted - {None})
    organisations = Organisation.objects.in_bulk({access.organisation_id for access in accesses} - {None})
    for access in accesses:
        access.user = people.get(access.user_id)
        access.organisation = organisations.get(access.organisation_id)
    for review in reviews:
        review.by = people.get(review.by_id)
    return accesses


def _openings(viewers: Collection[int]) -> dict[tuple[int, bool, int], date]:
    rows = Opening.objects.filter(location__in=list(viewers))
    found: dict[tuple[int, bool, int], date] = {}
    for location, user, organisation, day in rows.values_list("location", "user", "organisation", "day"):
        found[location, organisation is not None, organisation or user] = day
    return found


def _key(location_id: int, party: Party) -> tuple[int, bool, int]:
    return location_id, isinstance(party, Organisation), party.pk

"""The questions that are asked about locations and access. Every view starts from `visible_to`."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count, Exists, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from locations.grantees import Ways
from locations.levels import Level
from locations.permissions import found_ids, ids_by_name, level_column, names_of_ways, visible_ids
from organisations.models import Membership, Organisation
from portal.errors import NotFoundBecause
from portal.lib.humanize import last_day
from portal.lib.paging import Around, Cursor, beyond, cursor_number, page_around
from portal.models import User

if TYPE_CHECKING:
    from locations.models import Location

PAGE_SIZE = 50
NOT_ENOUGH = _("You can see this location, but your access does not include this.")
COUNT_CAP = 1000
# As many can be ticked, one by one: what the address of a page holds.
MOST_TICKED = 500
# For how long somebody who lost a location is told so by its pages.
SAID_AFTERWARDS = timedelta(days=30)


class Page(NamedTuple):
    """One page of locations by name, with the cursors of its neighbours ("" where there is none)."""

    locations: "list[Location]"
    next: str
    previous: str


class LocationQuerySet(models.QuerySet[Any]):
    """Locations, as somebody sees them."""

    def visible_to(self, user: User | AnonymousUser, at_least: Level = Level.VIEW) -> Self:
        """The locations on which this person has `at_least` this level now, by any way."""
        if not user.is_active or not isinstance(user, User):
            return self.none()
        return self.filter(pk__in=visible_ids(user, at_least))

    def get_visible(self, user: User | AnonymousUser, uuid: UUID, at_least: Level = Level.VIEW) -> "Location":
        """The location with this id and, as `.level`, what this person may do with it; as `.opened_on`, the
        day on which they last opened it.

        Raises Http404 alike for a location that does not exist and one this person may not know of, and
        PermissionDenied where they may know of it but have less than `at_least`.
        """
        found = self.filter(uuid=uuid).mark_opened(user)
        if isinstance(user, User) and user.is_active:
            found = found.annotate(held=level_column(user))
        location: Location | None = found.first()
        held = getattr(location, "held", 0)
        if location is None or not held:
            raise _not_found(location, user)
        if held < at_least:
            raise PermissionDenied(NOT_ENOUGH)
        location.level = Level(held)
        return location

    def mark_opened(self, user: User | AnonymousUser) -> Self:
        """With `.opened_on`, the day on which this person last opened it (`locations.last_opened`)."""
        from locations.models import Opening

        opened = Opening._default_manager.filter(location=OuterRef("pk"), user_id=user.pk or 0)
        return self.annotate(opened_on=Subquery(opened.values("day")[:1]))

    def managed_by_nobody_but(self, party: User | Organisation) -> Self:
        """Those that nobody would be left to manage, were it not for `party`; archived ones too.

        Somebody else counts who holds Manage without an end and can sign in.
        """
        from locations.models import Access

        own = Access.objects.live().of_party(party).filter(level=Level.MANAGE)
        others = Access.objects.managing_for_good().exclude(pk__in=own.values("pk"))
        return self.filter(pk__in=own.values("location_id")).exclude(
            Exists(others.filter(location=OuterRef("pk")))
        )

    def found_by(self, user: User, query: str, *, ways: Ways | None = None) -> Self:
        """Of what this person sees, by any way or by `ways` alone, those whose name and address together
        contain every word of `query`."""
        if not user.is_active:
            return self.none()
        return self.filter(pk__in=found_ids(user, query, ways))

    def page_by_name(self, *, after: str = "", before: str = "", size: int = PAGE_SIZE) -> Page:
        """One page in order of name, by keyset: for whatever is not simply what somebody sees.

        `after` and `before` are cursors from an earlier page; anything else gives the first page.
        """

        def fetch(cursor: Cursor | None, backwards: bool, limit: int) -> "list[Location]":
            order = ("-sort_name", "-pk") if backwards else ("sort_name", "pk")
            return list(self.filter(beyond(cursor, backwards, key="sort_name")).order_by(*order)[:limit])

        return _page(fetch, Around(after, before, size))

    def visible_page(
        self,
        user: User | AnonymousUser,
        *,
        ways: Ways | None = None,
        archived: bool = False,
        query: str = "",
        after: str = "",
        before: str = "",
        size: int = PAGE_SIZE,
        first: list[int] | None = None,
    ) -> Page:
        """One page of what this person sees (by `ways` alone, where given; where `query` is found), in order
        of name; as quick for a million as for ten, and searched in proportion to what they see.

        `first` are the ids of `first_visible`, where they are known: the first page is among them.
        """

        def fetch(cursor: Cursor | None, backwards: bool, limit: int) -> "list[Location]":
            if not isinstance(user, User) or not user.is_active:
                return []
            if cursor is None and first is not None:
                ids = first[:limit]
            else:
                ids = ids_by_name(
                    user,
                    ways=ways,
                    archived=archived,
                    query=query,
                    cursor=cursor,
                    backwards=backwards,
                    limit=limit,
                )
            rows = self.in_bulk(ids)
            return [rows[pk] for pk in ids if pk in rows]

        return _page(fetch, Around(after, before, size))

    def first_visible(
        self,
        user: User | AnonymousUser,
        *,
        ways: Ways | None = None,
        archived: bool = False,
        query: str = "",
    ) -> list[int]:
        """The ids of the first locations this person sees, to be counted: at most one more than COUNT_CAP."""
        if not isinstance(user, User) or not user.is_active:
            return []
        return ids_by_name(user, ways=ways, archived=archived, query=query, limit=COUNT_CAP + 1)

    def say_by_which(self, user: User, locations: "list[Location]") -> None:
        """Set on each by which ways `user` sees it: `.by_which` in words, `.is_there_twice` for
        more than one. One query for all."""
        names = names_of_ways(user, [location.pk for location in locations])
        for location in locations:
            say_ways(location, names.get(location.pk, set()))

    def with_charge_points(self) -> Self:
        """With `.charge_points`, how many there are. For a page: each row is counted by itself."""
        from locations.models import ChargePoint

        standing = ChargePoint.objects.filter(circuit__location=OuterRef("pk")).order_by()
        counted = standing.values("circuit__location").values_list(Count("pk"))
        return self.annotate(charge_points=Coalesce(Subquery(counted), 0))

    def capped_count(self) -> int:
        """How many there are, counting no further than one past COUNT_CAP."""
        return self.order_by()[: COUNT_CAP + 1].count()


class AccessQuerySet(models.QuerySet[Any]):
    """Access rows: the truth about who has what."""

    def live(self) -> Self:
        """Those that hold at this moment, whatever any worker has tidied."""
        return self.filter(_holds_now())

    def managing_for_good(self) -> Self:
        """Manage without an end, of a person or an organisation whose people can sign in.

        Not of support staff: the place of the installing party cannot be passed on to them.
        """
        people = Membership.objects.filter(
            organisation=OuterRef("organisation"), user__is_active=True, user__is_staff=False
        )
        return self.live().filter(
            Q(user__is_active=True, user__is_staff=False) | Exists(people),
            level=Level.MANAGE,
            ends_at__isnull=True,
        )

    def mark_live(self) -> Self:
        """With `.holds_now`, for a page that shows history too."""
        return self.annotate(holds_now=_holds_now())

    def over(self) -> Self:
        """Those whose end has come and that no worker has tidied yet."""
        return self.filter(ends_at__lte=Now(), ended_at__isnull=True)

    def ending_by(self, moment: datetime) -> Self:
        """Live ones that end by then, soonest first, where nothing else gives their party as much for longer.

        Of locations in use: where one is archived, nothing can be extended.
        """
        same_party = Q(user=OuterRef("user")) | Q(organisation=OuterRef("organisation"))
        through_organisation = Q(organisation__memberships__user=OuterRef("user"))
        others = self.model.objects.live().filter(
            same_party | through_organisation, location=OuterRef("location"), level__gte=OuterRef("level")
        )
        outlasting = others.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=OuterRef("ends_at")))
        ending = self.live().filter(ends_at__lte=moment, location__archived_at__isnull=True)
        return ending.exclude(Exists(outlasting)).order_by("ends_at", "pk")

    def last_end_for(self, user: User, location: "Location") -> datetime | None:
        """When access that this person had came to an end last: their own, or that of an organisation while
        they were a member; None if there was none. They are taken to have none now."""
        member = Membership.objects.filter(user=user, organisation=OuterRef("organisation"))
        over = self.filter(location=location).annotate(over_at=Coalesce("ended_at", "ends_at"))
        theirs = Q(user=user) | Exists(member.filter(since__lt=OuterRef("over_at")))
        latest: datetime | None = over.filter(theirs).aggregate(latest=Max("over_at"))["latest"]
        return latest

    def of_party(self, party: User | Organisation) -> Self:
        """Those given to exactly this person or organisation."""
        return self.filter(**{"user" if isinstance(party, User) else "organisation": party})

    def reaching(self, user: User) -> Self:
        """Those that let this person in: their own and those of their organisations."""
        return self.filter(Q(user=user) | Q(organisation__memberships__user=user))

    def with_parties(self) -> Self:
        """With everything a list of them shows."""
        return self.select_related("user", "organisation", "given_by")


def say_ways(location: "Location", names: set[str]) -> None:
    """Set on it what `say_by_which` does, from the names of the ways ("" for personally)."""
    personally = [gettext("you personally")] if "" in names else []
    location.by_which = " · ".join([*sorted(names - {""}), *personally])
    location.is_there_twice = len(names) > 1


def _not_found(location: "Location | None", user: User | AnonymousUser) -> Http404:
    """A plain 404, but for somebody who could see the location until lately: they are told since when.

    Nothing else is said, not even the name: it may have changed since.
    """
    from locations.models import Access

    if location is None or not isinstance(user, User):
        return Http404()
    ended = Access.objects.last_end_for(user, location)
    if ended is None or ended < timezone.now() - SAID_AFTERWARDS:
        return Http404()
    return NotFoundBecause(_("Your access to this location ended on {day}.").format(day=last_day(ended)))


def _page(fetch: Any, around: Around) -> Page:
    return Page(*page_around(around, fetch=fetch, read=_read, write=_write))


def _holds_now() -> Q:
    return (Q(ends_at__isnull=True) | Q(ends_at__gt=Now())) & Q(ended_at__isnull=True)


def _read(text: str) -> Cursor | None:
    name, _separator, pk = text.replace("\0", "").rpartition("~")
    number = cursor_number(pk)
    return None if number is None or not _separator else (name[:300], number)


def _write(location: "Location") -> str:
    return f"{location.sort_name}~{location.pk}"

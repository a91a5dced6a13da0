"""Who may do what on the Permissions tab: asked by pages, buttons and services alike (product rule 3)."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Self

from django.db.models import F, OuterRef, Subquery

from locations import archiving
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party, levels_of
from organisations.models import Membership, Organisation
from portal.models import User
from sharing.models import Invitation


@dataclass
class Viewer:
    """One person looking at one location, with everything needed to say what they may do there.

    Two queries, whatever the number of entries asked about.
    """

    user: User
    location: Location
    level: Level | None
    accesses: dict[int, Access]
    # Their role in each organisation of theirs that has, or had, access here.
    roles: dict[int, str] = field(default_factory=dict)
    # Whose people may be named: of these organisations alone, if it is not of all one's own.
    knows_people_of: frozenset[int] | None = None
    # Support staff, who end what goes wrong and see no location themselves.
    is_support: bool = False

    @classmethod
    def of(cls, user: User, location: Location) -> Self:
        """The viewer as things stand now."""
        return cls.of_many(user, [location])[location.pk]

    @classmethod
    def on_page(cls, user: User, location: Location) -> Self:
        """The same for a page, where `get_visible` has just said the level: one query less."""
        return cls._with_levels(user, [location], {location.pk: location.level})[location.pk]

    @classmethod
    def of_many(cls, user: User, locations: Collection[Location]) -> dict[int, Self]:
        """The viewer of each of these, by primary key, in as many queries as of one."""
        return cls._with_levels(user, locations, levels_of(user, locations))

    @classmethod
    def _with_levels(
        cls, user: User, locations: Collection[Location], levels: dict[int, Level]
    ) -> dict[int, Self]:
        viewers = {one.pk: cls(user, one, levels.get(one.pk), {}, {}) for one in locations}
        role = Membership.objects.filter(user=user, organisation=OuterRef("organisation")).values("role")
        rows = Access.objects.filter(location__in=locations).with_parties().mark_live()
        for access in rows.annotate(viewer_role=Subquery(role)):
            viewer = viewers[access.location_id]
            access.location = viewer.location
            viewer.accesses[access.pk] = access
            if access.viewer_role:
                viewer.roles[access.organisation_id] = access.viewer_role
        return viewers

    @classmethod
    def of_support(cls, user: User, location: Location) -> Self:
        """A member of support staff, who may be somebody here besides."""
        viewer = cls.of(user, location)
        viewer.is_support = True
        return viewer

    @cached_property
    def live(self) -> list[Access]:
        """The entries of the tab: every access that holds now, oldest first."""
        live = [access for access in self.accesses.values() if access.holds_now]
        return sorted(live, key=lambda access: (access.since, access.pk))

    @cached_property
    def is_owner(self) -> bool:
        """Whether this is the Owner (customer)."""
        return any(a.reason == Access.Reason.OWNER and self.holds(a) for a in self.live)

    @cached_property
    def is_installing_party(self) -> bool:
        """Whether this is who installed it, or a member of the organisation that did."""
        return any(a.reason == Access.Reason.INSTALLED and self.holds(a) for a in self.live)

    @property
    def decides_who_owns(self) -> bool:
        """Whether this is the Owner or the installing party, who may archive it, too. Manage alone is not
        enough (product rule 2)."""
        return archiving.decides(self.level, filter(self.holds, self.live))

    @property
    def may_transfer(self) -> bool:
        """Whether they may invite somebody to become Owner, and their invitation to it can be accepted."""
        return self.decides_who_owns and self.location.archived_at is None

    @property
    def may_share(self) -> bool:
        """Whether they may invite and take away access at all."""
        return self.level == Level.MANAGE and self.location.archived_at is None

    @property
    def may_see_addresses(self) -> bool:
        """Those with View and Configure see who is there, not how to reach other parties' people."""
        return self.level == Level.MANAGE

    def holds(self, access: Access) -> bool:
        """Whether the access is their own or their organisation's."""
        return access.user_id == self.user.pk or access.organisation_id in self.roles

    def is_own(self, access: Access) -> bool:
        """Whether giving it up is theirs to decide: a person's own, an Administrator's organisation's."""
        if access.organisation_id:
            return self.roles.get(access.organisation_id) == Membership.Role.ADMINISTRATOR
        return access.user_id == self.user.pk

    def may_end(self, access: Access) -> bool:
        """The Owner anybody's; the installing party any share; the giver what they gave; holders their own.

        The Owner's own access goes by a transfer only. The installing party's is ended by the Owner or by
        itself, and by itself only while there is an Owner to leave the location to. What is over is nobody's
        to end, and who does not see the location has nothing there to end.
        """
        if not self._is_at_stake(access):
            return False
        if access.reason == Access.Reason.OWNER:
            return False
        if self.is_support:
            # Not their own, which is no business of support; nor the last that could replace it.
            return not self.holds(access) and (
                access.reason != Access.Reason.INSTALLED or self.owner is not None
            )
        if access.reason == Access.Reason.INSTALLED:
            return self.is_owner or (self.is_own(access) and self.owner is not None)
        if self.is_own(access):
            return True
        if self.level != Level.MANAGE:
            return False
        return self.is_owner or self.is_installing_party or self._gave(access)

    def may_change(self, access: Access) -> bool:
        """Whether they may give it another level: whoever may take a share away, but not for themselves."""
        return access.reason not in Access.STANDING and not self.holds(access) and self.may_end(access)

    def may_lower(self, access: Access) -> bool:
        """Whether they may give up part of it: of what was given to them, or to an organisation of theirs."""
        return access.reason not in Access.STANDING and self.is_own(access) and self._is_at_stake(access)

    def may_reach_terms_of(self, access: Access) -> bool:
        """Whether they may change its level or end at all, be it only to less."""
        return self.may_change(access) or self.may_lower(access)

    def may_view_as(self, access: Access) -> bool:
        """Whether they may look at the location as its party sees it. Nobody needs to as themselves."""
        return self._is_at_stake(access) and self.level == Level.MANAGE and access.user_id != self.user.pk

    def may_renew(self, invitation: Invitation) -> bool:
        """Whether they may send the invitation again."""
        return invitation.kind != Invitation.Kind.CODE and self.may_share and self.answers_for(invitation)

    def may_correct(self, invitation: Invitation) -> bool:
        """Whether they may send it to another address instead."""
        return invitation.kind == Invitation.Kind.PERSON and self.may_renew(invitation)

    def may_withdraw(self, invitation: Invitation) -> bool:
        """Whether they may take the invitation back. A leaked code must be stoppable by any who may share."""
        if invitation.kind == Invitation.Kind.CODE:
            return self.level == Level.MANAGE
        return self.level == Level.MANAGE and self.answers_for(invitation)

    def answers_for(self, invitation: Invitation) -> bool:
        """Whether it is theirs: the Owner and the installing party for all, others for what they gave."""
        through = self.accesses.get(invitation.invited_through_id)
        return (
            self.is_owner
            or self.is_installing_party
            or invitation.invited_by_id == self.user.pk
            or (through is not None and (self.holds(through) or self._gave(through)))
        )

    def _is_at_stake(self, access: Access) -> bool:
        """Whether it holds now, and they can see the location at all or answer for it as support."""
        known = self.accesses.get(access.pk)
        return (self.level is not None or self.is_support) and known is not None and known.holds_now

    def _gave(self, access: Access) -> bool:
        """Whether they, or a party they belong to, gave it or what it was given on from."""
        step: Access | None = access
        while step is not None:
            if step.given_by_id == self.user.pk:
                return True
            step = self.accesses.get(step.given_through_id or 0)
            if step is not None and self.holds(step):
                return True
        return False

    @property
    def owner(self) -> Access | None:
        """The access of the Owner, if there is one."""
        return next((a for a in self.live if a.reason == Access.Reason.OWNER), None)


def access_to_share_by(user: User, location: Location) -> Access | None:
    """The access by which this person may share the location now: the one with Manage that lasts longest."""
    return ways_to_share_by(user, [location]).get(location.pk)


def shared_through(invitation: Invitation, location: Location) -> Access | None:
    """The access by which whoever invited can share its location now; None once they may not, or it is
    archived."""
    return None if location.archived_at else access_to_share_by(invitation.invited_by, location)


def would_end(invitation: Invitation, through: Access | None) -> datetime | None:
    """When the access it gives would end, were it accepted now (None: never).

    The end of `through`, which `shared_through` says, may have come nearer since it was sent.
    """
    return through.gives_until(invitation.access_ends_at) if through else invitation.access_ends_at


def ways_to_share_by(user: User, locations: Collection[Location]) -> dict[int, Access]:
    """The same for many locations, by their primary keys. One query."""
    if not user.is_active:
        return {}
    ways = Access.objects.live().reaching(user).filter(location__in=locations, level=Level.MANAGE)
    longest: dict[int, Access] = {}
    for way in ways.order_by(F("ends_at").desc(nulls_first=True), "pk").distinct():
        longest.setdefault(way.location_id, way)
    return longest


def covering_access(
    party: Party, location: Location, *, level: Level, ends_at: datetime | None
) -> Access | None:
    """An access that already gives `party` as much for as long, by any way; None when there is none."""
    return covering(party_ways(party, [location]).get(location.pk, ()), level=level, ends_at=ends_at)


def best_access(party: Party, location: Location) -> Access | None:
    """The access of `party` that counts, by any way: the higher level; of one level, what lasts longer."""
    ways = party_ways(party, [location]).get(location.pk, [])
    return max(ways, key=lambda way: (way.level, way.ends_at is None, way.ends_at or way.since), default=None)


def party_ways(party: Party, locations: Collection[Location]) -> dict[int, list[Access]]:
    """By which ways `party` has access to each of these, by any way. One query."""
    live = Access.objects.live().filter(location__in=locations)
    rows = live.of_party(party) if isinstance(party, Organisation) else live.reaching(party).distinct()
    return by_location(rows)


def by_location(accesses: Iterable[Access]) -> dict[int, list[Access]]:
    """These, by the primary keys of their locations."""
    found: dict[int, list[Access]] = defaultdict(list)
    for access in accesses:
        found[access.location_id].append(access)
    return found


def covering(ways: Iterable[Access], *, level: Level, ends_at: datetime | None) -> Access | None:
    """One of these that gives as much for as long."""
    return next((way for way in ways if way.level >= level and way.lasts_as_long_as(ends_at)), None)

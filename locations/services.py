"""The verbs of locations and of access to them.

Access is given, changed and ended here and nowhere else: Access row, permission rows and record in one
transaction, under a lock on the location (in which order locks are taken: docs/architecture.md). Whether
somebody may do it is asked by the callers (`sharing.invitations.services`); these know no viewer.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations.archiving import NOT_THEIRS, may_archive
from locations.emails import queue_archived, queue_restored
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party, level_of
from locations.projection import carry_copies, copies, project_all
from locations.querysets import LocationQuerySet
from locations.record import of_access
from locations.signals import access_grew
from organisations.models import Organisation
from organisations.services import lock_organisation
from portal.accounts.receiving import lock_receiver, refuse_support
from portal.activity.record import record, record_all
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb


@transaction.atomic
def create_location(*, by: User, organisation: Organisation | None = None, **fields: Any) -> Location:
    """A new location. It belongs to `organisation`, of which `by` must be a member, or to `by` alone.

    Raises Refusal, to support staff in any case.
    """
    refuse_support(by)
    if organisation:
        # Locked first: it may just be being deleted.
        organisation = lock_organisation(organisation)
        if not organisation.memberships.filter(user=by).exists():
            raise Refusal(_("You are no longer a member of this organisation."), field="organisation")
    location = Location.objects.create(**fields)
    record(Verb.LOCATION_CREATED, by=by, location=location, organisation=organisation)
    give_access(
        location=location,
        party=organisation or by,
        level=Level.MANAGE,
        reason=Access.Reason.INSTALLED,
        by=by,
    )
    return location


@transaction.atomic
def change_location(*, location: Location, by: User, **fields: Any) -> Location:
    """Change fields of the location and record old and new values. Raises Refusal without Configure."""
    location = lock_location(location)
    require_level(by, location, Level.CONFIGURE)
    if location.archived_at:
        raise Refusal(_("This location is archived. Restore it first."))
    changes = {
        name: [str(getattr(location, name)), str(value)]
        for name, value in fields.items()
        if getattr(location, name) != value
    }
    if not changes:
        return location
    before = copies(location)
    for name in changes:
        setattr(location, name, fields[name])
    location.save()
    if copies(location) != before:
        carry_copies(location)
    record(Verb.LOCATION_CHANGED, by=by, location=location, changes=changes)
    return location


@transaction.atomic
def archive_location(*, location: Location, by: User) -> Location:
    """Put the location away: it leaves the lists, can no longer be shared, and can be restored.

    Everybody who loses it is told. Raises Refusal where it is not theirs to do.
    """
    location = _lock_to_decide(location, by)
    if location.archived_at is None:
        _set_archived(location, by, Verb.LOCATION_ARCHIVED)
        queue_archived(location, by)
    return location


@transaction.atomic
def restore_location(*, location: Location, by: User) -> Location:
    """Take an archived location back into use, and tell everybody who has it again. Raises Refusal where it
    is not theirs to do."""
    location = _lock_to_decide(location, by)
    since = location.archived_at
    if since is not None:
        _set_archived(location, by, Verb.LOCATION_RESTORED)
        queue_restored(location, by, since)
    return location


@transaction.atomic
def give_access(
    *,
    location: Location,
    party: Party,
    level: Level,
    reason: Access.Reason,
    by: User | None,
    through: Access | None = None,
    ends_at: datetime | None = None,
    recorded_by: User | None = None,
) -> Access:
    """Give `party` one more way to the location; a lesser one for the same reason is replaced by it.

    `recorded_by` is who does it, where that is not the giver `by`: whoever undoes an ending. Raises Refusal
    for a person to whom nothing can be given.
    """
    location = lock_location(location)
    (access,) = give_all(
        locations=[location],
        party=party,
        level=level,
        reason=reason,
        by=by,
        through_id=through.pk if through else None,
        ends_at=ends_at,
        recorded_by=recorded_by,
    )
    return access


def give_all(
    *,
    locations: Collection[Location],
    party: Party,
    level: Level,
    reason: Access.Reason,
    by: User | None,
    through_id: int | None = None,
    through_ids: Mapping[int, int] | None = None,
    ends_at: datetime | None = None,
    recorded_by: User | None = None,
) -> list[Access]:
    """Give `party` the same way to all of these, under the caller's locks on them.

    `through_ids` says by location through which access it is given, where that is not one for all.
    Where a way for the same reason gives as much for as long already, that one stays and is returned.
    Raises Refusal for a person to whom nothing can be given.
    """
    if isinstance(party, User):
        party = lock_receiver(party, by=recorded_by or by)
    held = _replace_lesser(locations, party, reason, level, ends_at)
    given = [
        Access(
            location=location,
            level=level,
            reason=reason,
            given_by=by,
            given_through_id=through_ids[location.pk] if through_ids else through_id,
            ends_at=ends_at,
            **{"user" if isinstance(party, User) else "organisation": party},
        )
        for location in locations
        if location.pk not in held
    ]
    Access.objects.bulk_create(given)
    # Nothing is taken: what was replaced gave no more and lasted no longer.
    project_all(locations, party, only_more=True)
    # Whoever undoes an ending acts, and is not who gives.
    giver = {"given_by": by and by.pk} if recorded_by else {}
    record_all(of_access(Verb.ACCESS_GIVEN, access, recorded_by or by, **giver) for access in given)
    if given:
        access_grew.send(sender=Access, locations=[access.location for access in given])
    return [*given, *held.values()]


@transaction.atomic
def change_access(*, access: Access, level: Level, ends_at: datetime | None, by: User) -> Access:
    """Give this way another level or end. Where a second way covers it wholly, this one ends."""
    lock_location(access.location)
    change_all(accesses=[access], party=access.party, level=level, ends_at=ends_at, by=by)
    return access


def change_all(
    *, accesses: Collection[Access], party: Party, level: Level, ends_at: datetime | None, by: User
) -> None:
    """Give these ways of one party, all for one reason and one at most of a location, another level or end.

    Under the caller's locks on their locations. Where a second way covers one wholly, that one ends.
    """
    locations = [access.location for access in accesses]
    reason = next(Access.Reason(access.reason) for access in accesses)
    covering = _replace_lesser(locations, party, reason, level, ends_at, but=accesses)
    changes = {access.pk: _changes(access, level, ends_at) for access in accesses}
    for access in accesses:
        if access.location_id in covering:
            access.ended_at, access.ended_by = timezone.now(), by
        else:
            access.level, access.ends_at = level, ends_at
    Access.objects.bulk_update(accesses, ["level", "ends_at", "ended_at", "ended_by"])
    project_all(locations, party)
    record_all(of_access(Verb.ACCESS_CHANGED, access, by, changes=changes[access.pk]) for access in accesses)
    access_grew.send(sender=Access, locations=locations)


@transaction.atomic
def end_access(
    *, access: Access, by: User | None, verb: Verb = Verb.ACCESS_REMOVED, **details: Any
) -> Access:
    """End one way; `details` go on the record. What the party has by another way stays."""
    lock_location(access.location)
    end_all(accesses=[access], party=access.party, by=by, verb=verb, **details)
    return access


def end_all(
    *, accesses: Collection[Access], party: Party, by: User | None, verb: Verb, **details: Any
) -> None:
    """End these ways of one party, under the caller's locks on their locations."""
    now = timezone.now()
    for access in accesses:
        access.ended_at = access.ends_at if verb == Verb.ACCESS_ENDED else now
        access.ended_by = by
    Access.objects.bulk_update(accesses, ["ended_at", "ended_by"])
    project_all({access.location for access in accesses}, party)
    record_all(of_access(verb, access, by, **details) for access in accesses)


def settle_ended_access() -> int:
    """Tidy access whose end date has come: it has been without effect since that moment. Returns how many."""
    settled = 0
    for pk in Access.objects.over().values_list("pk", flat=True)[:500]:
        with transaction.atomic():
            location_id = Access.objects.values_list("location_id", flat=True).get(pk=pk)
            lock_location(Location(pk=location_id))
            access = Access.objects.over().select_related("location").filter(pk=pk).first()
            if access:  # never otherwise: another worker may have settled it meanwhile
                end_access(access=access, by=None, verb=Verb.ACCESS_ENDED)
                settled += 1
    return settled


def lock_location(location: Location) -> Location:
    """The location as it is now, locked until the transaction ends (SQLite locks as a whole)."""
    locked: Location = Location.objects.select_for_update(no_key=True).get(pk=location.pk)
    return locked


def lock_locations(ids: Collection[int]) -> list[Location]:
    """The same for many, in the one order in which locations are locked. One query."""
    return list(Location.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))


def lock_each(locations: LocationQuerySet) -> None:
    """The same for those that are read anew afterwards: a lock may have waited for a change. One query."""
    list(locations.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def require_level(user: User, location: Location, level: Level) -> Level:
    """The level `user` has now. Raises Refusal when it is below `level`."""
    held = level_of(user, location)
    if held is None or held < level:
        raise Refusal(_("You no longer have the right to do this here."))
    return held


def _lock_to_decide(location: Location, by: User) -> Location:
    location = lock_location(location)
    level = require_level(by, location, Level.MANAGE)
    if not may_archive(by, location, level):
        raise Refusal(NOT_THEIRS)
    return location


def _set_archived(location: Location, by: User, verb: Verb) -> None:
    location.archived_at = timezone.now() if verb == Verb.LOCATION_ARCHIVED else None
    location.save(update_fields=["archived_at"])
    carry_copies(location)
    record(verb, by=by, location=location)


def _replace_lesser(
    locations: Collection[Location],
    party: Party,
    reason: Access.Reason,
    level: Level,
    ends_at: datetime | None,
    but: Collection[Access] = (),
) -> dict[int, Access]:
    """End the ways for the same reason that give no more and last no longer than the one that comes.

    Returns, by location, the way for this reason that gives as much for as long already.
    """
    rows = Access.objects.of_party(party).filter(location__in=locations, reason=reason, ended_at__isnull=True)
    kept = {access.pk for access in but}
    covering: dict[int, Access] = {}
    replaced: list[Access] = []
    for access in rows.select_related("location", "user", "organisation"):
        if access.pk in kept:
            continue
        if access.level <= level and access.ends_by(ends_at):
            access.ended_at = timezone.now()
            replaced.append(access)
        elif access.level >= level and access.lasts_as_long_as(ends_at):
            covering[access.location_id] = access
    if replaced:
        Access.objects.bulk_update(replaced, ["ended_at"])
        record_all(of_access(Verb.ACCESS_CHANGED, access, None) for access in replaced)
    return covering


def _changes(access: Access, level: Level, ends_at: datetime | None) -> dict[str, list[str]]:
    """Old and new value of what differs, as the record keeps them."""
    values = {"level": (access.level, level.value), "ends_at": (access.ends_at, ends_at)}
    return {
        name: [_kept(before), _kept(after)] for name, (before, after) in values.items() if before != after
    }


def _kept(value: datetime | int | None) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value or "")

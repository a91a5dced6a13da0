"""What becomes of the locations of an organisation that is to be deleted.

No location is left to nobody. Those that nobody else manages are handed over, all at once, to whom the
Administrator chooses; on the others the organisation's access ends, and where it was the installing party and
there is no Owner, whoever has managed for longest takes that place, which cannot be left.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from locations.services import end_all, give_all, lock_each
from locations.signals import accesses_ended
from organisations.closing import close_organisation
from organisations.models import Organisation
from organisations.permissions import is_administrator
from organisations.services import lock_organisation, require_administrator
from organisations.signals import organisation_locking
from portal.accounts.receiving import refuse_support
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb

# What one statement takes; SQLite has a limit.
BATCH = 500
# What is the same of the access given in an organisation's place: level, reason, end, and through what.
Terms = tuple[Level, Access.Reason, datetime | None, int | None]


@transaction.atomic
def hand_over_and_close(*, organisation: Organisation, to: Party, by: User, name: str) -> None:
    """Delete the organisation; `to` takes its place on every location that nobody else manages.

    One step: with the locations handed over and the organisation still there, its people would have lost them
    without being told. Raises Refusal as the two do, beside `to` and `name`.
    """
    _lock_to_hand_over(organisation, to, by)
    organisation_locking.send(sender=Organisation, organisation=organisation)
    hand_over(organisation=organisation, to=to, by=by)
    close_organisation(organisation=organisation, by=by, name=name)


@transaction.atomic
def hand_over(*, organisation: Organisation, to: Party, by: User) -> int:
    """Let `to` take the organisation's place on every location that nobody else manages. Returns how many.

    `to` is `by`, or another organisation that `by` administers. Raises Refusal otherwise, and to support
    staff.
    """
    _lock_to_hand_over(organisation, to, by)
    _lock_locations_of(organisation)
    left = Location.objects.managed_by_nobody_but(organisation)
    count = 0
    for accesses in _in_batches(_ways_of(organisation).filter(location__in=left)):
        count += len({access.location_id for access in accesses})
        end_all(accesses=accesses, party=organisation, by=by, verb=Verb.ACCESS_LEFT)
        for (level, reason, ends_at, through_id), locations in _by_terms(accesses).items():
            give_all(
                locations=locations,
                party=to,
                level=level,
                reason=_for_party(reason, to),
                by=by,
                through_id=through_id,
                ends_at=ends_at,
            )
        pass_on_installing_place([access.location for access in accesses], by)
        accesses_ended.send(sender=Access, accesses=accesses, by=by)
    return count


def refuse_if_left_to_nobody(organisation: Organisation) -> None:
    """Raises Refusal while there is a location that nobody else manages; locks all it has until then."""
    _lock_locations_of(organisation)
    if Location.objects.managed_by_nobody_but(organisation).exists():
        raise Refusal(_("There are locations that nobody else manages. Hand them over first."))


def end_all_of(organisation: Organisation, by: User) -> None:
    """End all access of an organisation that is being deleted, under the locks taken above.

    What its people have shared on stays with those who have it.
    """
    for accesses in _in_batches(_ways_of(organisation)):
        end_all(accesses=accesses, party=organisation, by=by, verb=Verb.ACCESS_LEFT)
        pass_on_installing_place([access.location for access in accesses], by)
        accesses_ended.send(sender=Access, accesses=accesses, by=by)


def pass_on_installing_place(locations: Iterable[Location], by: User) -> None:
    """Where no Owner and no installing party is left, whoever has managed for longest takes its place.

    Somebody must be there who cannot simply leave, and who may end what others were given. Under the caller's
    locks on the locations.
    """
    locations = set(locations)
    managers: dict[int, list[Access]] = defaultdict(list)
    rows = Access.objects.managing_for_good().filter(location__in=locations).with_parties()
    for access in rows.order_by("since", "pk"):
        managers[access.location_id].append(access)
    taken: dict[Party, list[Location]] = defaultdict(list)
    for location in locations:
        there = managers[location.pk]
        if there and not any(access.reason in Access.STANDING for access in there):
            taken[there[0].party].append(location)
    # In one order: giving takes the lock on a person.
    for party, theirs in sorted(taken.items(), key=lambda one: (isinstance(one[0], User), one[0].pk)):
        give_all(locations=theirs, party=party, level=Level.MANAGE, reason=Access.Reason.INSTALLED, by=by)


def _for_party(reason: Access.Reason, party: Party) -> Access.Reason:
    """A person has by e-mail what the organisation had as an organisation."""
    if isinstance(party, User) and reason == Access.Reason.ORGANISATION:
        return Access.Reason.EMAIL
    return reason


def _lock_to_hand_over(organisation: Organisation, to: Party, by: User) -> None:
    parties = [organisation, to] if isinstance(to, Organisation) else [organisation]
    for each in sorted(parties, key=lambda one: one.pk):
        lock_organisation(each)
    require_administrator(by, organisation)
    refuse_support(by)
    theirs = is_administrator(by, to) if isinstance(to, Organisation) else to == by
    if not theirs or to == organisation:
        raise Refusal(_("Choose yourself or another organisation that you administer."), field="to")


def _lock_locations_of(organisation: Organisation) -> None:
    """All it has, in order: what is asked afterwards holds until the transaction ends."""
    held = Access.objects.live().filter(organisation=organisation).values("location")
    lock_each(Location.objects.filter(pk__in=held))


def _ways_of(organisation: Organisation) -> QuerySet[Any]:
    return Access.objects.live().of_party(organisation)


def _in_batches(accesses: QuerySet[Any]) -> Iterator[list[Access]]:
    """These rows, all of a location together, some hundred locations at a time."""
    locations = list(accesses.order_by("location_id").values_list("location_id", flat=True).distinct())
    for start in range(0, len(locations), BATCH):
        batch = accesses.filter(location__in=locations[start : start + BATCH])
        yield list(batch.select_related("location", "organisation").order_by("location_id", "pk"))


def _by_terms(accesses: list[Access]) -> dict[Terms, list[Location]]:
    terms: dict[Terms, list[Location]] = defaultdict(list)
    for access in accesses:
        level, reason = Level(access.level), Access.Reason(access.reason)
        terms[level, reason, access.ends_at, access.given_through_id].append(access.location)
    return terms

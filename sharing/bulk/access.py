"""Ending, or changing, what one party has on many locations: what would become of each, and doing it.

The rules are those of `sharing.access.removing` and `sharing.access.changing`, asked of a batch.
"""

from collections.abc import Collection
from typing import cast

from django.db.models import Q

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from portal.accounts.addresses import verified_addresses
from portal.errors import Refusal
from portal.models import User
from sharing.access import changing, removing
from sharing.access.emails import queue_accesses_removed
from sharing.access.removing import Ending
from sharing.models import AccessRequest, BulkJob, BulkLoss, Invitation, Transfer
from sharing.models.bulk import Outcome
from sharing.permissions import Viewer, ways_to_share_by

Outcomes = dict[int, Outcome]


def look_at_ends(job: BulkJob, found: Collection[Location]) -> Outcomes:
    """What would become of each of these now, were the party's access taken away."""
    return {pk: _end(job, viewer)[0] for pk, viewer in Viewer.of_many(job.by, found).items()}


def end(job: BulkJob, ids: Collection[int]) -> Outcomes:
    """End what the party has on each of these and what it has given on, in the caller's transaction."""
    outcomes: Outcomes = {}
    endings: list[Ending] = []
    for pk, viewer in Viewer.of_many(job.by, locations.lock_locations(ids)).items():
        outcomes[pk], asked = _end(job, viewer)
        if asked:
            endings.append(Ending.of(asked, viewer, also_given_on=job.also_given_on))
    if endings:
        removing.end_all(endings, job.by)
        lost = [one for ending in endings for one in ending.accesses if not ending.viewer.holds(one)]
        BulkLoss.objects.bulk_create([BulkLoss(job=job, access=access) for access in lost])
    return outcomes


def finish_ends(job: BulkJob) -> None:
    """One e-mail for each who lost something."""
    lost = Access.objects.filter(pk__in=job.losses.values("access"))
    queue_accesses_removed(lost.with_parties(), job.by)


def _end(job: BulkJob, viewer: Viewer) -> tuple[Outcome, list[Access]]:
    theirs = _of_party(job, viewer)
    may_end = [access for access in theirs if viewer.may_end(access)]
    if may_end:
        return Outcome.ENDED, may_end
    return _nothing(viewer, theirs), []


def look_at_terms(job: BulkJob, found: Collection[Location]) -> Outcomes:
    """What would become of each of these now, were the party's access given these terms."""
    return {pk: outcome for pk, (outcome, _changes) in _terms_of_all(job, found).items()}


def change(job: BulkJob, ids: Collection[int]) -> Outcomes:
    """Give the party's access to each of these the terms of the job, in the caller's transaction."""
    found = _terms_of_all(job, locations.lock_locations(ids))
    changes = [change for _outcome, some in found.values() for change in some]
    if changes:
        changing.apply(changes, job.by)
    return {pk: outcome for pk, (outcome, _changes) in found.items()}


def finish_terms(job: BulkJob) -> None:
    """Nobody is written to of other terms, of one location as of many."""


def _terms_of_all(
    job: BulkJob, found: Collection[Location]
) -> dict[int, tuple[Outcome, list[changing.Change]]]:
    ways = ways_to_share_by(job.by, found)
    viewers = Viewer.of_many(job.by, found)
    return {pk: _terms(job, viewer, ways.get(pk)) for pk, viewer in viewers.items()}


def _terms(job: BulkJob, viewer: Viewer, way: Access | None) -> tuple[Outcome, list[changing.Change]]:
    """All of the party's ways together: if one of them cannot be changed so, none is."""
    theirs = _of_party(job, viewer)
    may_change = [access for access in theirs if viewer.may_change(access)]
    if not may_change:
        return _nothing(viewer, theirs), []
    changes: list[changing.Change] = []
    for access in may_change:
        level = Level(job.level or access.level)
        ends_at = job.access_ends_at if job.sets_end else access.ends_at
        if (level, ends_at) == (access.level, access.ends_at):
            continue
        reason: Refusal | None = changing.forbidden(viewer, access, level, ends_at, way)
        if reason:
            return reason.data["outcome"], []
        changes.append(changing.Change(viewer, access, level, ends_at))
    return (Outcome.CHANGED if changes else Outcome.THE_SAME), changes


def _of_party(job: BulkJob, viewer: Viewer) -> list[Access]:
    return [access for access in viewer.live if access.party == job.party]


def _nothing(viewer: Viewer, theirs: list[Access]) -> Outcome:
    """Why there is nothing to do: whoever may not see who has access is not told that there is nobody."""
    return Outcome.NOTHING if viewer.level and not theirs else Outcome.NOT_YOURS


def open_to_party(job: BulkJob) -> int:
    """How many open invitations to the party, to become Owner too, are withdrawn or lowered with what is
    ordered, where it is changed: said before. One query.
    """
    if job.act == BulkJob.Act.TERMS and job.level is None:
        return 0
    there = job.rows.changing().values("location")
    sent = Invitation.objects.open().filter(location__in=there, level__gt=job.level or 0)
    if job.organisation:
        return int(sent.filter(kind=Invitation.Kind.ORGANISATION, organisation=job.organisation).count())
    theirs = verified_addresses(cast(User, job.user))
    to_them = sent.filter(kind=Invitation.Kind.PERSON, email__in=theirs)
    owning = Transfer.objects.open().filter(location__in=there, email__in=theirs)
    if job.level == Level.MANAGE:  # as much as an Owner has
        owning = owning.none()
    return int(to_them.order_by().values("uuid").union(owning.order_by().values("uuid")).count())


def is_asked_by_party(job: BulkJob) -> bool:
    """Whether something that they ask for is refused with it. One query, and none for an organisation."""
    if job.organisation or (job.act == BulkJob.Act.TERMS and job.level is None):
        return False
    there = job.rows.changing().values("location")
    more = Q(invitation__location__in=there, invitation__level__gt=job.level or 0)
    if job.act == BulkJob.Act.END:
        more |= Q(location__in=there)
    return bool(AccessRequest.objects.waiting().filter(more, user=job.user).exists())

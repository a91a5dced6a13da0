"""Jobs about many locations: ordering, confirming, and working them off in the background.

A job is a row, written in the request's transaction; the broker only hurries it, and a sweep finds what was
missed. It is claimed by a conditional UPDATE with a lease and done batch by batch, each in one transaction
with its outcomes: a worker that dies leaves what it has done, and the next goes on after it. Rights are asked
again at the time of work. What becomes of a location says `share`, `access` or `offers`.
"""

import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations.models import Location
from locations.querysets import LocationQuerySet
from organisations.services import UNKNOWN_KEY
from portal import celery
from portal.errors import Refusal
from portal.invitations.models import throttle
from portal.models import User
from sharing.bulk import access, offers, share
from sharing.models import BulkJob, BulkRow
from sharing.models.bulk import CHANGING, Outcome

# The first batch, and what a batch is after each failure: what cannot be done gets two tries alone.
BATCHES = (500, 50, 5, 1, 1)
# Where so many cannot be done, none of the rest is tried.
MOST_FAILED = 10
# More than these are ordered in several jobs.
MOST = 10_000
# Longer than a batch can take.
LEASE = timedelta(seconds=180)
# A task takes no further batch after this, the sweep starts the next; a request none after the shorter.
LONGEST_WORK_SECONDS = 60
SHORT_WORK_SECONDS = 1
DRAFTS_KEPT = timedelta(days=1)
# Each may hold MOST rows.
DRAFTS_EACH = 10
logger = logging.getLogger(__name__)

Outcomes = dict[int, Outcome]
State = BulkJob.State


@dataclass(frozen=True)
class Doing:
    """How one act does locations, and tells people once all are done."""

    do: Callable[[BulkJob, Collection[int]], Outcomes]
    finish: Callable[[BulkJob], None]


# What would become of locations. An offer is its own preview.
LOOKING: dict[BulkJob.Act, Callable[[BulkJob, Collection[Location]], Outcomes]] = {
    BulkJob.Act.SHARE: share.look,
    BulkJob.Act.END: access.look_at_ends,
    BulkJob.Act.TERMS: access.look_at_terms,
}
DOING = {
    BulkJob.Act.SHARE: Doing(share.do, share.finish),
    BulkJob.Act.END: Doing(access.end, access.finish_ends),
    BulkJob.Act.TERMS: Doing(access.change, access.finish_terms),
    BulkJob.Act.ACCEPT: Doing(offers.add, offers.finish),
}


@transaction.atomic
def draft(job: BulkJob, locations: LocationQuerySet | list[Location]) -> BulkJob:
    """Keep the order with what would become of each location now: the preview. Nothing else happens yet.

    Only the last DRAFTS_EACH of a person are kept. Raises Refusal where there is nothing to order, or too
    much.
    """
    # One more than may be tells that it is too much: nobody's hundred thousand are read for a refusal.
    found = list(locations[: MOST + 1])
    if not found:
        raise Refusal(_("Choose at least one location."))
    if len(found) > MOST:
        raise Refusal(_("These are too many at once. Narrow them down to {n}.").format(n=MOST))
    older = BulkJob.objects.filter(by=job.by, state=State.DRAFT).order_by("-created_at", "-pk")
    BulkJob.objects.filter(pk__in=list(older.values_list("pk", flat=True)[DRAFTS_EACH - 1 :])).delete()
    job.save()
    for start in range(0, len(found), BATCHES[0]):
        some = found[start : start + BATCHES[0]]
        outcomes = LOOKING[BulkJob.Act(job.act)](job, some)
        BulkRow.objects.bulk_create(
            BulkRow(job=job, location_id=pk, outcome=outcome) for pk, outcome in outcomes.items()
        )
    return job


def confirm(*, job: BulkJob, by: User) -> bool:
    """Order it for good; whether it was this call that did. One e-mail counts as one, whatever is in it.

    Raises Refusal where its preview was empty, the key was replaced since, or they are written to too often.
    """
    if not job.is_draft:
        return False
    if not job.rows.changing().exists():
        raise Refusal(_("There is nothing to do here. Choose other locations."))
    if job.organisation and job.key_version not in ("", job.organisation.key_version):
        raise Refusal(UNKNOWN_KEY)
    if job.act == BulkJob.Act.SHARE:
        throttle(by, about="many", recipient=job.email or str(job.organisation_id))
    with transaction.atomic():
        drafts = BulkJob.objects.filter(pk=job.pk, by=by, state=State.DRAFT)
        confirmed = drafts.update(state=State.QUEUED, due_at=timezone.now()) == 1
        if confirmed:
            celery.nudge("sharing.tasks.work_off_jobs")
    return confirmed


# --- At work ------------------------------------------------------------------------------------


def work_off() -> int:
    """Work until no job is due or time is up; returns how many batches were done."""
    end, done = time.monotonic() + LONGEST_WORK_SECONDS, 0
    while time.monotonic() < end and (job := claim()):
        done += _work(job, end)
    return done


def _work(job: BulkJob, end: float) -> int:
    """Do batches of this job until none is left or time is up; returns how many were done."""
    done = 0
    try:
        while time.monotonic() < end and step(job):
            done += 1
    except Exception:
        logger.exception("A batch of job %s failed", job.uuid)
        stumble(job)
    else:
        release(job)
    return done


def claim(pk: int | None = None) -> BulkJob | None:
    """Take a due job, or this one if it is due, under a lease nobody else holds."""
    due = BulkJob.objects.due()
    if pk is not None:
        due = due.filter(pk=pk)
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    mark = uuid.uuid4()
    with transaction.atomic():
        for found in due[:1]:
            # Still due: where nothing is locked by reading, of two who read it one writes it.
            BulkJob.objects.filter(pk=found.pk).due().order_by().update(
                state=State.WORKING, claim=mark, due_at=timezone.now() + LEASE
            )
    return BulkJob.objects.with_all().filter(claim=mark).first()


@transaction.atomic
def step(job: BulkJob) -> bool:
    """Do the next batch, with its outcomes; whether there may be more. Nothing, where another holds it."""
    held = BulkJob.objects.filter(pk=job.pk, claim=job.claim, state=State.WORKING)
    if not held.update(due_at=timezone.now() + LEASE):
        return False
    ids = _next_batch(job)
    doing = DOING[BulkJob.Act(job.act)]
    if not ids:
        doing.finish(job)
        held.update(state=State.DONE, finished_at=timezone.now())
        return False
    by_outcome: dict[Outcome, list[int]] = defaultdict(list)
    for pk, outcome in doing.do(job, ids).items():
        by_outcome[outcome].append(pk)
    for outcome, some in by_outcome.items():
        job.rows.filter(location__in=some).update(outcome=outcome, done=True)
    return True


def _next_batch(job: BulkJob) -> list[int]:
    """The ids of the next locations; few at a time up to where a batch has failed."""
    waiting = job.rows.waiting().values_list("location_id", flat=True)
    few = list(waiting[: BATCHES[job.stumbles]]) if job.stumbles else []
    if few and few[0] <= (job.careful_until or 0):
        return few
    return list(waiting[: BATCHES[0]])


@transaction.atomic
def stumble(job: BulkJob) -> None:
    """After a batch that failed: the next are smaller, until what cannot be done stands alone and is left.

    The lease goes on meanwhile, so what is wrong for a moment has minutes to pass. Where only the letters at
    the end fail, they are tried again and again.
    """
    held = BulkJob.objects.filter(pk=job.pk, claim=job.claim, state=State.WORKING)
    failed = _next_batch(job)
    if not failed or not held.exists():
        return
    careful_until = max(failed[-1], job.careful_until or 0)
    # Past where it was careful, it begins anew.
    stumbles = job.stumbles if failed[0] <= (job.careful_until or 0) else 0
    if stumbles + 1 < len(BATCHES):
        held.update(stumbles=stumbles + 1, careful_until=careful_until)
        return
    job.rows.filter(location=failed[0]).update(outcome=Outcome.FAILED, done=True)
    if job.rows.filter(outcome=Outcome.FAILED).count() >= MOST_FAILED:
        job.rows.waiting().update(outcome=Outcome.FAILED, done=True)
    held.update(stumbles=BATCHES.index(1), due_at=timezone.now())


def release(job: BulkJob) -> None:
    """Let others take it up at once, if there is anything left."""
    BulkJob.objects.filter(pk=job.pk, claim=job.claim, state=State.WORKING).update(due_at=timezone.now())


def begin_at_once(job: BulkJob) -> None:
    """The first batch within the request, so that who accepts a few need not wait for a worker."""
    claimed = claim(job.pk)
    if claimed is not None:
        _work(claimed, time.monotonic() + SHORT_WORK_SECONDS)
        celery.nudge("sharing.tasks.work_off_jobs")


def forget_drafts() -> int:
    """Delete previews nobody has confirmed; returns how many."""
    old = BulkJob.objects.filter(state=State.DRAFT, created_at__lt=timezone.now() - DRAFTS_KEPT)
    return old.delete()[1].get("sharing.BulkJob", 0)


# --- What a page shows --------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """How many rows of a job have which outcome."""

    counts: dict[Outcome, int]
    done: int

    @classmethod
    def of(cls, job: BulkJob) -> "Tally":
        """Counted in one query."""
        counts: dict[Outcome, int] = defaultdict(int)
        done = 0
        for outcome, is_done, n in job.rows.values_list("outcome", "done").annotate(n=Count("pk")):
            counts[Outcome(outcome)] += n
            done += n if is_done else 0
        return cls(dict(counts), done)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def changing(self) -> int:
        """Those by which something changes, or has changed."""
        return sum(n for outcome, n in self.counts.items() if outcome in CHANGING)

    @property
    def failed(self) -> int:
        """Those that could not be done."""
        return self.counts.get(Outcome.FAILED, 0)

    @property
    def skipped(self) -> int:
        """The others."""
        return self.total - self.changing - self.failed

    @property
    def is_mixed(self) -> bool:
        """Whether there is more than one outcome to tell apart."""
        return len(self.counts) > 1

    def __iter__(self) -> Iterator[tuple[Outcome, int]]:
        """Outcome by outcome, in the order of the words."""
        return iter([(outcome, self.counts[outcome]) for outcome in Outcome if outcome in self.counts])

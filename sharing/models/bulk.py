"""Many locations at once: what was ordered, and what became of each row."""

import uuid
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from organisations.models import Organisation
from portal.models import User
from sharing.models.invitation import Offer


class Outcome(models.TextChoices):
    """One word per row. Which of them change something stands in CHANGING."""

    NEW = "new", _("is invited")
    MORE = "more", _("has access, is offered more")
    AGAIN = "again", _("was invited already, is invited again")
    ENDED = "ended", _("access ends")
    CHANGED = "changed", _("is changed")
    ADDED = "added", _("is added")
    HAS_ACCESS = "has_access", _("already has access")
    THE_SAME = "the_same", _("is so already")
    NOTHING = "nothing", _("has no access here")
    NOT_YOURS = "not_yours", _("not yours to share or change")
    OTHERS = "others", _("somebody else has invited them already")
    ARCHIVED = "archived", _("the location is archived")
    BEYOND = "beyond", _("your own access ends sooner")
    REFUSED = "refused", _("takes no shared locations at the moment")
    GONE = "gone", _("the invitation no longer stands")
    FAILED = "failed", _("not done: an error on our side")


CHANGING = (
    Outcome.NEW,
    Outcome.MORE,
    Outcome.AGAIN,
    Outcome.ENDED,
    Outcome.CHANGED,
    Outcome.ADDED,
)


class BulkJobQuerySet(models.QuerySet[Any]):
    """Jobs, as workers and their owners ask for them."""

    def due(self) -> Self:
        """Those a worker should take up: ordered, or left behind by a worker that died."""
        at_work = [BulkJob.State.QUEUED, BulkJob.State.WORKING]
        return self.filter(state__in=at_work, due_at__lte=timezone.now()).order_by("due_at", "pk")

    def with_all(self) -> Self:
        """With whom it is about."""
        return self.select_related("by", "user", "organisation", "offer__invited_by", "offer__organisation")


class BulkJob(models.Model):
    """One order about many locations. A draft until its preview was confirmed; then workers work it off."""

    class Act(models.TextChoices):
        SHARE = "share", _("Share")
        END = "end", _("Take access away")
        TERMS = "terms", _("Change level or end")
        ACCEPT = "accept", _("Accept")

    class State(models.TextChoices):
        DRAFT = "draft", _("not confirmed")
        QUEUED = "queued", _("waiting")
        WORKING = "working", _("at work")
        DONE = "done", _("done")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.PROTECT, related_name="bulk_jobs"
    )
    act = models.CharField(_("what is done"), max_length=8, choices=Act.choices)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.DRAFT)
    # Whom it is about: an address that is invited, or a party that has access.
    email = models.EmailField(_("e-mail address"), blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    organisation = models.ForeignKey(
        Organisation, verbose_name=_("organisation"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    # Which key of the organisation was entered; tells nothing about it.
    key_version = models.CharField(max_length=16, blank=True)
    # Empty: each access keeps its level.
    level = models.PositiveSmallIntegerField(_("level"), null=True, choices=Level.choices)
    # Whether another end is set, and which (empty: none).
    sets_end = models.BooleanField(default=False)
    access_ends_at = models.DateTimeField(_("access until"), null=True)
    also_given_on = models.BooleanField(default=True)
    message = models.TextField(blank=True, max_length=1000)
    language = models.CharField(max_length=10)
    offer = models.ForeignKey(
        Offer,
        verbose_name=_("invitation to many locations"),
        null=True,
        on_delete=models.PROTECT,
        related_name="jobs",
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # How often a batch has failed in a row, and up to which location the next are smaller for it.
    stumbles = models.PositiveSmallIntegerField(default=0)
    careful_until = models.BigIntegerField(null=True)
    # As in the outbox: a worker holds it under a claim, until its lease ends.
    claim = models.UUIDField(null=True)
    due_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar = BulkJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("order about many locations")
        verbose_name_plural = _("orders about many locations")
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(state__in=["queued", "working"]), name="bulkjob_due"),
            models.Index(fields=["by", "-created_at"], name="bulkjob_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.get_act_display()} · {self.recipient}"

    @property
    def party(self) -> Party | None:
        """Whom it is about, where that is somebody in the portal."""
        return self.organisation or self.user

    @property
    def recipient(self) -> str:
        """What whoever ordered it calls whom it is about."""
        return self.email or str(self.party or "")

    @property
    def is_draft(self) -> bool:
        """Whether its preview waits to be confirmed."""
        return self.state == self.State.DRAFT

    @property
    def is_done(self) -> bool:
        """Whether every row has its outcome for good."""
        return self.state == self.State.DONE


class BulkRowQuerySet(models.QuerySet[Any]):
    """The rows of jobs."""

    def waiting(self) -> Self:
        """Those no worker has done, in the order in which locations are locked."""
        return self.filter(done=False).order_by("location_id")

    def changing(self) -> Self:
        """Those by which something changes, or has changed."""
        return self.filter(outcome__in=CHANGING)


class BulkRow(models.Model):
    """One location of a job: what would become of it, and once `done`, what did."""

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="rows")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    done = models.BooleanField(default=False)

    objects: ClassVar = BulkRowQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "location"], name="bulkrow_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["job", "location"], condition=Q(done=False), name="bulkrow_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.location_id} · {self.outcome}"


class BulkLoss(models.Model):
    """An access that a job has ended: those who had it are told once, of all of them together."""

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="losses")
    access = models.ForeignKey(Access, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "access"], name="bulkloss_once")]

    def __str__(self) -> str:
        return f"{self.job_id} · {self.access_id}"


def of_person(user: User) -> models.QuerySet[Any]:
    """What this person has ordered, drafts and answers left out, newest first."""
    ordered = BulkJob.objects.filter(by=user).exclude(state=BulkJob.State.DRAFT)
    return ordered.exclude(act=BulkJob.Act.ACCEPT).with_all().order_by("-created_at", "-pk")

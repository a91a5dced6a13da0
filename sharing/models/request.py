"""Asking to be let in: one row for whoever cannot get in by themselves, one state machine for all.

Either for an invitation that was sent to another address ("approve this account"), or for a location whose
number is known. What asks and what answers stands in `sharing.requests.services`.
"""

import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations.models import Location
from organisations.models import MemberInvitation
from portal.models import User

# After that nobody need answer any more, and the same person can ask again.
LIVES = timedelta(days=30)


class AccessRequestQuerySet(models.QuerySet[Any]):
    """The questions that are asked about requests."""

    def open(self) -> Self:
        """Those that can be answered now: not too old, and the invitation, where it is one, still live."""
        return self.filter(
            self._live("invitation") | self._live("member_invitation") | Q(number__isnull=False),
            state="pending",
            asked_at__gt=Now() - LIVES,
        )

    def for_location(self, location: Location) -> Self:
        """What is asked about this location: by its number, or to use an invitation to it."""
        return self.filter(Q(location=location) | Q(invitation__location=location))

    def about_sent_by(self, user: User) -> Self:
        """Those that ask to use an invitation this person has sent."""
        return self.filter(Q(invitation__invited_by=user) | Q(member_invitation__invited_by=user))

    def by_number_of(self, user: User) -> Self:
        """The locations this person has asked for. Whether there are such locations shows nowhere in it."""
        return self.filter(user=user, number__isnull=False)

    def waiting(self) -> Self:
        """Those nobody has answered, be it that they can be answered no longer."""
        return self.filter(state="pending")

    def waiting_on(self, locations: Collection[int]) -> Self:
        """What nobody has answered about these locations (primary keys): by number, or to use an invitation.

        Each arm goes by an index of its own.
        """
        waiting = self.waiting()
        arms = [
            waiting.filter(number__in=locations),
            waiting.filter(invitation__location__in=locations),
        ]
        found = [arm.order_by().values("pk") for arm in arms]
        return waiting.filter(pk__in=found[0].union(*found[1:]))

    def over(self) -> Self:
        """Those to use an invitation that can be accepted no longer, or was renewed: never answered."""
        asked = self.waiting().exclude(number__isnull=False)
        return asked.exclude(self._live("invitation") | self._live("member_invitation"))

    def with_all(self) -> Self:
        """With what a row about it shows, newest first."""
        about = ("location", "invitation__location", "member_invitation__organisation")
        return self.select_related("user", "settled_by", *about).order_by("-asked_at", "-pk")

    def answer(
        self, asked: Collection["AccessRequest"], state: str, *, by: User | None
    ) -> list["AccessRequest"]:
        """Write this answer of these, in one UPDATE, and into them; returns those that got it by this call.

        What was answered or asked anew since it was read stays as it is. Locked in one order, because a
        worker who answers holds no lock on what is asked about.
        """
        if not asked:
            return []
        waiting = self.waiting().filter(pk__in=[one.pk for one in asked])
        locked = waiting.select_for_update(no_key=True).order_by("pk")
        asked_at = dict(locked.values_list("pk", "asked_at"))
        answered = [one for one in asked if asked_at.get(one.pk) == one.asked_at]
        now = timezone.now()
        waiting.filter(pk__in=[one.pk for one in answered]).update(state=state, settled_by=by, settled_at=now)
        for one in answered:
            one.state, one.settled_by, one.settled_at = state, by, now
        return answered

    @staticmethod
    def _live(kind: str) -> Q:
        return Q(
            (f"{kind}__state", "pending"), (f"{kind}__expires_at__gt", Now()), (f"{kind}__nonce", F("nonce"))
        )


class AccessRequest(models.Model):
    """Somebody asks to be let in. One row per person and thing, renewed."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting for an answer")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        # They have got as much by another way: nobody need answer any more.
        SETTLED = "settled", _("has it another way")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="access_requests",
    )
    invitation = models.ForeignKey(
        "sharing.Invitation", null=True, on_delete=models.CASCADE, related_name="requests"
    )
    member_invitation = models.ForeignKey(
        MemberInvitation, null=True, on_delete=models.CASCADE, related_name="requests"
    )
    # As it was typed: there may be no such location. A worker looks, so that asking takes as long either way.
    number = models.BigIntegerField(null=True)
    looked_up = models.BooleanField(default=False)
    location = models.ForeignKey(Location, null=True, on_delete=models.CASCADE, related_name="requests")
    # Which renewal of the invitation is asked about.
    nonce = models.CharField(max_length=22, blank=True)
    sentence = models.CharField(_("who you are and why you ask"), max_length=300, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    settled_at = models.DateTimeField(_("settled"), null=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects: ClassVar = AccessRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request to be let in")
        verbose_name_plural = _("requests to be let in")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    invitation__isnull=False,
                    member_invitation__isnull=True,
                    number__isnull=True,
                    location__isnull=True,
                )
                | Q(
                    invitation__isnull=True,
                    member_invitation__isnull=False,
                    number__isnull=True,
                    location__isnull=True,
                )
                | Q(invitation__isnull=True, member_invitation__isnull=True, number__isnull=False),
                name="access_request_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(location__isnull=True) | Q(location=F("number")),
                name="access_request_location_of_number",
            ),
            models.UniqueConstraint(fields=["user", "invitation"], name="access_request_invitation_once"),
            models.UniqueConstraint(
                fields=["user", "member_invitation"], name="access_request_member_invitation_once"
            ),
            models.UniqueConstraint(fields=["user", "number"], name="access_request_number_once"),
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True)
                | (~Q(state="pending") & Q(settled_at__isnull=False)),
                name="access_request_settled_with_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["asked_at"],
                condition=Q(looked_up=False, number__isnull=False),
                name="access_request_to_look_up",
            ),
            models.Index(
                fields=["number"],
                condition=Q(state="pending", number__isnull=False),
                name="access_request_by_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} → {self.thing}"

    @property
    def offer(self) -> Any:
        """The invitation it asks to use, of either kind; None where a location is asked for."""
        return self.invitation or self.member_invitation

    @property
    def thing(self) -> Any:
        """What somebody wants to get into: a location, an organisation, or the number of a location."""
        if self.member_invitation:
            return self.member_invitation.organisation
        return (self.invitation.location if self.invitation else self.location) or self.number

    @property
    def is_open(self) -> bool:
        """Whether it can be answered now."""
        waits = self.state == self.State.PENDING and self.asked_at > timezone.now() - LIVES
        return waits and (
            self.offer is None or (self.offer.is_live() and bool(self.offer.nonce == self.nonce))
        )

"""What every invitation is, whatever it offers: one row, one code, one state machine (product rule 4).

Each kind has a model of its own, which says what is offered: `sharing` a location, `organisations` a
membership. The states, the code and its seven days are these; so is the guard of every answer, a conditional
UPDATE (docs/decisions/0004-one-invitation.md, 0005-one-home-for-invitations.md).
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal import codes, limits
from portal.accounts.addresses import verified_addresses
from portal.errors import Refusal
from portal.models import User
from portal.signals import invitations_over

# One purpose for all kinds: whoever has a code need not know what it is for. Two of different kinds with one
# code are as unlikely as guessing it; then it opens neither (`sharing.kinds.with_digest`).
CODE_PURPOSE = "invitation-code"
# Guide: an invitation is valid for seven days from its creation; 168 hours, whatever the clocks do.
VALIDITY = timedelta(days=7)
SWEPT_AT_ONCE = 500


class InvitationState(models.TextChoices):
    """What became of an invitation."""

    PENDING = "pending", _("waiting for an answer")
    ACCEPTED = "accepted", _("accepted")
    DECLINED = "declined", _("declined")
    WITHDRAWN = "withdrawn", _("withdrawn")
    EXPIRED = "expired", _("expired")


class AbstractInvitationQuerySet(models.QuerySet[Any]):
    """The questions that are asked about every kind of invitation."""

    def open(self) -> Self:
        """Those that can be accepted at this moment."""
        return self.filter(state="pending", expires_at__gt=Now())

    def due_to_expire(self) -> Self:
        """Those whose time is over and that are not yet marked so."""
        return self.filter(state="pending", expires_at__lte=Now())

    def unsettled(self) -> Self:
        """What a list of those waiting shows: the pending, and the expired until withdrawn or renewed."""
        return self.filter(state__in=["pending", "expired"])

    def on_their_own(self) -> Self:
        """Those that are listed by themselves: all, unless a kind says otherwise."""
        return self

    def with_digest(self, digest: str) -> Self:
        """The invitation this digest belongs to, whatever its state."""
        return self.filter(code_digest=digest).with_all()

    def with_all(self) -> Self:
        """With what the acceptance page shows."""
        return self.select_related("organisation", "invited_by", "settled_by")

    def addressed_to(self, user: User | AnonymousUser) -> Self:
        """Those sent to a verified address of this person."""
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        return self.filter(email__in=verified_addresses(user))

    def waiting_for(self, user: User | AnonymousUser) -> Self:
        """The open ones addressed to this person, newest first."""
        return self.addressed_to(user).open().with_all().order_by("-invited_at", "-pk")


class AbstractInvitation(models.Model):
    """One offer to one recipient.

    The same recipient is never invited twice: the row is renewed (new nonce, new code, new seven days).
    """

    State = InvitationState

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(_("e-mail address"), blank=True)
    language = models.CharField(max_length=10)
    state = models.CharField(
        _("state"), max_length=10, choices=InvitationState.choices, default=InvitationState.PENDING
    )
    # The code itself is never stored: it is derived from the nonce and CODE_KEY (portal.codes).
    nonce = models.CharField(max_length=22, editable=False)
    code_digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("invited by"),
        on_delete=models.PROTECT,
        related_name="%(class)ss_sent",
    )
    invited_at = models.DateTimeField(_("invited"))
    expires_at = models.DateTimeField(_("valid until"))
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("settled by"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    settled_at = models.DateTimeField(_("settled"), null=True)

    objects: ClassVar = AbstractInvitationQuerySet.as_manager()

    # Whether the services found the row there already when they sent the invitation.
    renewed: bool = False

    class Meta:
        abstract = True
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="%(class)s_email_lower"),
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True)
                | (~Q(state="pending") & Q(settled_at__isnull=False)),
                name="%(class)s_settled_with_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(settled_by__isnull=False),
                name="%(class)s_accepted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("invited_at")), name="%(class)s_ends_after_start"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=Q(state="pending"), name="%(class)s_due_to_expire"),
        ]

    @property
    def recipient(self) -> str:
        """What the inviter calls whom it was sent to."""
        return self.email

    @property
    def code(self) -> str:
        """The code, 12 symbols without dashes. Only for the recipient's e-mail and those who may invite."""
        return codes.derive(
            purpose=CODE_PURPOSE,
            subject=str(self.uuid),
            nonce=self.nonce,
            length=codes.INVITATION_CODE_LENGTH,
        )

    def is_live(self, now: datetime | None = None) -> bool:
        """Whether it can be accepted at this moment; a sweep may not have marked it expired yet."""
        return self.state == InvitationState.PENDING and self.expires_at > (now or timezone.now())

    @property
    def is_expired(self) -> bool:
        """Whether its time is over, marked as such or not."""
        return self.state == InvitationState.EXPIRED or (
            self.state == InvitationState.PENDING and not self.is_live()
        )

    # --- The state machine. The caller holds the lock, records, and tells people. ---------

    def begin(self, by: User, *, until: datetime | None = None) -> None:
        """A fresh life, not saved yet: new nonce and so a new code, seven new days from this whole second.

        It ends at `until` (the end of what it offers), if that is sooner.
        """
        # Whole seconds: SQLite compares times as text.
        now = timezone.now().replace(microsecond=0)
        self.invited_by, self.invited_at = by, now
        self.expires_at = min(now + VALIDITY, until or now + VALIDITY)
        self.language = get_language() or by.language
        self.state = InvitationState.PENDING
        self.settled_at = self.settled_by = None
        self.nonce = codes.new_nonce()
        self.code_digest = codes.digest(self.code, purpose=CODE_PURPOSE)

    def answer_before(self, ends_at: datetime | None) -> datetime:
        """When it can be accepted no longer, where what it offers ends at `ends_at` (None: never)."""
        return min(self.expires_at, ends_at or self.expires_at)

    def right_now(self, nonce: str) -> models.QuerySet[Any]:
        """This renewal of it, unanswered and in time as the database sees it: one row, or none.

        Every answer is an UPDATE of this that must touch one row; of many at once one does.
        """
        rows: models.QuerySet[Any] = self._rows().filter(
            nonce=nonce, state=InvitationState.PENDING, expires_at__gt=Now()
        )
        return rows

    def answer(self, state: InvitationState, *, by: User, nonce: str, **more: Any) -> bool:
        """Accepted or declined; whether it was this call that did.

        Whoever accepts calls `say_it_is_over`, but after giving what it offers: who asked to use it may have
        that by then.
        """
        settled = {"state": state, "settled_by": by, "settled_at": timezone.now()}
        rows = self.right_now(nonce).update(**settled, **more)
        return bool(rows) if state == InvitationState.ACCEPTED else self._is_over(rows)

    def withdraw(self, by: User | None) -> bool:
        """Withdrawn, if nobody has answered; whether it was this call that did."""
        rows = self._rows().unsettled()
        settled = {"state": InvitationState.WITHDRAWN, "settled_by": by, "settled_at": timezone.now()}
        return self._is_over(rows.update(**settled))

    def expire(self) -> bool:
        """Marked as expired, once its time is over; whether it was this call that did."""
        rows = self._rows().due_to_expire().filter(nonce=self.nonce)
        return self._is_over(rows.update(state=InvitationState.EXPIRED, settled_at=self.expires_at))

    def _is_over(self, rows: int) -> bool:
        """Whether the UPDATE touched it; then others are told that nobody can accept it any more."""
        if rows:
            self.say_it_is_over()
        return bool(rows)

    def say_it_is_over(self) -> None:
        """To the floors above, of one that can be accepted no longer."""
        invitations_over.send(sender=type(self), ids=[self.pk])

    def _rows(self) -> Any:
        return type(self).objects.filter(pk=self.pk)


def settle_due(invitations: AbstractInvitationQuerySet, expire: Callable[[Any], bool]) -> int:
    """Let `expire` mark what has run out, each in a transaction of its own; returns how many it did.

    None of it could be accepted since its moment anyway. What is due is found by an index on the end of the
    pending alone: a buffer for each, whatever there is (docs/benchmarks.md).
    """
    settled = 0
    due = invitations.due_to_expire().order_by("expires_at", "pk").values_list("pk", flat=True)
    for invitation in invitations.with_all().filter(pk__in=list(due[:SWEPT_AT_ONCE])).order_by("expires_at"):
        with transaction.atomic():
            settled += expire(invitation)
    return settled


def throttle(by: User, *, about: str, recipient: str) -> None:
    """Count an invitation of this recipient to what `about` names. Raises Refusal where it is too many."""
    throttle_sender(by)
    throttle_recipient(by, about=about, recipient=recipient)


def throttle_sender(by: User) -> None:
    """Count a try to invite, before its transaction: one that is refused stays counted. Raises Refusal."""
    if not limits.count(limits.INVITATIONS_BY_ACCOUNT, by.pk):
        raise Refusal(_("You have sent very many invitations. Go on in an hour."))


def throttle_recipient(by: User, *, about: str, recipient: str) -> None:
    """Count what one recipient is sent; in its transaction, only what is really sent. Raises Refusal."""
    within = limits.count(limits.MAIL_TO_ONE_RECIPIENT, f"{by.pk}/{about}/{recipient}")
    if "@" in recipient:  # an organisation is shared with by many
        within &= limits.count(limits.MAIL_TO_ONE_PERSON, f"{by.pk}/{recipient}")
        within &= limits.count(limits.MAIL_TO_ONE_ADDRESS, recipient)
    if not within:
        raise Refusal(
            _(
                "You have invited them several times today. Ask them to look for the e-mail, "
                "or go on tomorrow."
            )
        )


def refuse_withdrawn(invitation: AbstractInvitation) -> None:
    """Raises Refusal, with why nothing is sent again, for one that was withdrawn.

    A page from before must not undo that; inviting anew is a decision of its own.
    """
    if invitation.state != InvitationState.WITHDRAWN:
        return
    if invitation.settled_by_id is None:
        said = _("{person} already has access by another way. Nothing was sent.")
        raise Refusal(said.format(person=invitation.recipient))
    raise Refusal(WITHDRAWN_MEANWHILE)


WITHDRAWN_MEANWHILE = _("This invitation was withdrawn meanwhile. Nothing was sent.")
CODE_HAS_ENDED = _("This code has ended. You can make a new one.")

"""Asking to be let in, and answering (product rule 4: wrong account, ask for access).

Whoever knows a location's number learns nothing by asking: each number is answered alike, by the same
statements, and only a worker looks whether there is such a location.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import level_of
from organisations import acceptance as membership
from organisations.models import MemberInvitation
from organisations.permissions import is_administrator
from organisations.services import lock_organisation
from portal import celery, limits
from portal.accounts.receiving import CannotReceive
from portal.errors import Refusal
from portal.invitations.models import AbstractInvitation
from portal.models import User
from portal.verbs import Verb
from sharing import kinds
from sharing.access.putting_out import refuse_requests
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations.services import lock_to_share
from sharing.models import AccessRequest, Invitation
from sharing.models.request import LIVES
from sharing.permissions import Viewer, covering_access
from sharing.record import record_request
from sharing.requests import emails

State = AccessRequest.State
# After an answer nothing new is asked for so long.
AGAIN_AFTER = timedelta(days=1)
LOOKED_UP_AT_ONCE = 500


@transaction.atomic
def ask_for_approval(*, invitation: Invitation | MemberInvitation, by: User) -> AccessRequest:
    """Ask the inviter to let `by` use an invitation that was sent to another address.

    Asking again while a request waits does nothing new. Raises Refusal when the invitation is over, and to
    who was refused and asks again within a day.
    """
    _lock_home(invitation)
    invitation.refresh_from_db()
    if not invitation.is_live():
        raise kinds.answering(invitation).why_not(invitation, by, invitation.nonce)
    field = "invitation" if isinstance(invitation, Invitation) else "member_invitation"
    request = AccessRequest.objects.filter(user=by, **{field: invitation}).with_all().first()
    if request and request.is_open:
        return request  # type: ignore[no-any-return]
    if request and _was_just_answered(request):
        raise Refusal(_("They have said no today. Ask again tomorrow, or talk to them."))
    request = request or AccessRequest(user=by, **{field: invitation})
    _begin(request, nonce=invitation.nonce)
    record_request(Verb.APPROVAL_ASKED, request, by)
    emails.queue_approval_asked(request)
    return request


def ask_for_access(*, number: int, by: User, sentence: str, network: str) -> None:
    """Ask those who manage the location with this number to let `by` in, should there be one.

    The same whether there is one or not. Asking again while it waits, or within a day of an answer, does
    nothing new. Raises Refusal where this account, or this network, asks too often.
    """
    try:
        limits.attempt(
            (limits.ASKING_FOR_ACCESS_BY_ACCOUNT, by.pk), (limits.ASKING_FOR_ACCESS_BY_ADDRESS, network)
        )
    except limits.Spent:
        raise Refusal(_("You have asked for very many locations. Go on in an hour.")) from None
    with transaction.atomic():
        rows = AccessRequest.objects.select_for_update(of=("self",))
        request, is_new = rows.get_or_create(user=by, number=number, defaults={"sentence": sentence.strip()})
        if not is_new and not request.is_open and not _was_just_answered(request):
            request.looked_up, request.location = False, None
            _begin(request, sentence=sentence.strip())
        celery.nudge("sharing.tasks.look_up_requests")


def look_up_due() -> int:
    """Find the locations that were asked for, and tell those who manage them; returns how many."""
    looked_up = 0
    for request in AccessRequest.objects.filter(looked_up=False, number__isnull=False)[:LOOKED_UP_AT_ONCE]:
        with transaction.atomic():
            mine = AccessRequest.objects.filter(pk=request.pk, looked_up=False).update(looked_up=True)
            if mine:
                _look_up(request)
            looked_up += mine
    return looked_up


def forget_old() -> int:
    """Delete what nobody answered in time, whether there was such a location or not; returns how many."""
    old = AccessRequest.objects.filter(state=State.PENDING, asked_at__lte=timezone.now() - LIVES)
    return int(old.delete()[0])


def refuse_what_is_over(kind: type[AbstractInvitation], ids: Collection[int]) -> None:
    """Answer who asked to use one of these invitations, which can be accepted no longer, under its locks.

    Refused by nobody, and told: whoever asked need not wait for what cannot come.
    """
    column = {Invitation: "invitation", MemberInvitation: "member_invitation"}.get(kind)
    if column:
        refuse_requests(AccessRequest.objects.over().filter(**{f"{column}__in": ids}).with_all(), None)


def answer_what_is_over() -> int:
    """The same for what nobody noticed: invitations that were renewed, or ran out; returns how many."""
    over = AccessRequest.objects.over().order_by("pk").values_list("pk", flat=True)
    with transaction.atomic():
        asked = AccessRequest.objects.over().filter(pk__in=list(over[:LOOKED_UP_AT_ONCE]))
        return len(refuse_requests(asked.with_all(), None))


def may_answer(user: User, request: AccessRequest) -> bool:
    """Whether they approve or refuse it: whoever may withdraw the invitation, or share the location."""
    if request.member_invitation:
        return is_administrator(user, request.member_invitation.organisation)
    if request.invitation:
        return Viewer.of(user, request.invitation.location).may_withdraw(request.invitation)
    return request.location is not None and Viewer.of(user, request.location).may_share


def to_answer_on(viewer: Viewer) -> list[AccessRequest]:
    """What is asked about a location that this viewer may answer, newest first. One query, or none."""
    if not viewer.may_share:
        return []
    asked = AccessRequest.objects.open().for_location(viewer.location).with_all()
    return [one for one in asked if one.invitation is None or viewer.may_withdraw(one.invitation)]


def approve(
    *, request: AccessRequest, by: User, level: Level = Level.VIEW, access_ends_at: datetime | None = None
) -> None:
    """Let the person in: by the invitation, exactly as if it had been sent to them; or, where a location was
    asked for, at `level` until `access_ends_at`, no longer than `by` has it.

    Raises Refusal when it is not theirs to approve, was answered, or the invitation is no longer the same;
    and where nothing can be given to the person, whose request is refused by that.
    """
    try:
        _approve(request, by, level, access_ends_at)
    except CannotReceive:
        refuse(request=request, by=by)
        raise


@transaction.atomic
def _approve(request: AccessRequest, by: User, level: Level, access_ends_at: datetime | None) -> None:
    _lock_to_answer(request, by)
    request.refresh_from_db(fields=["state"])
    if request.state == State.SETTLED and _has_as_much(request, level, access_ends_at):
        return
    _settle(request, by, State.APPROVED)
    if request.offer is not None:
        record_request(Verb.APPROVAL_GIVEN, request, by)
        accept: Callable[..., Any] = invitations_accepting.accept if request.invitation else membership.accept
        accept(invitation=request.offer, by=request.user, nonce=request.nonce, approved=True)
    else:
        record_request(Verb.REQUEST_APPROVED, request, by)
        _give(request, by, level, access_ends_at)
    emails.queue_answer(request)


@transaction.atomic
def refuse(*, request: AccessRequest, by: User) -> None:
    """Say no; the person is told. Raises Refusal when it is not theirs to refuse, or was answered."""
    _lock_to_answer(request, by)
    _settle(request, by, State.REFUSED)
    record_request(Verb.APPROVAL_REFUSED if request.offer else Verb.REQUEST_REFUSED, request, by)
    emails.queue_answer(request)


def _give(request: AccessRequest, by: User, level: Level, access_ends_at: datetime | None) -> None:
    location, through = lock_to_share(cast(Location, request.location), by)
    locations.give_access(
        location=location,
        party=request.user,
        level=level,
        reason=Access.Reason.REQUEST,
        by=by,
        through=through,
        ends_at=through.gives_until(access_ends_at),
    )


def _has_as_much(request: AccessRequest, level: Level, access_ends_at: datetime | None) -> bool:
    """Whether who asked for a location has as much by another way by now: that is as good as approved."""
    location = request.location
    return location is not None and bool(
        covering_access(request.user, location, level=level, ends_at=access_ends_at)
    )


def _lock_to_answer(request: AccessRequest, by: User) -> None:
    """Lock what it is about. Raises Refusal unless `by` may answer now."""
    _lock_home(request.offer or request)
    if not may_answer(by, request):
        raise Refusal(_("You no longer have the right to do this here."))


def _lock_home(thing: Any) -> None:
    """Lock the location, or the organisation, that an invitation or a request is about."""
    if isinstance(thing, MemberInvitation):
        lock_organisation(thing.organisation)
    else:
        locations.lock_location(thing.location)


def _settle(request: AccessRequest, by: User, state: State) -> None:
    if AccessRequest.objects.answer([request], state, by=by):
        return
    request.refresh_from_db(fields=["state", "settled_by", "settled_at"])
    if request.state == State.SETTLED:
        raise Refusal(_("They already have access by another way."))
    if request.offer and request.settled_by is None:
        raise kinds.answering(request.offer).why_not(request.offer, by, request.nonce)
    raise Refusal(_("Somebody has answered this request meanwhile."))


def _begin(request: AccessRequest, **fields: str) -> None:
    for name, value in fields.items():
        setattr(request, name, value)
    request.state, request.asked_at = State.PENDING, timezone.now()
    request.settled_at = request.settled_by = None
    request.save()


def _was_just_answered(request: AccessRequest) -> bool:
    """By somebody: that the invitation ended, or that they had it another way, was nobody's answer."""
    if request.settled_at is None or request.settled_by_id is None:
        return False
    return request.settled_at > timezone.now() - AGAIN_AFTER


def _look_up(request: AccessRequest) -> None:
    location = Location.objects.filter(pk=request.number or 0, archived_at__isnull=True).first()
    if location is None or level_of(request.user, location) is not None:
        return
    request.location = location
    request.save(update_fields=["location"])
    record_request(Verb.REQUEST_MADE, request, request.user)
    emails.queue_access_asked(request)

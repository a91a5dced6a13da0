"""Undoing what one has just done on the Permissions tab: for ten minutes, for whoever did it alone.

What an act changed is found by looking before and after it, under the lock on its location, so that all it
brings with it is undone too; `bringing_back` does that. Offered and done only while whoever did it may still
share there, and those concerned can be given something; refused once anything about the location, or about
those whose access it was, has changed since.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.models import Access, Location
from organisations.models import Organisation
from organisations.services import lock_organisation
from portal import limits
from portal.accounts.receiving import CANNOT_RECEIVE, can_receive
from portal.activity.record import record
from portal.errors import Refusal
from portal.invitations.models import throttle
from portal.models import Activity, User
from portal.verbs import Verb
from sharing.models import Invitation, Transfer, Undo
from sharing.models.undo import LASTS, Before
from sharing.permissions import Viewer
from sharing.tab.bringing_back import bring_back, gives_more, to_send_again
from sharing.tab.how_it_was import accesses_of, how_it_is, memberships_of, what_changed

# What a browser can undo, in its session: the last act on each of some locations.
_SESSION_KEY = "undos"
_REMEMBERED = 10
KEPT = timedelta(days=1)
# What is on the record of a location and changes nothing. A code that was looked at goes with the lowering of
# who may have looked.
_CHANGES_NOTHING = (
    Verb.INVITATION_DELIVERED,
    Verb.INVITATION_UNDELIVERED,
    Verb.CODE_SHOWN,
    Verb.VIEWED_AS,
    Verb.WRONG_CODE,
    Verb.REVIEWED,
)
# What is on the record of an organisation and changes who it is, or what it takes.
_CHANGES_A_PARTY = (
    Verb.ORGANISATION_CHANGED,
    Verb.ORGANISATION_CLOSED,
    Verb.KEY_REPLACED,
    Verb.MEMBER_JOINED,
    Verb.MEMBER_LEFT,
    Verb.MEMBER_REMOVED,
    Verb.ROLE_CHANGED,
    Verb.ADMINISTRATOR_APPOINTED,
)
# Written down a little before it was committed: longer than a transaction of a page takes.
_SLACK = timedelta(minutes=1)
_TOO_LATE = _("This can no longer be undone: something has changed here since, or ten minutes are over.")
_NOT_YOURS = _("You no longer have the right to do this here.")
_TOO_OFTEN = _(
    "You have undone very many changes within an hour, so nothing was undone. You can change it by hand."
)
_TOO_MUCH_MAIL = _(
    "Undoing this would send more invitations than you can send now, so nothing was undone. "
    "You can give the access again by hand."
)
_Result = TypeVar("_Result")


@transaction.atomic
def do_undoably(location: Location, by: User, act: Callable[[], _Result]) -> tuple[_Result, Undo | None]:
    """Do it, and keep how it was; returns what it returned, and what undoes it.

    That is None where nothing changed, and where whoever did it could not undo it: of their own access, of
    what they may share no longer, or to somebody who can be given nothing.
    """
    location = locations.lock_location(location)
    before = how_it_is(location)
    result = act()
    viewer = Viewer.of(by, location)
    changed = what_changed(before, location, viewer)
    if not any(changed.values()) or _why_not(changed, viewer):
        return result, None
    return result, Undo.objects.create(
        location=location, by=by, last_entry=_last_entry(location), before=changed
    )


def offer_undo(request: HttpRequest, undo: Undo | None) -> None:
    """Let the location's tab offer it; what was offered there before can be undone no longer."""
    if undo:
        kept = {**request.session.get(_SESSION_KEY, {}), str(undo.location.uuid): str(undo.uuid)}
        request.session[_SESSION_KEY] = dict(list(kept.items())[-_REMEMBERED:])


def offer_no_more(request: HttpRequest, location: Location) -> None:
    """What could be undone here was."""
    kept = request.session.get(_SESSION_KEY, {})
    request.session[_SESSION_KEY] = {at: act for at, act in kept.items() if at != str(location.uuid)}


def offered(request: HttpRequest, user: User, location: Location) -> Undo | None:
    """What this person can undo here now, of what their browser remembers."""
    return offered_to(user, location, request.session.get(_SESSION_KEY, {}).get(str(location.uuid), ""))


def offered_to(user: User, location: Location, uuid: str) -> Undo | None:
    """The act of this number, if it is theirs, of this location, and can be undone now."""
    try:
        found = Undo.objects.filter(uuid=UUID(uuid), by=user, location=location).first()
    except ValueError:
        return None
    return found if found and not _why_not_now(found, Viewer.of(user, location)) else None


def takes_the_code(undo: Undo) -> bool:
    """Whether the live code goes with undoing it, as it gives more than somebody would have again."""
    before: Before = undo.before
    code = Invitation.objects.live_code_of(undo.location)
    levels = dict(Access.objects.live().filter(location=undo.location).values_list("pk", "level"))
    lowered = [was for was in before["accesses"] if levels.get(was["pk"], 0) > was["level"]]
    return code is not None and any(code.level > was["level"] for was in lowered)


def undo(*, undo: Undo, by: User) -> None:
    """Bring back what was; on the record as undone, and told to whom it was taken from.

    It counts among what `by` may undo, and send, in an hour. Raises Refusal, and changes nothing, where that
    is spent; for anybody else; once ten minutes are over or anything has changed; and where it could not be
    given any more.
    """
    _refuse_unless_it_can_be(undo, Viewer.of(by, undo.location))
    _throttle(undo, by)
    with transaction.atomic():
        for organisation in _organisations_of(undo):
            lock_organisation(organisation)
        location = locations.lock_location(undo.location)
        mine = Undo.objects.filter(pk=undo.pk, by=by, done_at=None, at__gt=timezone.now() - LASTS)
        if not mine.update(done_at=timezone.now()):
            raise Refusal(_TOO_LATE)
        viewer = Viewer.of(by, location)
        _refuse_unless_it_can_be(undo, viewer)
        record(Verb.UNDONE, by=by, location=location)
        bring_back(undo.before, viewer)


def forget_old() -> int:
    """Delete what can be undone no longer; returns how many."""
    return Undo.objects.filter(at__lt=timezone.now() - KEPT).delete()[0]


# --- Whether -----------------------------------------------------------------------------------------


def _refuse_unless_it_can_be(undo: Undo, viewer: Viewer) -> None:
    reason = _why_not_now(undo, viewer)
    if reason:
        raise reason


def _why_not_now(undo: Undo, viewer: Viewer) -> Refusal | None:
    """Why this viewer cannot undo it; None if they can."""
    if undo.by_id != viewer.user.pk or not undo.is_open or _has_changed(undo, viewer):
        return Refusal(_TOO_LATE)
    return _why_not(undo.before, viewer)


def _why_not(before: Before, viewer: Viewer) -> Refusal | None:
    """Why this viewer cannot bring that back, as things stand; None if they can. No query."""
    accesses = accesses_of(before, viewer)
    # Nobody gives themselves anything, so what is given up stays given up.
    if not viewer.may_share or any(map(viewer.holds, accesses)):
        return Refusal(_NOT_YOURS)
    given = [one for one, was in zip(accesses, before["accesses"], strict=True) if gives_more(one, was)]
    if any(one.user and not can_receive(one.user) for one in given):
        return Refusal(CANNOT_RECEIVE)
    return None


def _has_changed(undo: Undo, viewer: Viewer) -> bool:
    """Whether anything has: at the location, in the organisations that had the access, in the memberships of
    the people. Each is found by an index of its own, however long the record is."""
    since = Activity.objects.filter(pk__gt=undo.last_entry, at__gt=undo.at - _SLACK)
    if since.filter(location_id=undo.location_id).exclude(verb__in=_CHANGES_NOTHING).exists():
        return True
    accesses = accesses_of(undo.before, viewer)
    organisations = {one.organisation_id for one in accesses if one.organisation_id}
    theirs = since.filter(organisation_id__in=organisations, verb__in=_CHANGES_A_PARTY)
    return theirs.exists() or memberships_of(accesses) != undo.before["memberships"]


def _throttle(undo: Undo, by: User) -> None:
    """Count it, and what it sends as if `by` had invited them all again. Raises Refusal."""
    if not limits.count(limits.UNDOS_BY_ACCOUNT, by.pk):
        raise Refusal(_TOO_OFTEN)
    for one in to_send_again(undo.before):
        # Under the same names as inviting them there.
        about = f"transfer/{one.location_id}" if isinstance(one, Transfer) else str(one.location_id)
        organisation = one.organisation_id if isinstance(one, Invitation) else None
        try:
            throttle(by, about=about, recipient=one.email or str(organisation))
        except Refusal:
            raise Refusal(_TOO_MUCH_MAIL) from None


def _last_entry(location: Location) -> int:
    entries = Activity.objects.filter(location_id=location.pk).order_by("-pk")
    return entries.values_list("pk", flat=True).first() or 0


def _organisations_of(undo: Undo) -> Iterable[Organisation]:
    """Locked first, in one order: they may just be being deleted."""
    before: Before = undo.before
    accesses = Access.objects.filter(pk__in=[was["pk"] for was in before["accesses"]])
    invitations = Invitation.objects.filter(pk__in=[was["pk"] for was in before["invitations"]])
    concerned = accesses.values("organisation").union(invitations.values("organisation"))
    return Organisation.objects.filter(pk__in=concerned).order_by("pk")

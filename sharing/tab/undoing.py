"""Undoing what one has just done on the Permissions tab: for ten minutes, for whoever did it alone.

What an act changed is found by looking before and after it, under the lock on its location, so that all it
brings with it is undone too. What had ended comes back as access of its own, given by whoever had given it;
invitations come back with a new code and a new e-mail. Refused once anything there has changed since.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from organisations.models import Organisation
from organisations.services import lock_organisation
from portal.accounts.receiving import lock_receiver
from portal.activity.record import record
from portal.errors import Refusal
from portal.models import Activity, User
from portal.verbs import Verb
from sharing.access.changing import gives_more
from sharing.access.emails import queue_access_back
from sharing.access.settling import settle_what_waits
from sharing.invitations import emails as invitations_emails
from sharing.invitations.recipients import refuse_unless_it_takes_shares
from sharing.invitations.services import fill
from sharing.models import AccessRequest, Invitation, Transfer, Undo
from sharing.models.undo import LASTS
from sharing.permissions import Viewer, access_to_share_by
from sharing.record import record_invitation
from sharing.transfers import services as transfers

# What a browser can undo, in its session.
UNDO = "undo"
KEPT = timedelta(days=1)
# What is on the record and changes nothing.
_CHANGES_NOTHING = (
    Verb.INVITATION_DELIVERED,
    Verb.INVITATION_UNDELIVERED,
    Verb.CODE_SHOWN,
    Verb.VIEWED_AS,
    Verb.WRONG_CODE,
    Verb.REVIEWED,
)
_TOO_LATE = _("This can no longer be undone: something has changed here since, or ten minutes are over.")
_Result = TypeVar("_Result")
# By kind, and by primary key: the terms.
_State = dict[str, dict[int, list[Any]]]


@transaction.atomic
def do_undoably(location: Location, by: User, act: Callable[[], _Result]) -> tuple[_Result, Undo | None]:
    """Do it, and keep how it was; returns what it returned, and what undoes it (None: nothing changed)."""
    location = locations.lock_location(location)
    before = _state_of(location)
    result = act()
    after = _state_of(location)
    changed = {
        kind: [[pk, *terms] for pk, terms in rows.items() if after[kind].get(pk) != terms]
        for kind, rows in before.items()
    }
    if not any(changed.values()):
        return result, None
    return result, Undo.objects.create(
        location=location, by=by, last_entry=_last_entry(location), before=changed
    )


def offer_undo(request: HttpRequest, undo: Undo | None) -> None:
    """Let the tab offer it; what was offered before can be undone no longer."""
    if undo:
        request.session[UNDO] = str(undo.uuid)


def offered_to(user: User, location: Location, uuid: str) -> Undo | None:
    """What this person can undo here now, of what their browser remembers."""
    try:
        found = Undo.objects.filter(uuid=UUID(uuid), by=user, location=location).first()
    except ValueError:
        return None
    return found if found and found.is_open and not _has_changed(found) else None


@transaction.atomic
def undo(*, undo: Undo, by: User) -> None:
    """Bring back what was; on the record as undone, and told to whom it was taken from.

    Raises Refusal for anybody else, once ten minutes are over or anything has changed, and where it could not
    be given any more.
    """
    for organisation in _organisations_of(undo):
        lock_organisation(organisation)
    location = locations.lock_location(undo.location)
    mine = Undo.objects.filter(pk=undo.pk, by=by, done_at=None, at__gt=timezone.now() - LASTS)
    if not mine.update(done_at=timezone.now()) or _has_changed(undo):
        raise Refusal(_TOO_LATE)
    if not Viewer.of(by, location).may_share:
        raise Refusal(_("You no longer have the right to do this here."))
    record(Verb.UNDONE, by=by, location=location)
    back = _bring_back_access(undo, location, by)
    _bring_back_invitations(undo, location, by)
    _bring_back_transfers(undo)
    _bring_back_requests(undo)
    # Somebody may have come to see the location as a member of an organisation meanwhile.
    settle_what_waits([location])
    queue_access_back(back, by)


def forget_old() -> int:
    """Delete what can be undone no longer; returns how many."""
    return Undo.objects.filter(at__lt=timezone.now() - KEPT).delete()[0]


def _state_of(location: Location) -> _State:
    live = Access.objects.live().filter(location=location)
    invited = Invitation.objects.open().filter(location=location)
    return {
        "access": {
            pk: [level, ends_at and ends_at.isoformat()]
            for pk, level, ends_at in live.values_list("pk", "level", "ends_at")
        },
        "invitation": {pk: [level] for pk, level in invited.values_list("pk", "level")},
        "transfer": {
            pk: [] for pk in Transfer.objects.open().filter(location=location).values_list("pk", flat=True)
        },
        "request": {
            pk: [] for pk in AccessRequest.objects.waiting_on([location.pk]).values_list("pk", flat=True)
        },
    }


def _last_entry(location: Location) -> int:
    entries = Activity.objects.filter(location_id=location.pk).order_by("-pk")
    return entries.values_list("pk", flat=True).first() or 0


def _has_changed(undo: Undo) -> bool:
    since = Activity.objects.filter(location_id=undo.location_id, pk__gt=undo.last_entry)
    return since.exclude(verb__in=_CHANGES_NOTHING).exists()


def _keys(undo: Undo, kind: str) -> list[int]:
    return [pk for pk, *_terms in undo.before[kind]]


def _organisations_of(undo: Undo) -> Iterable[Organisation]:
    """Locked first, in one order: they may just be being deleted."""
    accesses = Access.objects.filter(pk__in=_keys(undo, "access")).values("organisation")
    invitations = Invitation.objects.filter(pk__in=_keys(undo, "invitation")).values("organisation")
    return Organisation.objects.filter(pk__in=accesses.union(invitations)).order_by("pk")


def _bring_back_access(undo: Undo, location: Location, by: User) -> list[Access]:
    """Change back what was changed, then give anew what had ended, in the order in which it was given."""
    rows = Access.objects.with_parties().mark_live().in_bulk(_keys(undo, "access"))
    _lock_people(rows.values())
    anew: dict[int, Access] = {}
    # First what holds: raised, it may cover what it had replaced.
    for pk, level, ends in sorted(
        undo.before["access"], key=lambda one: (not rows[one[0]].holds_now, one[0])
    ):
        access, ends_at = rows[pk], datetime.fromisoformat(ends) if ends else None
        access.location = location
        if access.holds_now:
            if isinstance(access.party, User) and gives_more(access, Level(level), ends_at):
                lock_receiver(access.party, by=by)
            locations.change_access(access=access, level=Level(level), ends_at=ends_at, by=by)
        elif ends_at is None or ends_at > timezone.now():
            source = access.given_through_id or 0
            anew[pk] = locations.give_access(
                location=location,
                party=access.party,
                level=Level(level),
                reason=Access.Reason(access.reason),
                by=access.given_by,
                through=anew.get(source) or access.given_through,
                ends_at=ends_at,
                recorded_by=by,
            )
    return list(anew.values())


def _bring_back_invitations(undo: Undo, location: Location, by: User) -> None:
    rows = Invitation.objects.with_all().in_bulk(_keys(undo, "invitation"))
    for pk, level in undo.before["invitation"]:
        invitation = rows[pk]
        invitation.location = location
        if invitation.is_live():
            invitation.level = level
            invitation.save(update_fields=["level"])
            record_invitation(Verb.INVITED_AGAIN, invitation, by)
            continue
        through = access_to_share_by(invitation.invited_by, location)
        if through is None or not _takes_shares(invitation.organisation):
            continue
        ends_at = invitation.access_ends_at
        fill(invitation, invitation.invited_by, through, Level(level), invitation.message, ends_at)
        invitation.save()
        record_invitation(Verb.INVITED_AGAIN, invitation, by)
        if invitation.kind != Invitation.Kind.CODE:
            invitations_emails.queue_invitation(invitation)


def _takes_shares(organisation: Organisation | None) -> bool:
    """Whether it, where it is one, can be invited still."""
    try:
        if organisation:
            refuse_unless_it_takes_shares(organisation)
    except Refusal:
        return False
    return True


def _bring_back_transfers(undo: Undo) -> None:
    for transfer in Transfer.objects.with_all().filter(pk__in=_keys(undo, "transfer")):
        transfers.send_again(transfer)


def _bring_back_requests(undo: Undo) -> None:
    """What was asked waits again, of an invitation that came back of that one."""
    for request in AccessRequest.objects.with_all().filter(pk__in=_keys(undo, "request")):
        request.state, request.asked_at = AccessRequest.State.PENDING, timezone.now()
        request.settled_at = request.settled_by = None
        request.nonce = request.offer.nonce if request.offer else ""
        request.save()


def _lock_people(accesses: Iterable[Access]) -> None:
    """All at once in the one order: who gives something back locks them one by one."""
    people = User.objects.filter(pk__in=[one.user_id for one in accesses if one.user_id])
    list(people.select_for_update(no_key=True).order_by("pk").values_list("pk"))

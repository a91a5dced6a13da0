"""Bringing back what was, when an act on the Permissions tab is undone; under the caller's lock on its
location.

What had ended comes back as access of its own, given by whoever had given it. Invitations come back with a
new code and a new e-mail, for as long as they had left and no longer; what would be over by now stays over.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TypeVar

from django.utils import timezone

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from organisations.models import Organisation
from portal.accounts.receiving import lock_receiver
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb
from sharing.access import changing
from sharing.access.emails import queue_access_back
from sharing.access.settling import settle_what_waits
from sharing.invitations import emails as invitations_emails
from sharing.invitations.recipients import refuse_unless_it_takes_shares
from sharing.invitations.services import fill
from sharing.models import AccessRequest, Invitation, Transfer
from sharing.models.undo import AccessWas, Before, InvitationWas, Told, TransferWas, Was
from sharing.permissions import Viewer, access_to_share_by
from sharing.record import record_invitation
from sharing.transfers import services as transfers

_Sent = TypeVar("_Sent", bound=TransferWas)


def bring_back(before: Before, viewer: Viewer) -> None:
    """All of it, on behalf of this viewer; told to whom it was taken from. Raises Refusal where somebody can
    be given nothing any more."""
    back = _bring_back_accesses(before["accesses"], viewer)
    _bring_back_invitations(before["invitations"], viewer.location, viewer.user)
    _bring_back_transfers(before["transfers"])
    _bring_back_requests(before["requests"])
    # Somebody may have come to see the location as a member of an organisation meanwhile.
    settle_what_waits([viewer.location])
    queue_access_back(_told_of(back, before["told"]), viewer.user)


def to_send_again(before: Before) -> list[Invitation | Transfer]:
    """What would be sent by e-mail once more. Two queries."""
    invitations = Invitation.objects.with_all().exclude(kind=Invitation.Kind.CODE)
    withdrawn: list[Invitation | Transfer] = [
        one for one in invitations.filter(pk__in=_keys(_left(before["invitations"]))) if not one.is_live()
    ]
    return [*withdrawn, *Transfer.objects.filter(pk__in=_keys(_left(before["transfers"])))]


def gives_more(access: Access, was: AccessWas) -> bool:
    """Whether its party gets something by its coming back."""
    return not access.holds_now or changing.gives_more(access, Level(was["level"]), _moment(was["ends_at"]))


def _bring_back_accesses(accesses: list[AccessWas], viewer: Viewer) -> dict[int, Access]:
    """Change back what was changed, then give anew what had ended; returns what that is by what it was.

    First what holds: raised, it may cover what it had replaced. Of that first what is lowered, as people are
    locked last.
    """
    rows = viewer.accesses
    given = [was for was in accesses if gives_more(rows[was["pk"]], was)]
    _change_back([was for was in accesses if was not in given], viewer)
    _lock_receivers([rows[was["pk"]].party for was in given], viewer.user)
    _change_back([was for was in given if rows[was["pk"]].holds_now], viewer)
    return _give_anew([was for was in given if not rows[was["pk"]].holds_now], viewer)


def _change_back(accesses: list[AccessWas], viewer: Viewer) -> None:
    """Whoever is lowered by it is lowered as anybody is, and the code they may have looked at goes.

    What is offered to them stood there before the act, too, so it stays.
    """
    changes = [
        changing.Change(viewer, viewer.accesses[was["pk"]], Level(was["level"]), _moment(was["ends_at"]))
        for was in accesses
    ]
    if changes:
        changing.apply(changes, viewer.user, let_stand=True)


def _give_anew(accesses: list[AccessWas], viewer: Viewer) -> dict[int, Access]:
    """In the order in which it was given, each by what it had been given on from."""
    anew: dict[int, Access] = {}
    for was in sorted(accesses, key=lambda one: one["pk"]):
        access, ends_at = viewer.accesses[was["pk"]], _moment(was["ends_at"])
        source = access.given_through_id or 0
        if ends_at is None or ends_at > timezone.now():
            anew[access.pk] = locations.give_access(
                location=viewer.location,
                party=access.party,
                level=Level(was["level"]),
                reason=Access.Reason(access.reason),
                by=access.given_by,
                through=anew.get(source) or viewer.accesses.get(source),
                ends_at=ends_at,
                recorded_by=viewer.user,
            )
    return anew


def _told_of(back: dict[int, Access], told: Iterable[Told]) -> list[tuple[Access, Collection[int]]]:
    """What is back, and whom its ending had told."""
    return [
        (access, {one["person"] for one in told if one["access"] == before})
        for before, access in back.items()
    ]


def _bring_back_invitations(invitations: list[InvitationWas], location: Location, by: User) -> None:
    rows = Invitation.objects.with_all().in_bulk(_keys(invitations))
    for was in _left(invitations):
        invitation = rows[was["pk"]]
        invitation.location = location
        if invitation.is_live():
            invitation.level = was["level"]
            invitation.save(update_fields=["level"])
            record_invitation(Verb.INVITED_AGAIN, invitation, by)
            continue
        through = access_to_share_by(invitation.invited_by, location)
        if through is None or not _takes_shares(invitation.organisation):
            continue
        ends_at = invitation.access_ends_at
        fill(invitation, invitation.invited_by, through, Level(was["level"]), invitation.message, ends_at)
        invitation.expires_at = min(invitation.expires_at, datetime.fromisoformat(was["expires_at"]))
        invitation.uses = was["uses"]
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


def _bring_back_transfers(started: list[TransferWas]) -> None:
    rows = Transfer.objects.with_all().in_bulk(_keys(started))
    for was in _left(started):
        transfers.send_again(rows[was["pk"]], until=datetime.fromisoformat(was["expires_at"]))


def _bring_back_requests(requests: list[Was]) -> None:
    """What was asked waits again, of an invitation that came back of that one."""
    for request in AccessRequest.objects.with_all().filter(pk__in=_keys(requests)):
        # As asked anew: the next answer is told though this one was.
        request.state, request.asked_at = AccessRequest.State.PENDING, timezone.now()
        request.settled_at = request.settled_by = None
        request.nonce = request.offer.nonce if request.offer else ""
        request.save()


def _lock_receivers(parties: Iterable[Party], by: User) -> None:
    """The people all at once in the one order; who gives something back locks them one by one, too."""
    people = {party.pk: party for party in parties if isinstance(party, User)}
    rows = User.objects.filter(pk__in=people).select_for_update(no_key=True)
    for pk in rows.order_by("pk").values_list("pk", flat=True):
        lock_receiver(people[pk], by=by)


def _left(sent: Iterable[_Sent]) -> list[_Sent]:
    """Those that would not be over by now."""
    return [was for was in sent if datetime.fromisoformat(was["expires_at"]) > timezone.now()]


def _keys(rows: Iterable[Was]) -> list[int]:
    return [was["pk"] for was in rows]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

"""How access to one location stands: what an act on the Permissions tab changed is found by comparing it."""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from locations.models import Access, Location
from organisations.models import Membership
from portal.models import OutgoingEmail
from sharing.models import AccessRequest, Invitation, Transfer
from sharing.models.undo import Before, MembershipWas, Told, Was
from sharing.permissions import Viewer

_Row = TypeVar("_Row", bound=Was)


def what_changed(before: Before, location: Location, viewer: Viewer) -> Before:
    """Of how it was, what is otherwise now, after an act of the viewer; empty where nothing is."""
    after = how_it_is(location)
    changed = Before(
        accesses=_changed(before["accesses"], after["accesses"]),
        invitations=_changed(before["invitations"], after["invitations"]),
        transfers=_changed(before["transfers"], after["transfers"]),
        requests=_changed(before["requests"], after["requests"]),
        told=[],
        memberships=[],
    )
    accesses = accesses_of(changed, viewer)
    if accesses:
        changed["told"] = _told(accesses)
        changed["memberships"] = memberships_of(accesses)
    return changed


def how_it_is(location: Location) -> Before:
    """All an act on the tab can change."""
    live = Access.objects.live().filter(location=location).order_by("pk")
    invited = Invitation.objects.open().filter(location=location).order_by("pk")
    started = Transfer.objects.open().filter(location=location).order_by("pk")
    waiting = AccessRequest.objects.waiting_on([location.pk])
    return {
        "accesses": [
            {"pk": pk, "level": level, "ends_at": ends_at and ends_at.isoformat()}
            for pk, level, ends_at in live.values_list("pk", "level", "ends_at")
        ],
        "invitations": [
            {"pk": pk, "expires_at": expires_at.isoformat(), "level": level, "uses": uses}
            for pk, expires_at, level, uses in invited.values_list("pk", "expires_at", "level", "uses")
        ],
        "transfers": [
            {"pk": pk, "expires_at": expires_at.isoformat()}
            for pk, expires_at in started.values_list("pk", "expires_at")
        ],
        "requests": [{"pk": pk} for pk in waiting.values_list("pk", flat=True)],
        "told": [],
        "memberships": [],
    }


def accesses_of(before: Before, viewer: Viewer) -> list[Access]:
    """The accesses the act changed, as the viewer sees them now. No query."""
    return [viewer.accesses[was["pk"]] for was in before["accesses"]]


def memberships_of(accesses: Iterable[Access]) -> list[MembershipWas]:
    """Where the people among those who have these belong, and as what."""
    people = {access.user_id for access in accesses if access.user_id}
    rows = Membership.objects.filter(user__in=people).order_by("pk").values_list("pk", "role")
    return [{"pk": pk, "role": role} for pk, role in rows]


def _changed(before: Iterable[_Row], after: Iterable[_Row]) -> list[_Row]:
    now = {row["pk"]: row for row in after}
    return [row for row in before if now.get(row["pk"]) != row]


def _told(accesses: Iterable[Access]) -> list[Told]:
    """Whom an e-mail told just now that one of these had ended."""
    ended: dict[UUID | None, int] = {access.uuid: access.pk for access in accesses if access.ended_at}
    letters = OutgoingEmail.objects.filter(kind="access-removed", about__in=ended, recipient__isnull=False)
    return [
        {"access": ended[about], "person": person}
        for about, person in letters.values_list("about", "recipient")
    ]

"""Whom the record of activity must not name any more."""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from portal.models import Activity, ActivityQuerySet, FormerAddress, digests_of


def without_deleted(entries: ActivityQuerySet) -> ActivityQuerySet:
    """Those in which nobody is shown as deleted: who may not be named must not be found by name either."""
    closed = dict(FormerAddress.objects.order_by("closed_at").values_list("digest", "closed_at"))
    hidden = Q(actor_id__isnull=False, actor_id__in=FormerAddress.objects.values("user"))
    if closed:
        for address in entries.exclude(party_address="").values_list("party_address", flat=True).distinct():
            if closed_at := _latest(closed, digests_of(address)):
                hidden |= Q(party_address=address, at__lte=closed_at)
    return entries.exclude(hidden)


def _latest(closed: dict[str, datetime], digests: set[str]) -> datetime | None:
    """When the last account that had the address of these digests was deleted."""
    return max((closed[digest] for digest in digests if digest in closed), default=None)


class DeletedUsers:
    """Who in these entries has deleted their account since. One query, whatever their number.

    The record itself cannot change: the actor is known by id, the party by the digest of the address.
    """

    def __init__(self, entries: list[Activity]) -> None:
        self._digests = {each: digests_of(each) for entry in entries if (each := entry.party_address)}
        self._people: set[int] = set()
        self._closed_at: dict[str, datetime] = {}
        actors = {entry.actor_id for entry in entries if entry.actor_id}
        found = FormerAddress.objects.filter(
            Q(user__in=actors) | Q(digest__in=set().union(*self._digests.values()))
        )
        for user, digest, closed_at in found.order_by("closed_at").values_list(
            "user_id", "digest", "closed_at"
        ):
            self._people.add(user)
            self._closed_at[digest] = closed_at

    def actor(self, entry: Activity) -> str:
        """What to call who did it, or "" where the entry may say."""
        return _("Deleted user") if entry.actor_id in self._people else ""

    def party(self, entry: Activity) -> str:
        """What to call whom it was done to, or "" where the entry may say.

        Whoever signs up with the address later is somebody else.
        """
        closed_at = _latest(self._closed_at, self._digests.get(entry.party_address, set()))
        return _("Deleted user") if closed_at and entry.at <= closed_at else ""

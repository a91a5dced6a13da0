"""Looking at a location as an entry of its Permissions tab would see it ("View as").

Nobody becomes somebody else by it. A `Viewer` is made for the party out of what the one who looks may know:
the person's own access, and their place in organisations that both belong to; of an organisation, what any
Member of it has. The same pages are built for that Viewer and shown without anything to press
(`sharing.view_as.inert`). What the one who looks has no right to know stays out, so it may be less than the
party really sees, and never more than the one who looks does.
"""

from collections.abc import Iterable
from dataclasses import replace

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access
from locations.record import of_party
from organisations.models import Membership
from portal.errors import Refusal
from portal.failures import Failure
from portal.models import User
from portal.verbs import Verb
from sharing.permissions import Viewer
from sharing.tab.entries import OwnOrganisation, Tab, tab_of

# A Member who is nobody in particular. No person has this key.
ANYBODY = -1


@transaction.atomic
def begin(*, access: Access, by: User) -> None:
    """Put on the record that `by` looks at the location as this entry sees it. Raises Refusal."""
    location = locations.lock_location(access.location)
    viewer = Viewer.of(by, location)
    access = viewer.accesses[access.pk]
    if not viewer.may_view_as(access):
        raise Refusal(_("You can look only as somebody whose access you manage."))
    of_party(Verb.VIEWED_AS, access, by).save()


def viewer_as(viewer: Viewer, access: Access) -> Viewer:
    """The viewer that the party of `access` is, as far as `viewer` may know. At most one query."""
    party = access.party
    if isinstance(party, User):
        user, shared = party, Membership.objects.filter(user=party, organisation__in=viewer.roles)
        roles = dict(shared.values_list("organisation_id", "role"))
    else:
        user, roles = User(pk=ANYBODY), {party.pk: Membership.Role.MEMBER.value}
    seen = Viewer(
        user=user,
        location=viewer.location,
        level=None,
        accesses=viewer.accesses,
        roles=roles,
        knows_people_of=frozenset(viewer.roles),
    )
    seen.level = max(Level(held.level) for held in seen.live if seen.holds(held))
    return seen


def tab_as(viewer: Viewer, seen: Viewer, query: str = "") -> Tab:
    """The Permissions tab as the party sees it, without what the one who looks does not know."""
    tab = tab_of(seen, query)
    for waiting in tab.waiting:
        if isinstance(waiting.delivery, Failure) and not viewer.may_correct(waiting.invitation):
            waiting.delivery = Failure.OTHER
    tab.own = _counted(tab.own, viewer)
    return tab


def names_of_ways(seen: Viewer) -> set[str]:
    """By which ways the party sees the location: names of organisations, "" for personally."""
    held = [access for access in seen.live if seen.holds(access)]
    return {str(access.organisation) if access.organisation else "" for access in held}


def _counted(own: Iterable[OwnOrganisation], viewer: Viewer) -> list[OwnOrganisation]:
    """Of an organisation that the one who looks does not belong to: how many its people are, not who."""
    hidden = {one.organisation.pk for one in own} - set(viewer.roles)
    people = Membership.objects.filter(organisation__in=hidden, user__is_active=True)
    counts = dict(people.values_list("organisation_id").annotate(n=Count("pk"))) if hidden else {}
    return [
        replace(one, members=[], more=counts.get(one.organisation.pk, 0), is_hidden=True)
        if one.organisation.pk in hidden
        else one
        for one in own
    ]

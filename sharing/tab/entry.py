"""All about one entry of the Permissions tab."""

from dataclasses import dataclass

from locations.models import Access
from organisations.models import Membership
from sharing.models import Invitation
from sharing.permissions import Viewer
from sharing.tab import sources
from sharing.tab.entries import Entry, entries_of


@dataclass
class EntryPage:
    """An entry, every way of the same party that the viewer may know of, and whom it means.

    `members` are the organisation's people, for its members alone; `people` is how many they are, for those
    with Manage too. Both are None for whoever may not know.
    """

    entry: Entry
    ways: list[Entry]
    members: list[Membership] | None = None
    people: int | None = None
    may_view_as: bool = False


def page_of(viewer: Viewer, access: Access) -> EntryPage:
    """The page of one live access, as this viewer sees it."""
    shared = Membership.objects.filter(organisation__in=viewer.roles, user__is_active=True)
    of_person = list(shared.filter(user=access.user_id)) if access.user_id else []
    entry = entries_of(viewer, of_person)
    found = sources.counting(viewer, of_person)[sources.party_key(access)]
    page = EntryPage(entry(access), [entry(one) for one in found], may_view_as=viewer.may_view_as(access))
    if access.organisation_id in viewer.roles:
        page.members = list(shared.filter(organisation=access.organisation_id).by_name())
        page.people = len(page.members)
    elif access.organisation_id and viewer.may_see_addresses:
        everybody = Membership.objects.filter(organisation=access.organisation_id, user__is_active=True)
        page.people = everybody.count()
    return page


def invitations_that_end(viewer: Viewer, access: Access) -> int:
    """How many open invitations of the viewer end when they no longer have Manage by this way."""
    others = [a for a in viewer.live if a != access and viewer.holds(a) and a.level == access.level]
    if others:
        return 0
    return int(Invitation.objects.open().filter(location=viewer.location, invited_by=viewer.user).count())

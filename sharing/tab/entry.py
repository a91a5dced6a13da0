"""All about one entry of the Permissions tab."""

from dataclasses import dataclass, field
from datetime import datetime

from locations.levels import Level
from locations.models import Access
from organisations.models import Membership
from sharing.access import changing, removing
from sharing.access.putting_out import TakenBack
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


@dataclass
class Goes:
    """What goes with access that is ended or lowered, said before: what is open to its party, what its party
    has sent, and the live code.
    """

    taken_back: TakenBack = field(default_factory=TakenBack)
    sent: list[Invitation] = field(default_factory=list)
    code: Invitation | None = None
    # What its party gave on: what would end with it at the new end, and what stays as it is.
    shortened: list[Access] = field(default_factory=list)
    stays: list[Access] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.taken_back or self.sent or self.code or self.shortened or self.stays)


def what_goes_with(ending: removing.Ending) -> Goes:
    """What goes with access that ends."""
    sent, code = _open_on(ending.viewer)
    knows = removing.knows_the_code(ending.accesses, ending.viewer)
    return Goes(
        taken_back=removing.offers_to_take_back(ending),
        sent=removing.sent_that_end(sent, ending.accesses, ending.viewer),
        code=code if knows else None,
    )


def what_goes_with_terms(viewer: Viewer, access: Access, level: Level, ends_at: datetime | None) -> Goes:
    """What goes with another level, or another end; nothing, unless it is lower or earlier."""
    change = changing.Change(viewer, access, level, ends_at)
    shortened = [one for one, _level in change.shortened()]
    if not change.lowers:
        return Goes(shortened=shortened)
    sent, code = _open_on(viewer)
    return Goes(
        shortened=shortened,
        stays=[one for one in change.given_on if one not in shortened],
        taken_back=changing.offers_to_take_back(change),
        sent=removing.sent_that_end(sent, [access], viewer),
        code=code if code and code.level > level else None,
    )


def _open_on(viewer: Viewer) -> tuple[list[Invitation], Invitation | None]:
    """The open invitations of the location, and its live code. One query."""
    found = list(Invitation.objects.open().filter(location=viewer.location).with_all())
    codes = [one for one in found if one.kind == Invitation.Kind.CODE]
    return [one for one in found if one not in codes], next(iter(codes), None)


def invitations_that_end(viewer: Viewer, access: Access) -> int:
    """How many open invitations of the viewer end when they no longer have Manage by this way."""
    others = [a for a in viewer.live if a != access and viewer.holds(a) and a.level == access.level]
    if others:
        return 0
    return int(Invitation.objects.open().filter(location=viewer.location, invited_by=viewer.user).count())

"""What the Permissions tab shows: its entries, each with who, what, why, until when, and what may be done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from locations.levels import Level
from locations.models import Access
from organisations.models import Membership, Organisation
from portal.failures import Failure
from portal.invitations.emails import delivery
from portal.lib.humanize import masked
from sharing.access.changing import ends_soon
from sharing.models import Invitation, Transfer
from sharing.permissions import Viewer
from sharing.tab import sources
from sharing.transfers.handover import Handover, handover_of

MEMBERS_SHOWN = 100
# More entries than this are searched and folded.
MANY = 10


@dataclass
class Waiting:
    """An invitation nobody has answered yet, or the live code."""

    invitation: Invitation
    name: str
    level: Level
    # "queued", a Failure, or nothing to say.
    delivery: str
    may_renew: bool
    may_correct: bool
    may_withdraw: bool


@dataclass
class Entry:
    """One way in which somebody has access."""

    access: Access
    level: Level
    name: str
    address: str
    is_you: bool
    is_own: bool
    may_end: bool
    why: str
    giver: str
    # Of several ways its party has: whether this is the one that counts. None where there is but one.
    counts: bool | None
    may_extend: bool
    levels: list[Level] = field(default_factory=list)


@dataclass
class OwnOrganisation:
    """An organisation of the viewer's that has access, with its people."""

    organisation: Organisation
    entry: Entry
    members: list[Membership]
    more: int
    # Whether who they are is not for the reader to know.
    is_hidden: bool = False


@dataclass
class Tab:
    """The whole tab, in its order."""

    viewer: Viewer
    waiting: list[Waiting]
    # Those found, in a long list; `shared_in_all` is how many there are.
    shared: list[Entry]
    shared_in_all: int
    installer: Entry | None
    owner: Entry | None
    own: list[OwnOrganisation]
    handover: Handover
    query: str = ""

    @property
    def waiting_count(self) -> int:
        """How many wait for an answer, the next Owner among them."""
        return len(self.waiting) + len(self.handover.waiting)

    @property
    def is_long(self) -> bool:
        """Whether there are so many that one looks for somebody."""
        return self.shared_in_all > MANY


def tab_of(viewer: Viewer, query: str = "") -> Tab:
    """The tab as this viewer sees it, of those it is shared with only the ones that contain all of `query`.

    The number of queries does not depend on the number of entries.
    """
    own = [a for a in viewer.live if a.organisation_id in viewer.roles]
    owner = viewer.owner
    installer = next((a for a in viewer.live if a.reason == Access.Reason.INSTALLED and a not in own), None)
    shared = [a for a in viewer.live if a not in (*own, owner, installer)]
    people = {access.user_id for access in viewer.live if access.user_id}
    members = _members(own, people, viewer.knows_people_of)
    entry = entries_of(viewer, [one for each in members.values() for one in each])
    invitations, transfers = (list(kind.objects.on_tab(viewer.location)) for kind in (Invitation, Transfer))
    offers = {one.offer for one in invitations if one.offer}
    undelivered = delivery(["invitation", "transfer", "offer"], [*invitations, *transfers, *offers])
    return Tab(
        viewer=viewer,
        waiting=[_one(viewer, one, undelivered.get((one.offer or one).nonce, "")) for one in invitations],
        # What one may have come to extend stands first, before the fold.
        shared=sorted(
            (found for found in map(entry, shared) if _matches(found, query)),
            key=lambda found: not found.may_extend,
        ),
        shared_in_all=len(shared),
        query=query,
        installer=entry(installer) if installer else None,
        owner=entry(owner) if owner else None,
        own=_own(own, members, entry),
        handover=handover_of(viewer, transfers, undelivered),
    )


def entries_of(viewer: Viewer, members: Iterable[Membership]) -> Callable[[Access], Entry]:
    """What makes the entry of an access. `members` are people of the viewer's own organisations."""
    endings = sources.endings(viewer)
    counting = sources.counting(viewer, members)

    def entry(access: Access) -> Entry:
        may_change = viewer.may_change(access)
        several = counting.get(sources.party_key(access), [])
        return Entry(
            access=access,
            level=Level(access.level),
            name=_name(viewer, access),
            address=access.user.email if access.user and viewer.may_see_addresses else "",
            is_you=access.user_id == viewer.user.pk,
            is_own=viewer.is_own(access),
            may_end=viewer.may_end(access),
            why=sources.why(access, endings),
            giver=_giver(viewer, access),
            counts=several[0] == access if len(several) > 1 else None,
            may_extend=may_change and viewer.may_share and ends_soon(access),
            levels=[level for level in Level if may_change and level <= (viewer.level or 0)],
        )

    return entry


def _matches(entry: Entry, query: str) -> bool:
    """By what is shown of it: who may not see an address cannot find by one."""
    shown = f"{entry.name} {entry.address}".casefold()
    return all(word in shown for word in query.casefold().split())


def _giver(viewer: Viewer, access: Access) -> str:
    """Who gave it, where it was given; a person without a name as everywhere."""
    if access.given_by is None or access.reason in Access.STANDING:
        return ""
    giver = str(access.given_by)
    return giver if viewer.may_see_addresses else masked(giver)


def _name(viewer: Viewer, access: Access) -> str:
    """A person without a name is known by the address, which not everybody may see."""
    if access.organisation or (access.user and access.user.name) or viewer.may_see_addresses:
        return str(access.party)
    return masked(str(access.party))


def _one(viewer: Viewer, invitation: Invitation, undelivered: str) -> Waiting:
    may_correct = isinstance(undelivered, Failure) and viewer.may_correct(invitation)
    if isinstance(undelivered, Failure) and not may_correct:
        # It was one of several Administrators, or why is nobody's business but the sharer's.
        undelivered = Failure.OTHER
    return Waiting(
        invitation=invitation,
        name=invitation.recipient if viewer.may_see_addresses else masked(invitation.recipient),
        level=Level(invitation.level),
        delivery=undelivered,
        may_renew=viewer.may_renew(invitation),
        may_correct=may_correct,
        may_withdraw=viewer.may_withdraw(invitation),
    )


def _members(
    own: list[Access], people: set[int], known: frozenset[int] | None
) -> dict[int, list[Membership]]:
    """The people of the viewer's organisations that have access here, by organisation; of `known` ones.

    The first ones by name, and after them those of `people` who are further down: an organisation may have
    thousands. Each knows `.of`, how many its organisation has.
    """
    members: dict[int, list[Membership]] = {}
    ids = {access.organisation_id for access in own if known is None or access.organisation_id in known}
    if ids:
        found = Membership.objects.filter(organisation__in=ids, user__is_active=True).numbered_by_name()
        for membership in found.filter(Q(place__lte=MEMBERS_SHOWN) | Q(user__in=people)).by_name():
            members.setdefault(membership.organisation_id, []).append(membership)
    return members


def _own(
    accesses: list[Access], members: dict[int, list[Membership]], entry: Callable[[Access], Entry]
) -> list[OwnOrganisation]:
    """The organisations of the viewer, each once, with the people this means."""
    return [
        OwnOrganisation(
            organisation=access.organisation,
            entry=entry(access),
            members=members.get(access.organisation_id, [])[:MEMBERS_SHOWN],
            more=_more(members.get(access.organisation_id, [])),
        )
        for access in accesses
        if access.organisation
    ]


def _more(members: list[Membership]) -> int:
    """How many of an organisation's people are not shown."""
    return max(0, members[0].of - MEMBERS_SHOWN) if members else 0

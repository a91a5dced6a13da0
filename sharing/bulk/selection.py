"""Which locations somebody means: those they ticked, or all that match; and who has access to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.db.models import Count, Min, Q
from django.http import QueryDict

from locations.grantees import Ways
from locations.levels import Level
from locations.models import Access, Location
from locations.permissions import Party
from locations.querysets import MOST_TICKED, LocationQuerySet
from organisations.models import Organisation
from portal.lib.paging import cursor_number
from portal.models import User

PARTIES_SHOWN = 200
ANY = "any"


@dataclass(frozen=True)
class Selection:
    """What a form says. Numbers of locations that its person does not see are as if they were not there."""

    user: User
    numbers: tuple[int, ...] = ()
    everything: bool = False
    query: str = ""
    by: str = ""
    # "" those in use, "1" those archived, ANY both.
    archived: str = ""

    @classmethod
    def of(cls, user: User, data: QueryDict | Mapping[str, Any]) -> Self:
        """As the list, or the page after it, sent it."""
        ticked = data.getlist("at") if isinstance(data, QueryDict) else []
        numbers = (cursor_number(text) for text in ticked[:MOST_TICKED])
        return cls(
            user=user,
            numbers=tuple(sorted({number for number in numbers if number is not None})),
            everything=data.get("all") == "1",
            query=data.get("q", "").replace("\0", "").strip()[:200],
            by=data.get("by", "")[:40],
            archived=data.get("archived", "") if data.get("archived", "") in ("1", ANY) else "",
        )

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What a form carries on."""
        if not self.everything:
            return [("at", str(number)) for number in self.numbers]
        rest = {"q": self.query, "by": self.by, "archived": self.archived}
        return [("all", "1"), *((name, value) for name, value in rest.items() if value)]

    def locations(self) -> LocationQuerySet:
        """Those meant, as far as this person sees them."""
        seen: LocationQuerySet
        if not self.everything:
            seen = Location.objects.visible_to(self.user).filter(pk__in=self.numbers)
            return seen
        ways = Ways.of(self.user).only(self.by) if self.by else None
        seen = Location.objects.found_by(self.user, self.query, ways=ways)
        return seen if self.archived == ANY else seen.filter(archived_at__isnull=self.archived == "")

    def locations_of(self, party: Party) -> LocationQuerySet:
        """Those meant; of all there are, only those where this party has access."""
        found = self.locations()
        if not self.everything:
            return found
        return found.filter(pk__in=Access.objects.live().of_party(party).values("location_id"))


@dataclass(frozen=True)
class PartyThere:
    """Somebody with access to some of the locations meant, known by one such access."""

    access: Access
    count: int

    @property
    def key(self) -> str:
        """What a form calls them: the id of an access, which is no one else's to know."""
        return str(self.access.uuid)

    @property
    def party(self) -> Party:
        """Who it is."""
        return self.access.party


def parties_on(selection: Selection) -> list[PartyThere]:
    """Who else has access where this person has Manage: those with most first. Four queries."""
    user = selection.user
    managed = selection.locations().filter(
        pk__in=Location.objects.visible_to(user, Level.MANAGE).values("pk")
    )
    counted = (
        _of_others(user)
        .filter(location__in=managed.values("pk"))
        .values("user_id", "organisation_id")
        .annotate(n=Count("location", distinct=True), first=Min("pk"))
        .order_by("-n", "first")[:PARTIES_SHOWN]
    )
    counts = {row["first"]: row["n"] for row in counted}
    accesses = Access.objects.with_parties().in_bulk(list(counts))
    return [PartyThere(accesses[pk], n) for pk, n in counts.items()]


def party_of(user: User, key: str) -> Access | None:
    """The access of somebody else, on a location this person manages, by which a form names its party."""
    try:
        uuid = UUID(key)
    except ValueError:
        return None
    found: Access | None = _of_others(user).with_parties().filter(uuid=uuid).first()
    managed = Location.objects.visible_to(user, Level.MANAGE)
    return found if found and managed.filter(pk=found.location_id).exists() else None


def _of_others(user: User) -> Any:
    """Neither one's own nor one's organisations', and not the Owner's, which nobody ends."""
    own = Q(user=user) | Q(organisation__in=Organisation.objects.of(user).values("pk"))
    return Access.objects.live().exclude(own).exclude(reason=Access.Reason.OWNER)


def choices(parties: Iterable[PartyThere]) -> list[tuple[str, str]]:
    """For a drop-down: who, and on how many."""
    return [(one.key, f"{one.party} ({one.count})") for one in parties]
